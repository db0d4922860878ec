/* SPDX-License-Identifier: MIT */
/* Headers of the PROXY protocol: examples of the specification, every truncation, what is wrong. */
#include "support.h"

#include "yodel/transport/crc32c.h"
#include "yodel/transport/proxy_header.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static struct proxy_header header;
static size_t missing;
static const char *why;

/* A copy of its own size on the heap, so that a sanitizer sees each byte read beyond it. */
static enum proxy_result read_bytes(const void *bytes, size_t length, enum proxy_versions allowed)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(length > 0 ? length : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, length);
	why = NULL;
	return proxy_header_read(copy, length, allowed, &header, &missing, &why);
}

/* Whole as it is; and of every part of it, more is wanted, but no more than is left. */
static void expect_whole(const void *bytes, size_t length)
{
	for (size_t part = 0; part < length; part++) {
		if (read_bytes(bytes, part, PROXY_ANY) != PROXY_MORE)
			fail_msg("%zu of %zu bytes: %s", part, length, why);
		assert_in_range(missing, 1, length - part);
	}
	if (read_bytes(bytes, length, PROXY_ANY) != PROXY_WHOLE)
		fail_msg("%s", why);
}

#define WHOLE(literal) expect_whole(literal, sizeof(literal) - 1)
#define BAD(literal)                                                                               \
	assert_int_equal(read_bytes(literal, sizeof(literal) - 1, PROXY_ANY), PROXY_BAD)

static void expect_addresses(const char *source, const char *destination)
{
	char text[ADDRESS_TEXT_BYTES];

	assert_false(header.is_local);
	address_format(&header.source, text);
	assert_string_equal(text, source);
	address_format(&header.destination, text);
	assert_string_equal(text, destination);
}

