/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static struct address v4(const char *host, unsigned port)
{
	struct address address = {.length = sizeof address.v4, .v4.sin_family = AF_INET};

	assert_int_equal(inet_pton(AF_INET, host, &address.v4.sin_addr), 1);
	address.v4.sin_port = htons((uint16_t)port);
	return address;
}

static struct address v6(const char *host, unsigned port)
{
	struct address address = {.length = sizeof address.v6, .v6.sin6_family = AF_INET6};

	assert_int_equal(inet_pton(AF_INET6, host, &address.v6.sin6_addr), 1);
	address.v6.sin6_port = htons((uint16_t)port);
	return address;
}

static void expect_format(struct address address, const char *expected)
{
	char text[ADDRESS_TEXT_BYTES];

	address_format(&address, text);
	assert_string_equal(text, expected);
}

static void resolve_reads_numeric_addresses(void **state)
{
	struct address list[4];
	struct error error;
	size_t count = 99;

	(void)state;
	assert_int_equal(address_resolve("127.0.0.1", "7", AF_UNSPEC, SOCK_STREAM, 0, list, 4,
				 &count, &error),
		0);
	assert_int_equal(count, 1);
	expect_format(list[0], "127.0.0.1:7");
	assert_int_equal(
		address_resolve("::1", "65535", AF_UNSPEC, SOCK_STREAM, 0, list, 4, &count, &error),
		0);
	assert_int_equal(count, 1);
	expect_format(list[0], "[::1]:65535");
}

static void resolve_reads_service_names(void **state)
{
	struct address list[4];
	struct error error;
	size_t count;

	(void)state;
	if (getservbyname("http", "tcp") == NULL)
		skip();
	assert_int_equal(address_resolve("127.0.0.1", "http", AF_UNSPEC, SOCK_STREAM, 0, list, 4,
				 &count, &error),
		0);
	expect_format(list[0], "127.0.0.1:80");
}

static void resolve_keeps_services_of_tcp_and_udp_apart(void **state)
{
	struct address list[4];
	struct error error;
	size_t count;

	(void)state;
	if (getservbyname("tftp", "udp") == NULL || getservbyname("tftp", "tcp") != NULL)
		skip();
	assert_int_equal(address_resolve("127.0.0.1", "tftp", AF_UNSPEC, SOCK_DGRAM, 0, list, 4,
				 &count, &error),
		0);
	expect_format(list[0], "127.0.0.1:69");
	assert_int_equal(address_resolve("127.0.0.1", "tftp", AF_UNSPEC, SOCK_STREAM, 0, list, 4,
				 &count, &error),
		-1);
}

