/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/process.h"

#include <stdio.h>
#include <unistd.h>

static void a_process_is_named_with_its_number(void **state)
{
	char name[32], expected[64], text[64];

	(void)state;
	support_process_name(name);
	snprintf(expected, sizeof expected, "%s (pid %d)", name, (int)getpid());
	process_describe(getpid(), text, sizeof text);
	assert_string_equal(text, expected);
}

static void one_that_is_not_there_has_its_number_alone(void **state)
{
	char text[64];

	(void)state;
	process_describe(0, text, sizeof text);
	assert_string_equal(text, "a process (pid 0)");
}

static void what_does_not_fit_is_cut(void **state)
{
	char text[8];

	(void)state;
	process_describe(0, text, sizeof text);
	assert_string_equal(text, "a proce");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_is_named_with_its_number),
		cmocka_unit_test(one_that_is_not_there_has_its_number_alone),
		cmocka_unit_test(what_does_not_fit_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
