/* SPDX-License-Identifier: MIT */
#include "yodel/client/proxy_spec.h"

#include "yodel/base/parse.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { VALUE_MAX_BYTES = 128 }; /* of a unique id; others need no more */

static const struct {
	const char *name;
	uint8_t type;
} values[] = {
	{"alpn=", PROXY_TYPE_ALPN},
	{"authority=", PROXY_TYPE_AUTHORITY},
	{"unique-id=", PROXY_TYPE_UNIQUE_ID},
	{"netns=", PROXY_TYPE_NETNS},
};

/* A part of the text, up to the next comma or the end. */
struct part {
	const char *text;
	size_t length;
};

static bool is_word(struct part part, const char *word)
{
	return part.length == strlen(word) && memcmp(part.text, word, part.length) == 0;
}

/* Whether the part begins with name; then it is cut off. */
static bool take_name(struct part *part, const char *name)
{
	size_t length = strlen(name);

	if (part->length < length || memcmp(part->text, name, length) != 0)
		return false;
	*part = (struct part){part->text + length, part->length - length};
	return true;
}

/* "192.0.2.1:80", "[2001:db8::1]:80" */
static bool read_address(struct part part, struct address *address)
{
	char copy[64], *host = copy;
	struct error error;
	int64_t port;
	size_t count;

	snprintf(copy, sizeof copy, "%.*s", (int)part.length, part.text);
	char *colon = strrchr(copy, ':');
	if (part.length >= sizeof copy || colon == NULL || !parse_integer(colon + 1, &port) ||
		port < 0 || port > UINT16_MAX)
		return false;
	*colon = '\0';
	bool is_bracketed = copy[0] == '[' && colon[-1] == ']';
	if (is_bracketed) {
		colon[-1] = '\0';
		host++;
	}
	return (strchr(host, ':') != NULL) == is_bracketed &&
	       address_resolve(host, colon + 1, AF_UNSPEC, SOCK_STREAM, AI_NUMERICHOST, address, 1,
		       &count, &error) == 0;
}

static bool add_value(struct proxy_spec *spec, uint8_t type, struct part part)
{
	if (spec->version != 2 || spec->value_count == PROXY_SPEC_VALUES_MAX ||
		part.length > VALUE_MAX_BYTES)
		return false;
	for (size_t i = 0; i < spec->value_count; i++)
		if (spec->values[i].type == type)
			return false;
	spec->values[spec->value_count++] = (struct proxy_tlv){type, part.text, part.length};
	return true;
}

static bool read_part(struct proxy_spec *spec, struct part part)
{
	if (is_word(part, "local")) {
		spec->is_local = true;
		return true;
	}
	if (is_word(part, "crc32c"))
		return add_value(spec, PROXY_TYPE_CRC32C, (struct part){"", 0});
	if (take_name(&part, "source="))
		return read_address(part, &spec->source);
	if (take_name(&part, "destination="))
		return read_address(part, &spec->destination);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (take_name(&part, values[i].name))
			return add_value(spec, values[i].type, part);
	return false;
}

static struct part next_part(const char **text)
{
	struct part part = {*text, strcspn(*text, ",")};

	*text += part.length;
	return part;
}

/* Both or none are given, so that nobody is announced whom the connection's own family has no room for. */
static bool has_one_family(const struct proxy_spec *spec)
{
	if (spec->source.length == 0 && spec->destination.length == 0)
		return true;
	return !spec->is_local && spec->source.any.sa_family == spec->destination.any.sa_family;
}

bool proxy_spec_parse(const char *text, struct proxy_spec *spec)
{
	*spec = (struct proxy_spec){.version = 0};
	if (*text == '\0')
		return true;
	struct part version = next_part(&text);
	spec->version = is_word(version, "v1") ? 1 : is_word(version, "v2") ? 2 : 0;
	bool is_good = spec->version != 0;
	while (is_good && *text == ',') {
		text++;
		is_good = read_part(spec, next_part(&text));
	}
	return is_good && has_one_family(spec);
}

bool proxy_spec_check(const char *text, char why[OPTION_WHY_BYTES])
{
	struct proxy_spec spec;

	snprintf(why, OPTION_WHY_BYTES,
		"v1 or v2, and behind commas local, or source=ADDR:PORT and destination=ADDR:PORT of one family, and with v2 authority=, alpn=, unique-id= and netns= of at most %d bytes, and crc32c, each once",
		VALUE_MAX_BYTES);
	return proxy_spec_parse(text, &spec);
}

static size_t write_header(const struct proxy_spec *spec, int fd, uint8_t *bytes, size_t capacity)
{
	struct address source = spec->source.length > 0 ? spec->source : address_of_socket(fd);
	struct address destination = spec->destination.length > 0 ? spec->destination
								  : address_of_peer(fd);
	const struct address *from = spec->is_local ? NULL : &source;
	const struct address *to = spec->is_local ? NULL : &destination;

	if (spec->version == 1)
		return proxy_header_write_v1((char *)bytes, from, to);
	return proxy_header_write_v2(bytes, capacity, from, to, spec->values, spec->value_count);
}

/* The send buffer of a new connection has room for a header. */
int proxy_spec_send(const struct proxy_spec *spec, int fd)
{
	uint8_t bytes[PROXY_HEADER_MAX_BYTES];

	if (spec->version == 0)
		return 0;
	size_t length = write_header(spec, fd, bytes, sizeof bytes);
	if (length == 0)
		return EMSGSIZE;
	ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return errno;
	return sent == (ssize_t)length ? 0 : ENOBUFS;
}
