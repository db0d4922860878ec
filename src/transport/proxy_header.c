/* SPDX-License-Identifier: MIT */
#include "yodel/transport/proxy_header.h"

#include "yodel/transport/crc32c.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIXED_BYTES = 16, /* of version 2: signature, command, family, length */
	TLV_BYTES = 3,    /* type and length */
	SSL_BYTES = 5,    /* client and verify, before the values within */
	CRC_BYTES = 4,
	UNIQUE_ID_MAX_BYTES = 128,
	SHORTEST_V1_BYTES = sizeof "PROXY UNKNOWN\r\n" - 1,
};

static const char v1_start[] = "PROXY ";
const uint8_t proxy_v2_signature[PROXY_V2_SIGNATURE_BYTES] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* What is being read, and where the outcome goes. */
struct reading {
	const uint8_t *bytes;
	size_t length;
	struct proxy_header *header;
	size_t *missing;
	const char **why;
};

static enum proxy_result bad(const struct reading *reading, const char *why)
{
	*reading->why = why;
	return PROXY_BAD;
}

static enum proxy_result more(const struct reading *reading, size_t missing)
{
	*reading->missing = missing;
	return PROXY_MORE;
}

static bool begins_as(const struct reading *reading, const void *start, size_t bytes)
{
	return memcmp(reading->bytes, start, reading->length < bytes ? reading->length : bytes) ==
	       0;
}

/* A word and the one blank behind it; the last one ends the line. Returns NULL where there is none. */
static char *next_word(char **line, bool is_last)
{
	char *word = *line, *blank = strchr(word, ' ');

	if (is_last)
		return blank == NULL ? word : NULL;
	if (blank == NULL)
		return NULL;
	*blank = '\0';
	*line = blank + 1;
	return word;
}

/* Decimal, as it is written without need: no sign, no leading zero. */
static bool read_port(const char *word, unsigned *port)
{
	size_t digits = strspn(word, "0123456789");
	unsigned long number = strtoul(word, NULL, 10);

	if (digits == 0 || digits > 5 || word[digits] != '\0' || number > UINT16_MAX ||
		(word[0] == '0' && digits > 1))
		return false;
	*port = (unsigned)number;
	return true;
}

static bool read_host(int family, const char *word, struct address *address)
{
	*address = (struct address){.any.sa_family = (sa_family_t)family};
	if (family == AF_INET) {
		address->length = sizeof address->v4;
		return inet_pton(AF_INET, word, &address->v4.sin_addr) == 1;
	}
	address->length = sizeof address->v6;
	return inet_pton(AF_INET6, word, &address->v6.sin6_addr) == 1;
}

/* "HOST HOST PORT PORT" */
static bool read_addresses(char *line, int family, struct proxy_header *header)
{
	unsigned source_port, destination_port;
	const char *source = next_word(&line, false), *destination = NULL, *port = NULL;

	if (source != NULL)
		destination = next_word(&line, false);
	if (destination != NULL)
		port = next_word(&line, false);
	if (port == NULL || !read_port(port, &source_port))
		return false;
	port = next_word(&line, true);
	if (port == NULL || !read_port(port, &destination_port))
		return false;
	if (!read_host(family, source, &header->source) ||
		!read_host(family, destination, &header->destination))
		return false;
	address_set_port(&header->source, source_port);
	address_set_port(&header->destination, destination_port);
	return true;
}

/* The line without "PROXY " and its end. */
static enum proxy_result read_v1_line(const struct reading *reading, char *line)
{
	if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0) {
		reading->header->is_local = true;
		return PROXY_WHOLE;
	}
	bool is_v4 = strncmp(line, "TCP4 ", 5) == 0;
	if (!is_v4 && strncmp(line, "TCP6 ", 5) != 0)
		return bad(reading, "expected TCP4, TCP6 or UNKNOWN behind PROXY");
	if (!read_addresses(line + 5, is_v4 ? AF_INET : AF_INET6, reading->header))
		return bad(reading, "expected two addresses and two ports, a blank between each");
	return PROXY_WHOLE;
}

/* How many bytes of a line without its end are sure to come. */
static size_t missing_in_line(size_t length)
{
	return length + 2 < SHORTEST_V1_BYTES ? SHORTEST_V1_BYTES - length : 2;
}

static enum proxy_result read_v1(const struct reading *reading)
{
	size_t length = reading->length;
	const uint8_t *end = memchr(reading->bytes, '\r', length);
	size_t text = end != NULL ? (size_t)(end - reading->bytes) : length;
	char line[PROXY_V1_MAX_BYTES];

