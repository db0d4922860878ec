/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/server/datagram_guard.h"

#include <arpa/inet.h>

static struct datagram_guard guard;

static int set_up(void **state)
{
	(void)state;
	datagram_guard_init(&guard);
	return 0;
}

static struct address address_of(const char *host, unsigned port)
{
	struct address address = {.length = sizeof address.v4, .v4.sin_family = AF_INET};

	if (inet_pton(AF_INET, host, &address.v4.sin_addr) != 1) {
		address = (struct address){.length = sizeof address.v6, .v6.sin6_family = AF_INET6};
		assert_int_equal(inet_pton(AF_INET6, host, &address.v6.sin6_addr), 1);
	}
	address_set_port(&address, port);
	return address;
}

static enum close_reason check(const char *host, unsigned port)
{
	const struct datagram datagram = {
		.source = address_of(host, port), .destination = address_of("192.0.2.1", 0)};

	return datagram_guard_check(&guard, &datagram);
}

static void an_ordinary_source_is_answered(void **state)
{
	(void)state;
	assert_int_equal(check("192.0.2.7", 40000), CLOSE_NONE);
	assert_int_equal(check("127.0.0.1", 1), CLOSE_NONE);
	assert_int_equal(check("2001:db8::7", 65535), CLOSE_NONE);
	assert_int_equal(check("fe80::1", 40000), CLOSE_NONE);
	assert_int_equal(check("223.255.255.255", 40000), CLOSE_NONE);
	assert_int_equal(check("240.0.0.1", 40000), CLOSE_NONE);
}

/* Every port, for a bitmap is easily one off. */
static void ports_of_services_that_answer_are_not_answered(void **state)
{
	(void)state;
	datagram_guard_add_port(&guard, 65432);
	datagram_guard_add_port(&guard, 65535);
	for (unsigned port = 1; port <= UINT16_MAX; port++) {
		bool answers = port == 7 || port == 13 || port == 17 || port == 19 || port == 37 ||
			       port == 65432 || port == 65535;
		enum close_reason expected = answers ? CLOSE_LOOP : CLOSE_NONE;

		assert_int_equal(check("192.0.2.7", port), expected);
		assert_int_equal(check("2001:db8::7", port), expected);
	}
}

static void sources_of_many_are_not_answered(void **state)
{
	(void)state;
	assert_int_equal(check("224.0.0.0", 40000), CLOSE_MULTICAST);
	assert_int_equal(check("239.255.255.255", 40000), CLOSE_MULTICAST);
	assert_int_equal(check("255.255.255.255", 40000), CLOSE_MULTICAST);
	assert_int_equal(check("ff02::1", 40000), CLOSE_MULTICAST);
	assert_int_equal(check("ff0e::1", 7), CLOSE_MULTICAST);
}

static void sources_of_nobody_are_not_answered(void **state)
{
	(void)state;
	assert_int_equal(check("0.0.0.0", 40000), CLOSE_NO_REPLY);
	assert_int_equal(check("::", 40000), CLOSE_NO_REPLY);
	assert_int_equal(check("192.0.2.7", 0), CLOSE_NO_REPLY);
	assert_int_equal(check("2001:db8::7", 0), CLOSE_NO_REPLY);
}

static void what_was_sent_to_many_is_not_answered(void **state)
{
	const struct datagram datagram = {
		.source = address_of("192.0.2.7", 40000), .is_for_many = true};

	(void)state;
	assert_int_equal(datagram_guard_check(&guard, &datagram), CLOSE_MULTICAST);
}

static void what_was_cut_is_not_answered(void **state)
{
	const struct datagram datagram = {.source = address_of("192.0.2.7", 40000), .is_cut = true};

	(void)state;
	assert_int_equal(datagram_guard_check(&guard, &datagram), CLOSE_OVERSIZE);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, set_up)
	const struct CMUnitTest tests[] = {
		ROW(an_ordinary_source_is_answered),
		ROW(ports_of_services_that_answer_are_not_answered),
		ROW(sources_of_many_are_not_answered),
		ROW(sources_of_nobody_are_not_answered),
		ROW(what_was_sent_to_many_is_not_answered),
		ROW(what_was_cut_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