static void version_1_announces_addresses(void **state)
{
	(void)state;
	WHOLE("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
	expect_addresses("192.168.0.1:56324", "192.168.0.11:443");
	assert_int_equal(header.version, 1);
	WHOLE("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n");
	expect_addresses("[2001:db8::1]:65535", "[::1]:0");
	WHOLE("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n");
	WHOLE("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
}

static void version_1_may_say_unknown(void **state)
{
	(void)state;
	WHOLE("PROXY UNKNOWN\r\n");
	assert_true(header.is_local);
	WHOLE("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
	assert_true(header.is_local);
}

static void other_lines_are_bad(void **state)
{
	(void)state;
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nX");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 \r\n");
	BAD("PROXY TCP4  192.168.0.1 192.168.0.11 56324 443\r\n");
	BAD("PROXY  TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 056 443\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 +56 443\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 -1 443\r\n");
	BAD("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 443\r\n");
	BAD("PROXY TCP4 192.168.0.256 192.168.0.11 56324 443\r\n");
	BAD("PROXY TCP4 ::1 ::1 56324 443\r\n");
	BAD("PROXY TCP6 127.0.0.1 127.0.0.1 56324 443\r\n");
	BAD("PROXY TCP5 127.0.0.1 127.0.0.1 56324 443\r\n");
	BAD("PROXY UDP4 127.0.0.1 127.0.0.1 56324 443\r\n");
	BAD("PROXY UNKNOWNS\r\n");
	BAD("PROXY TCP4\r\n");
	BAD("PROXY \r\n");
	BAD("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 1\r\n");
	BAD("proxy UNKNOWN\r\n");
	BAD("PROXY\tUNKNOWN\r\n");
}

static void a_line_has_107_bytes_at_most(void **state)
{
	char line[PROXY_V1_MAX_BYTES + 2];

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "PROXY UNKNOWN ", 14);
	memcpy(line + PROXY_V1_MAX_BYTES - 2, "\r\n", 2);
	expect_whole(line, PROXY_V1_MAX_BYTES);
	line[PROXY_V1_MAX_BYTES - 2] = 'x';
	memcpy(line + PROXY_V1_MAX_BYTES - 1, "\r\n", 2);
	assert_int_equal(read_bytes(line, PROXY_V1_MAX_BYTES - 1, PROXY_ANY), PROXY_BAD);
	assert_int_equal(read_bytes(line, PROXY_V1_MAX_BYTES + 1, PROXY_ANY), PROXY_BAD);
}

static void what_begins_otherwise_is_bad_from_its_first_byte(void **state)
{
	(void)state;
	BAD("G");
	BAD("PROY");
	BAD("\x16\x03\x01");
	BAD("\r\n\r\n\r");
	assert_int_equal(read_bytes("\r", 1, PROXY_V1), PROXY_BAD);
	assert_int_equal(read_bytes("P", 1, PROXY_V2), PROXY_BAD);
	assert_int_equal(read_bytes("P", 1, PROXY_V1), PROXY_MORE);
	assert_int_equal(read_bytes("\r", 1, PROXY_V2), PROXY_MORE);
}

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4_8080 "\x7f\0\0\1\x0a\0\0\2\x1f\x90\x00\x50"

static void version_2_announces_addresses(void **state)
{
	(void)state;
	WHOLE(SIGNATURE "\x21\x11\0\x0c" TCP4_8080);
	expect_addresses("127.0.0.1:8080", "10.0.0.2:80");
	assert_int_equal(header.version, 2);
	WHOLE(SIGNATURE
		"\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\x1f\x90\x00\x50");
	expect_addresses("[2001:db8::1]:8080", "[::1]:80");
}

static void version_2_announces_unix_sockets(void **state)
{
	uint8_t bytes[16 + 216] = SIGNATURE "\x21\x31\0\xd8";

	(void)state;
	memcpy(bytes + 16, "/run/front", 10);
	memset(bytes + 16 + 108, 'x', 108);
	expect_whole(bytes, sizeof bytes);
	assert_int_equal(header.source.any.sa_family, AF_UNIX);
	assert_string_equal(header.source.un.sun_path, "/run/front");
}

static void local_and_unspec_announce_nobody(void **state)
{
	(void)state;
	WHOLE(SIGNATURE "\x20\x00\0\0");
	assert_true(header.is_local);
	WHOLE(SIGNATURE "\x20\x11\0\x0c" TCP4_8080);
	assert_true(header.is_local);
	WHOLE(SIGNATURE "\x20\xff\0\x03xyz");
	assert_true(header.is_local);
	WHOLE(SIGNATURE "\x21\x00\0\0");
	assert_true(header.is_local);
}

static void expect_text(const struct proxy_value *value, const char *text)
{
	assert_non_null(value->bytes);
	assert_int_equal(value->length, strlen(text));
	assert_memory_equal(value->bytes, text, value->length);
}

static void version_2_brings_values(void **state)
{
	(void)state;
	WHOLE(SIGNATURE "\x21\x11\0\x47" TCP4_8080 "\x01\0\2h2"
			"\x02\0\x0b"
			"example.com"
			"\x04\0\3xxx"
			"\x05\0\2id"
			"\x20\0\x15\x01\0\0\0\0\x21\0\7TLSv1.3\x22\0\3bob"
			"\x30\0\2ns");
	expect_text(&header.alpn, "h2");
	expect_text(&header.authority, "example.com");
	expect_text(&header.unique_id, "id");
	expect_text(&header.ssl_version, "TLSv1.3");
	expect_text(&header.ssl_cn, "bob");
	assert_true(header.is_ssl_verified);
	expect_text(&header.netns, "ns");
	assert_null(header.ssl_cipher.bytes);
}

static void a_certificate_is_verified_only_where_all_bits_say_so(void **state)
{
	enum { VERIFY_OFFSET = 16 + 12 + 3 + 1 };
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char bytes[] = SIGNATURE "\x21\x11\0\x1a" TCP4_8080
					 "\x20\0\x0b\x01\0\0\0\0\x22\0\3bob";

		bytes[VERIFY_OFFSET + i] = 1;
		WHOLE(bytes);
		expect_text(&header.ssl_cn, "bob");
		assert_false(header.is_ssl_verified);
	}
}