static void resolve_of_no_host_gives_the_wildcard_or_the_loopback(void **state)
{
	struct address list[4];
	struct error error;
	size_t count;

	(void)state;
	assert_int_equal(address_resolve(NULL, "7", AF_UNSPEC, SOCK_STREAM, AI_PASSIVE, list, 4,
				 &count, &error),
		0);
	bool has_any = false;
	for (size_t i = 0; i < count; i++)
		has_any = has_any || (list[i].any.sa_family == AF_INET &&
					     list[i].v4.sin_addr.s_addr == htonl(INADDR_ANY));
	assert_true(has_any);
	assert_int_equal(
		address_resolve(NULL, "7", AF_UNSPEC, SOCK_STREAM, 0, list, 4, &count, &error), 0);
	for (size_t i = 0; i < count; i++)
		assert_true(list[i].any.sa_family == AF_INET6 ||
			    list[i].v4.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

static void resolve_gives_each_address_once_and_no_more_than_fit(void **state)
{
	struct address list[8];
	struct error error;
	size_t count;

	(void)state;
	memset(list, 0, sizeof list);
	assert_int_equal(address_resolve("localhost", "7", AF_UNSPEC, SOCK_STREAM, 0, list, 8,
				 &count, &error),
		0);
	assert_in_range(count, 1, 2);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(&list[i], &list[j], sizeof *list);
	assert_int_equal(address_resolve("localhost", "7", AF_UNSPEC, SOCK_STREAM, 0, list, 1,
				 &count, &error),
		0);
	assert_int_equal(count, 1);
}

static void resolve_names_what_it_cannot_find(void **state)
{
	static const char label[] =
		"this-label-is-longer-than-the-63-characters-which-rfc-1035-allows-a-label-to-have";
	struct address list[4];
	struct error error;
	size_t count = 99;

	(void)state;
	assert_int_equal(address_resolve("127.0.0.1", "no-such-service", AF_UNSPEC, SOCK_STREAM, 0,
				 list, 4, &count, &error),
		-1);
	assert_int_equal(error.exit_code, EX_NOHOST);
	assert_non_null(strstr(error.message, "\"127.0.0.1\""));
	assert_non_null(strstr(error.message, "\"no-such-service\""));
	assert_int_equal(
		address_resolve(label, "7", AF_UNSPEC, SOCK_STREAM, 0, list, 4, &count, &error),
		-1);
	assert_int_equal(error.exit_code, EX_NOHOST);
	assert_non_null(strstr(error.message, label));
	assert_int_equal(count, 99);
}

static void normalize_turns_mapped_addresses_into_ipv4(void **state)
{
	struct address address = v6("::ffff:192.0.2.7", 4711);
	struct address expected = v4("192.0.2.7", 4711);

	(void)state;
	address_normalize(&address);
	assert_int_equal(address.length, sizeof address.v4);
	assert_memory_equal(&address.v4, &expected.v4, sizeof address.v4);
}

static void normalize_leaves_other_addresses_alone(void **state)
{
	struct address list[] = {v4("192.0.2.7", 1), v6("2001:db8::1", 2), v6("::192.0.2.7", 3),
		v6("::fffe:192.0.2.7", 4), {.any.sa_family = AF_UNIX}};

	(void)state;
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		struct address before = list[i];

		address_normalize(&list[i]);
		assert_memory_equal(&list[i], &before, sizeof before);
	}
}

static void port_is_read_and_set_in_both_families(void **state)
{
	struct address list[] = {v4("127.0.0.1", 258), v6("::1", 258)};
	struct address other = {.any.sa_family = AF_UNIX};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(address_port(&list[i]), 258);
		address_set_port(&list[i], 65535);
		assert_int_equal(address_port(&list[i]), 65535);
	}
	expect_format(list[0], "127.0.0.1:65535");
	expect_format(list[1], "[::1]:65535");
	address_set_port(&other, 7);
	assert_int_equal(address_port(&other), 0);
}

static void addresses_are_written_for_people(void **state)
{
	struct address scoped = v6("fe80::1", 7);
	struct address longest = v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535);

	(void)state;
	expect_format(v4("0.0.0.0", 0), "0.0.0.0:0");
	expect_format(v4("255.255.255.255", 65535), "255.255.255.255:65535");
	expect_format(v6("::", 80), "[::]:80");
	expect_format(v6("2001:db8::1", 7), "[2001:db8::1]:7");
	expect_format(v6("::ffff:192.0.2.7", 7), "[::ffff:192.0.2.7]:7");
	scoped.v6.sin6_scope_id = 3;
	expect_format(scoped, "[fe80::1%3]:7");
	longest.v6.sin6_scope_id = UINT32_MAX;
	expect_format(longest, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
	expect_format((struct address){.any.sa_family = AF_APPLETALK}, "unknown");
}

static void clear_bits_behind(uint8_t *bytes, unsigned count, unsigned bits)
{
	for (unsigned i = bits; i < count * 8; i++)
		bytes[i / 8] = (uint8_t)(bytes[i / 8] & ~(0x80 >> i % 8));
}