	if (text + 2 > PROXY_V1_MAX_BYTES)
		return bad(reading, "expected the end of the line within 107 bytes");
	if (memchr(reading->bytes, '\n', text) != NULL ||
		memchr(reading->bytes, '\0', text) != NULL)
		return bad(reading, "expected a line of text that ends with CR LF");
	if (end == NULL)
		return more(reading, missing_in_line(length));
	if (text + 1 == length)
		return more(reading, 1);
	if (end[1] != '\n' || text + 2 != length)
		return bad(reading, "expected CR LF at the end of the line and nothing behind it");
	memcpy(line, reading->bytes, text);
	line[text] = '\0';
	*reading->header = (struct proxy_header){.version = 1};
	return read_v1_line(reading, line + sizeof v1_start - 1);
}

static uint16_t read_16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void set_v4(struct address *address, const uint8_t *host, const uint8_t *port)
{
	*address = (struct address){.length = sizeof address->v4, .v4.sin_family = AF_INET};
	memcpy(&address->v4.sin_addr, host, 4);
	memcpy(&address->v4.sin_port, port, 2);
}

static void set_v6(struct address *address, const uint8_t *host, const uint8_t *port)
{
	*address = (struct address){.length = sizeof address->v6, .v6.sin6_family = AF_INET6};
	memcpy(&address->v6.sin6_addr, host, 16);
	memcpy(&address->v6.sin6_port, port, 2);
}

static void set_unix(struct address *address, const uint8_t *path)
{
	*address = (struct address){.un.sun_family = AF_UNIX};
	memcpy(address->un.sun_path, path, sizeof address->un.sun_path);
	address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				      strnlen(address->un.sun_path, sizeof address->un.sun_path));
}

/* Families and transports as the byte has them; only streams come over a stream. */
enum { FAMILY_UNSPEC = 0x00, FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31 };
enum { COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 }; /* with the version */
enum { TCP4_BYTES = 12, TCP6_BYTES = 36, UNIX_BYTES = 216, UNIX_PATH_BYTES = 108 };

static size_t address_bytes(uint8_t family)
{
	switch (family) {
	case FAMILY_TCP4:
		return TCP4_BYTES;
	case FAMILY_TCP6:
		return TCP6_BYTES;
	case FAMILY_UNIX:
		return UNIX_BYTES;
	default:
		return 0;
	}
}

static void set_addresses(struct proxy_header *header, uint8_t family, const uint8_t *at)
{
	switch (family) {
	case FAMILY_TCP4:
		set_v4(&header->source, at, at + 8);
		set_v4(&header->destination, at + 4, at + 10);
		break;
	case FAMILY_TCP6:
		set_v6(&header->source, at, at + 32);
		set_v6(&header->destination, at + 16, at + 34);
		break;
	case FAMILY_UNIX:
		set_unix(&header->source, at);
		set_unix(&header->destination, at + UNIX_PATH_BYTES);
		break;
	default:
		break;
	}
}

/* The checksum is that of the whole header with zeroes in its own place. */
static bool is_checksum_right(const struct reading *reading, const uint8_t *at)
{
	static const uint8_t zeroes[CRC_BYTES];
	size_t before = (size_t)(at - reading->bytes);
	uint32_t crc = crc32c(0, reading->bytes, before);

	crc = crc32c(crc, zeroes, CRC_BYTES);
	crc = crc32c(crc, at + CRC_BYTES, reading->length - before - CRC_BYTES);
	return crc == ((uint32_t)read_16(at) << 16 | read_16(at + 2));
}

/* Where a value of this type is kept, or NULL: others may come, and mean nothing to us. */
static struct proxy_value *place_of(struct proxy_header *header, uint8_t type)
{
	switch (type) {
	case PROXY_TYPE_ALPN:
		return &header->alpn;
	case PROXY_TYPE_AUTHORITY:
		return &header->authority;
	case PROXY_TYPE_UNIQUE_ID:
		return &header->unique_id;
	case PROXY_TYPE_NETNS:
		return &header->netns;
	default:
		return NULL;
	}
}

/* The same within a value about SSL. */
static struct proxy_value *place_in_ssl(struct proxy_header *header, uint8_t type)
{
	switch (type) {
	case PROXY_TYPE_SSL_VERSION:
		return &header->ssl_version;
	case PROXY_TYPE_SSL_CN:
		return &header->ssl_cn;
	case PROXY_TYPE_SSL_CIPHER:
		return &header->ssl_cipher;
	default:
		return NULL;
	}
}

/* A value that is to be more than some bytes to keep. Returns false with *why. */
static bool check_value(const struct reading *reading, uint8_t type, struct proxy_value value)
{
	const char *why = NULL;

	if (type == PROXY_TYPE_CRC32C && value.length != CRC_BYTES)
		why = "expected a checksum of 4 bytes";
	else if (type == PROXY_TYPE_CRC32C && !is_checksum_right(reading, value.bytes))
		why = "expected another checksum";
	else if (type == PROXY_TYPE_UNIQUE_ID && value.length > UNIQUE_ID_MAX_BYTES)
		why = "expected a unique id of at most 128 bytes";
	else if (type == PROXY_TYPE_SSL && value.length < SSL_BYTES)
		why = "expected at least 5 bytes about SSL";
	if (why == NULL)
		return true;
	*reading->why = why;
	return false;
}

