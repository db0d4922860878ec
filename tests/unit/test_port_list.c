/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/port_list.h"

#include <netdb.h>
#include <string.h>
#include <sysexits.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static struct port_list list; /* emptied by each test */
static struct error error;

static int empty(void **state)
{
	(void)state;
	list = (struct port_list){.count = 0};
	error = (struct error){.message = ""};
	return 0;
}

static void assert_ports(const uint16_t *ports, size_t count)
{
	assert_int_equal(list.count, count);
	assert_memory_equal(list.ports, ports, count * sizeof *ports);
}

static void numbers_and_ranges_are_listed_in_their_order(void **state)
{
	static const uint16_t ports[] = {80, 22, 8000, 8001, 8002, 1, 65535};

	(void)state;
	assert_int_equal(port_list_add(&list, "80,22,8000-8002,1,65535", &error), 0);
	assert_ports(ports, COUNT(ports));
}

static void words_are_appended_to_each_other(void **state)
{
	static const uint16_t ports[] = {22, 80, 443};

	(void)state;
	assert_int_equal(port_list_add(&list, "22", &error), 0);
	assert_int_equal(port_list_add(&list, "80,443", &error), 0);
	assert_ports(ports, COUNT(ports));
}

static void a_port_is_listed_once(void **state)
{
	static const uint16_t ports[] = {5, 4, 6, 7};

	(void)state;
	assert_int_equal(port_list_add(&list, "5,5,4-6,0005", &error), 0);
	assert_int_equal(port_list_add(&list, "4-7", &error), 0);
	assert_ports(ports, COUNT(ports));
}

static void a_range_may_be_a_single_port(void **state)
{
	static const uint16_t ports[] = {9};

	(void)state;
	assert_int_equal(port_list_add(&list, "9-9", &error), 0);
	assert_ports(ports, COUNT(ports));
}

static void all_ports_fit(void **state)
{
	(void)state;
	assert_int_equal(port_list_add(&list, "1-65535", &error), 0);
	assert_int_equal(port_list_add(&list, "65535,1-65535", &error), 0);
	assert_int_equal(list.count, PORT_LIST_MAX);
	assert_int_equal(list.ports[0], 1);
	assert_int_equal(list.ports[PORT_LIST_MAX - 1], 65535);
}

static void names_of_services_are_known(void **state)
{
	static const uint16_t ports[] = {22, 80};

	(void)state;
	if (getservbyname("ssh", "tcp") == NULL)
		skip(); /* a machine without services(5) */
	assert_int_equal(port_list_add(&list, "ssh,http,22", &error), 0);
	assert_ports(ports, COUNT(ports));
}

static void names_may_have_a_dash(void **state)
{
	static const uint16_t ports[] = {20};

	(void)state;
	if (getservbyname("ftp-data", "tcp") == NULL)
		skip();
	assert_int_equal(port_list_add(&list, "ftp-data", &error), 0);
	assert_ports(ports, COUNT(ports));
}

static void the_part_that_is_wrong_is_named(void **state)
{
	static const struct {
		const char *word, *part;
	} rows[] = {
		{"", "\"\""},
		{",", "\"\""},
		{"22,", "\"\""},
		{",22", "\"\""},
		{"22,,80", "\"\""},
		{"0", "\"0\""},
		{"22,65536", "\"65536\""},
		{"-1", "\"-1\""},
		{"+22", "\"+22\""},
		{" 22", "\" 22\""},
		{"22 ", "\"22 \""},
		{"22-", "\"22-\""},
		{"-22", "\"-22\""},
		{"1-2-3", "\"1-2-3\""},
		{"10-9", "\"10-9\""},
		{"0-9", "\"0-9\""},
		{"1-65536", "\"1-65536\""},
		{"1--5", "\"1--5\""},
		{"1 - 5", "\"1 - 5\""},
		{"22,no-such-service,80", "\"no-such-service\""},
		{"99999999999999999999", "\"99999999999999999999\""},
		{"2\n2", "\"2\\n2\""},
		{"0x16", "\"0x16\""},
		{"1.5", "\"1.5\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		empty(NULL);
		assert_int_equal(port_list_add(&list, rows[i].word, &error), -1);
		assert_int_equal(error.exit_code, EX_USAGE);
		assert_non_null(strstr(error.message, rows[i].part));
		assert_non_null(strstr(error.message, "1 to 65535"));
	}
}

static void a_part_without_end_is_refused(void **state)
{
	char word[10000];

	(void)state;
	memset(word, '2', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	assert_int_equal(port_list_add(&list, word, &error), -1);
	memset(word, 'a', sizeof word - 1);
	assert_int_equal(port_list_add(&list, word, &error), -1);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(numbers_and_ranges_are_listed_in_their_order, empty),
		cmocka_unit_test_setup(words_are_appended_to_each_other, empty),
		cmocka_unit_test_setup(a_port_is_listed_once, empty),
		cmocka_unit_test_setup(a_range_may_be_a_single_port, empty),
		cmocka_unit_test_setup(all_ports_fit, empty),
		cmocka_unit_test_setup(names_of_services_are_known, empty),
		cmocka_unit_test_setup(names_may_have_a_dash, empty),
		cmocka_unit_test_setup(the_part_that_is_wrong_is_named, empty),
		cmocka_unit_test_setup(a_part_without_end_is_refused, empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