static void prefix_keeps_exactly_the_first_bits(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits <= 128; bits++) {
		struct address four = v4("0.0.0.0", 9), six = v6("::", 9);
		struct address_prefix expected = {.bytes = {AF_INET6}}, prefix;

		for (size_t i = 0; i < 16; i++)
			six.v6.sin6_addr.s6_addr[i] = (uint8_t)support_random();
		memcpy(expected.bytes + 1, &six.v6.sin6_addr, 16);
		clear_bits_behind(expected.bytes + 1, 16, bits);
		prefix = address_prefix(&six, 0, bits);
		assert_memory_equal(&prefix, &expected, sizeof prefix);
		if (bits > 32)
			continue;
		four.v4.sin_addr.s_addr = support_random();
		expected = (struct address_prefix){.bytes = {AF_INET}};
		memcpy(expected.bytes + 1, &four.v4.sin_addr, 4);
		clear_bits_behind(expected.bytes + 1, 4, bits);
		prefix = address_prefix(&four, bits, 0);
		assert_memory_equal(&prefix, &expected, sizeof prefix);
	}
}

static void paths_become_addresses_and_text_again(void **state)
{
	struct address address;
	char path[128], expected[160];

	(void)state;
	assert_true(address_from_path("/run/yodel.sock", &address));
	assert_int_equal(address.any.sa_family, AF_UNIX);
	assert_string_equal(address.un.sun_path, "/run/yodel.sock");
	expect_format(address, "unix:/run/yodel.sock");
	assert_true(address_from_path("@yodel", &address));
	assert_int_equal(address.length, offsetof(struct sockaddr_un, sun_path) + 6);
	assert_int_equal(address.un.sun_path[0], '\0');
	expect_format(address, "unix:@yodel");
	assert_true(address_from_path("a\nb", &address));
	expect_format(address, "unix:a?b");
	expect_format(
		(struct address){.length = sizeof(sa_family_t), .any.sa_family = AF_UNIX}, "unix:");

	memset(path, 'x', sizeof path);
	path[107] = '\0';
	assert_true(address_from_path(path, &address));
	snprintf(expected, sizeof expected, "unix:%s", path);
	expect_format(address, expected);
	path[107] = 'x';
	path[108] = '\0';
	assert_false(address_from_path(path, &address));
	path[0] = '@';
	assert_true(address_from_path(path, &address));
	snprintf(expected, sizeof expected, "unix:%s", path);
	expect_format(address, expected);
	assert_false(address_from_path("", &address));
}

static void a_host_may_be_a_path(void **state)
{
	(void)state;
	assert_string_equal(address_path_of_host("unix:/run/yodel"), "/run/yodel");
	assert_string_equal(address_path_of_host("unix:@yodel"), "@yodel");
	assert_string_equal(address_path_of_host("unix:"), "");
	assert_null(address_path_of_host("unix"));
	assert_null(address_path_of_host("127.0.0.1"));
}

static void only_ipv4_and_ipv6_are_internet(void **state)
{
	struct address four = v4("192.0.2.1", 1), six = v6("2001:db8::1", 1), path, none = {0};
	struct address process = address_of_process(-1);

	(void)state;
	assert_true(address_from_path("@yodel", &path));
	assert_true(address_is_internet(&four));
	assert_true(address_is_internet(&six));
	assert_false(address_is_internet(&path));
	assert_false(address_is_internet(&process));
	assert_false(address_is_internet(&none));
}

static void a_socket_knows_its_address_and_its_peers(void **state)
{
	struct address loopback = v4("127.0.0.1", 0), own, peer;
	int listening = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(bind(listening, &loopback.any, loopback.length), 0);
	assert_int_equal(listen(listening, 1), 0);
	own = address_of_socket(listening);
	assert_int_equal(own.length, sizeof own.v4);
	assert_true(address_is_local(&own));
	assert_int_not_equal(address_port(&own), 0);
	assert_int_equal(address_of_peer(listening).length, 0);
	assert_int_equal(connect(client, &own.any, own.length), 0);
	peer = address_of_peer(client);
	assert_int_equal(peer.length, own.length);
	assert_memory_equal(&peer.v4, &own.v4, sizeof own.v4);
	close(client);
	close(listening);
	assert_int_equal(address_of_socket(-1).length, 0);
	assert_int_equal(address_of_socket(-1).any.sa_family, AF_UNSPEC);
}