/* Takes a value off the front of rest. Returns false where there is no whole one. */
static bool take_value(struct proxy_value *rest, uint8_t *type, struct proxy_value *value)
{
	if (rest->length < TLV_BYTES || rest->length - TLV_BYTES < read_16(rest->bytes + 1))
		return false;
	*type = rest->bytes[0];
	*value = (struct proxy_value){rest->bytes + TLV_BYTES, read_16(rest->bytes + 1)};
	rest->bytes = value->bytes + value->length;
	rest->length -= TLV_BYTES + value->length;
	return true;
}

static enum proxy_result read_ssl(const struct reading *reading, struct proxy_value ssl)
{
	struct proxy_value rest = {ssl.bytes + SSL_BYTES, ssl.length - SSL_BYTES}, value;
	uint8_t type;

	/* Behind the client's flags, 32 bits that are 0 only for a good certificate. */
	reading->header->is_ssl_verified = read_16(ssl.bytes + 1) == 0 &&
					   read_16(ssl.bytes + 3) == 0;
	while (rest.length > 0) {
		if (!take_value(&rest, &type, &value))
			return bad(reading, "expected values that end with what is about SSL");
		struct proxy_value *place = place_in_ssl(reading->header, type);

		if (place != NULL)
			*place = value;
	}
	return PROXY_WHOLE;
}

static enum proxy_result read_values(const struct reading *reading, struct proxy_value rest)
{
	enum proxy_result result = PROXY_WHOLE;
	struct proxy_value value;
	uint8_t type;

	while (result == PROXY_WHOLE && rest.length > 0) {
		if (!take_value(&rest, &type, &value))
			return bad(reading, "expected values that end with the header");
		if (!check_value(reading, type, value))
			return PROXY_BAD;
		struct proxy_value *place = place_of(reading->header, type);

		if (place != NULL)
			*place = value;
		if (type == PROXY_TYPE_SSL)
			result = read_ssl(reading, value);
	}
	return result;
}

static enum proxy_result read_v2_body(const struct reading *reading, uint8_t family)
{
	const uint8_t *body = reading->bytes + FIXED_BYTES;
	size_t length = reading->length - FIXED_BYTES, addresses = address_bytes(family);

	if (addresses == 0)
		return bad(reading, "expected TCP over IPv4 or IPv6, a Unix stream, or UNSPEC");
	if (length < addresses)
		return bad(reading, "expected room for the addresses");
	set_addresses(reading->header, family, body);
	return read_values(reading, (struct proxy_value){body + addresses, length - addresses});
}

static enum proxy_result read_v2(const struct reading *reading)
{
	const uint8_t *bytes = reading->bytes;

	if (reading->length < FIXED_BYTES)
		return more(reading, FIXED_BYTES - reading->length);
	size_t whole = FIXED_BYTES + read_16(bytes + 14);
	uint8_t command = bytes[12];
	if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return bad(reading, "expected version 2 with the command LOCAL or PROXY");
	if (whole > PROXY_HEADER_MAX_BYTES)
		return bad(reading, "expected at most 4096 bytes of version 2");
	if (reading->length < whole)
		return more(reading, whole - reading->length);
	if (reading->length > whole)
		return bad(reading, "expected nothing behind the header");
	*reading->header = (struct proxy_header){
		.version = 2, .is_local = command == COMMAND_LOCAL || bytes[13] == FAMILY_UNSPEC};
	return reading->header->is_local ? PROXY_WHOLE : read_v2_body(reading, bytes[13]);
}

enum proxy_result proxy_header_read(const uint8_t *bytes, size_t length,
	enum proxy_versions allowed, struct proxy_header *header, size_t *missing, const char **why)
{
	const struct reading reading = {bytes, length, header, missing, why};
	bool may_be_v1 = (allowed & PROXY_V1) != 0 &&
			 begins_as(&reading, v1_start, sizeof v1_start - 1);
	bool may_be_v2 = (allowed & PROXY_V2) != 0 &&
			 begins_as(&reading, proxy_v2_signature, sizeof proxy_v2_signature);

	if (may_be_v1)
		return read_v1(&reading);
	if (may_be_v2)
		return read_v2(&reading);
	return bad(&reading, allowed == PROXY_V1   ? "expected a header of version 1"
			     : allowed == PROXY_V2 ? "expected a header of version 2"
						   : "expected a header of version 1 or 2");
}