static void other_headers_of_version_2_are_bad(void **state)
{
	(void)state;
	BAD(SIGNATURE "\x22\x11\0\x0c" TCP4_8080);                       /* command */
	BAD(SIGNATURE "\x11\x11\0\x0c" TCP4_8080);                       /* version */
	BAD(SIGNATURE "\x21\x12\0\x0c" TCP4_8080);                       /* datagrams */
	BAD(SIGNATURE "\x21\x41\0\x0c" TCP4_8080);                       /* family */
	BAD(SIGNATURE "\x21\x11\0\x0b\x7f\0\0\1\x0a\0\0\2\x1f\x90\x00"); /* too short */
	BAD(SIGNATURE "\x21\x11\0\x0c" TCP4_8080 "x");                   /* bytes behind it */
	BAD(SIGNATURE "\x21\x11\x20\0" TCP4_8080);                       /* 8 KiB */
	BAD(SIGNATURE "\x21\x11\0\x0e" TCP4_8080 "\1\0");                /* half a value */
	BAD(SIGNATURE "\x21\x11\0\x0f" TCP4_8080 "\1\0\1"); /* a value beyond the end */
	BAD(SIGNATURE "\x21\x11\0\x11" TCP4_8080 "\x20\0\2xx");
	BAD(SIGNATURE "\x21\x11\0\x17" TCP4_8080 "\x20\0\x08\0\0\0\0\0\x21\0\1");
	BAD(SIGNATURE "\x21\x11\0\x12" TCP4_8080 "\x03\0\3xxx");
	BAD(SIGNATURE "\x21\x11\0\x13" TCP4_8080 "\x03\0\4xxxx");
}

static void the_checksum_is_crc32c(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static struct address address_of(int family, const char *host, unsigned port)
{
	struct address address = {.any.sa_family = (sa_family_t)family};

	address.length = family == AF_INET ? sizeof address.v4 : sizeof address.v6;
	assert_int_equal(inet_pton(family, host,
				 family == AF_INET ? (void *)&address.v4.sin_addr
						   : (void *)&address.v6.sin6_addr),
		1);
	address_set_port(&address, port);
	return address;
}

static void what_is_written_is_read(void **state)
{
	const struct address v4 = address_of(AF_INET, "192.0.2.1", 1);
	const struct address v6 = address_of(AF_INET6, "2001:db8::2", 65535);
	const struct proxy_tlv tlvs[] = {{PROXY_TYPE_AUTHORITY, "a.example", 9},
		{PROXY_TYPE_CRC32C, NULL, 0}, {PROXY_TYPE_NOOP, "zz", 2}};
	char line[PROXY_V1_MAX_BYTES + 1];
	uint8_t bytes[256];

	(void)state;
	expect_whole(line, proxy_header_write_v1(line, &v4, &v4));
	expect_addresses("192.0.2.1:1", "192.0.2.1:1");
	expect_whole(line, proxy_header_write_v1(line, &v6, &v6));
	expect_addresses("[2001:db8::2]:65535", "[2001:db8::2]:65535");
	expect_whole(line, proxy_header_write_v1(line, &v4, &v6));
	assert_true(header.is_local);
	size_t length = proxy_header_write_v2(bytes, sizeof bytes, &v4, &v4, tlvs, 3);
	expect_whole(bytes, length);
	expect_addresses("192.0.2.1:1", "192.0.2.1:1");
	expect_text(&header.authority, "a.example");
	bytes[length - 1] ^= 1;
	assert_int_equal(read_bytes(bytes, length, PROXY_ANY), PROXY_BAD);
	expect_whole(bytes, proxy_header_write_v2(bytes, sizeof bytes, &v6, &v6, NULL, 0));
	expect_addresses("[2001:db8::2]:65535", "[2001:db8::2]:65535");
	expect_whole(bytes, proxy_header_write_v2(bytes, sizeof bytes, &v4, &v6, NULL, 0));
	assert_true(header.is_local);
	expect_whole(line, proxy_header_write_v1(line, NULL, NULL));
	assert_true(header.is_local);
	expect_whole(bytes, proxy_header_write_v2(bytes, sizeof bytes, NULL, NULL, tlvs, 3));
	assert_true(header.is_local);
	assert_int_equal(proxy_header_write_v2(bytes, 15, &v4, &v4, NULL, 0), 0);
	assert_int_equal(proxy_header_write_v2(bytes, 30, &v4, &v4, tlvs, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_announces_addresses),
		cmocka_unit_test(version_1_may_say_unknown),
		cmocka_unit_test(other_lines_are_bad),
		cmocka_unit_test(a_line_has_107_bytes_at_most),
		cmocka_unit_test(what_begins_otherwise_is_bad_from_its_first_byte),
		cmocka_unit_test(version_2_announces_addresses),
		cmocka_unit_test(version_2_announces_unix_sockets),
		cmocka_unit_test(local_and_unspec_announce_nobody),
		cmocka_unit_test(version_2_brings_values),
		cmocka_unit_test(a_certificate_is_verified_only_where_all_bits_say_so),
		cmocka_unit_test(other_headers_of_version_2_are_bad),
		cmocka_unit_test(the_checksum_is_crc32c),
		cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