static void a_process_is_known_by_its_number_and_user(void **state)
{
	char expected[64];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct address address = address_of_process(ends[0]);
	assert_int_equal(address.any.sa_family, ADDRESS_FAMILY_PROCESS);
	assert_int_equal(address.process.pid, getpid());
	assert_int_equal(address.process.uid, getuid());
	snprintf(
		expected, sizeof expected, "unix:pid:%d,uid:%u", (int)getpid(), (unsigned)getuid());
	expect_format(address, expected);
	assert_int_equal(address_port(&address), 0);
	close(ends[0]);
	close(ends[1]);
}

static struct address process(pid_t pid, uid_t uid)
{
	return (struct address){
		.length = sizeof(struct address_process),
		.process = {ADDRESS_FAMILY_PROCESS, pid, uid},
	};
}

static bool is_same_peer(
	struct address one, struct address other, unsigned v4_bits, unsigned v6_bits)
{
	struct address_prefix first = address_prefix(&one, v4_bits, v6_bits);
	struct address_prefix second = address_prefix(&other, v4_bits, v6_bits);

	return memcmp(&first, &second, sizeof first) == 0;
}

static void prefix_decides_who_is_the_same_peer(void **state)
{
	(void)state;
	assert_true(is_same_peer(v4("192.0.2.7", 1), v4("192.0.2.7", 2), 32, 64));
	assert_false(is_same_peer(v4("192.0.2.7", 1), v4("192.0.2.6", 1), 32, 64));
	assert_true(is_same_peer(v4("192.0.2.7", 1), v4("192.0.2.6", 1), 31, 64));
	assert_true(is_same_peer(v4("10.1.64.1", 1), v4("10.1.95.9", 1), 19, 64));
	assert_false(is_same_peer(v4("10.1.64.1", 1), v4("10.1.96.1", 1), 19, 64));
	assert_true(is_same_peer(v6("2001:db8::1", 1), v6("2001:db8::2", 1), 32, 64));
	assert_false(is_same_peer(v6("2001:db8:0:1::1", 1), v6("2001:db8:0:2::1", 1), 32, 64));
	assert_false(is_same_peer(v4("0.0.0.0", 1), v6("::", 1), 0, 0));
	assert_true(is_same_peer(process(1, 1000), process(2, 1000), 32, 64));
	assert_false(is_same_peer(process(1, 1000), process(1, 1001), 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolve_reads_numeric_addresses),
		cmocka_unit_test(resolve_reads_service_names),
		cmocka_unit_test(resolve_keeps_services_of_tcp_and_udp_apart),
		cmocka_unit_test(resolve_of_no_host_gives_the_wildcard_or_the_loopback),
		cmocka_unit_test(resolve_gives_each_address_once_and_no_more_than_fit),
		cmocka_unit_test(resolve_names_what_it_cannot_find),
		cmocka_unit_test(normalize_turns_mapped_addresses_into_ipv4),
		cmocka_unit_test(normalize_leaves_other_addresses_alone),
		cmocka_unit_test(port_is_read_and_set_in_both_families),
		cmocka_unit_test(addresses_are_written_for_people),
		cmocka_unit_test(paths_become_addresses_and_text_again),
		cmocka_unit_test(a_host_may_be_a_path),
		cmocka_unit_test(only_ipv4_and_ipv6_are_internet),
		cmocka_unit_test(a_socket_knows_its_address_and_its_peers),
		cmocka_unit_test(a_process_is_known_by_its_number_and_user),
		cmocka_unit_test(prefix_keeps_exactly_the_first_bits),
		cmocka_unit_test(prefix_decides_who_is_the_same_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
