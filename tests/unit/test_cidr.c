/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/cidr.h"

#include <arpa/inet.h>

static struct address address_of(const char *host)
{
	struct address address = {.any.sa_family = AF_INET};

	if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1)
		return address;
	address = (struct address){.any.sa_family = AF_INET6};
	assert_int_equal(inet_pton(AF_INET6, host, &address.v6.sin6_addr), 1);
	return address;
}

static bool contains(const char *network, const char *host)
{
	struct address address = address_of(host);
	struct cidr cidr;

	assert_true(cidr_parse(network, &cidr));
	return cidr_contains(&cidr, &address);
}

static void a_network_contains_its_addresses(void **state)
{
	(void)state;
	assert_true(contains("10.0.0.0/8", "10.0.0.0"));
	assert_true(contains("10.0.0.0/8", "10.255.255.255"));
	assert_false(contains("10.0.0.0/8", "11.0.0.0"));
	assert_true(contains("192.0.2.128/25", "192.0.2.129"));
	assert_false(contains("192.0.2.128/25", "192.0.2.127"));
	assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
}

static void without_a_length_it_is_one_address(void **state)
{
	(void)state;
	assert_true(contains("192.0.2.1", "192.0.2.1"));
	assert_false(contains("192.0.2.1", "192.0.2.0"));
	assert_true(contains("::1", "::1"));
	assert_false(contains("::1", "::"));
}

static void length_0_is_the_whole_family_and_no_other(void **state)
{
	(void)state;
	assert_true(contains("0.0.0.0/0", "203.0.113.9"));
	assert_false(contains("0.0.0.0/0", "2001:db8::1"));
	assert_true(contains("::/0", "2001:db8::1"));
	assert_false(contains("::/0", "203.0.113.9"));
}

static void other_text_is_no_network(void **state)
{
	static const char *const texts[] = {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8 ", " 10.0.0.0/8",
		"10.0.0/8", "10.0.0.1/8", "10.0.0.0/8/8", "::/129", "::1/127",
		"::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "localhost",
		"10.0.0.0/99999999999999999999",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"};
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (cidr_parse(texts[i], &cidr))
			fail_msg("\"%s\" was accepted", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_contains_its_addresses),
		cmocka_unit_test(without_a_length_it_is_one_address),
		cmocka_unit_test(length_0_is_the_whole_family_and_no_other),
		cmocka_unit_test(other_text_is_no_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
