/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/check.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int evaluations;

static bool count_and_hold(void)
{
	evaluations++;
	return true;
}

static void check_evaluates_its_condition_once(void **state)
{
	(void)state;
	evaluations = 0;
	CHECK(count_and_hold());
	assert_int_equal(evaluations, 1);
}

static int break_a_check(void *context)
{
	int value = *(int *)context;

	CHECK(value == 2);
	return 0;
}

static void check_goes_on_while_its_condition_holds(void **state)
{
	int value = 2;

	(void)state;
	assert_int_equal(in_child(break_a_check, &value), 0);
}

static void check_aborts_and_names_condition_and_place(void **state)
{
	int value = 1;

	(void)state;
	capture_start();
	int status = in_child(break_a_check, &value);
	char *text = capture_end();
	assert_int_equal(status, 128 + SIGABRT);
	assert_non_null(strstr(text, "test_check.c:"));
	assert_non_null(strstr(text, ": break_a_check: CHECK(value == 2) failed\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_evaluates_its_condition_once),
		cmocka_unit_test(check_goes_on_while_its_condition_holds),
		cmocka_unit_test(check_aborts_and_names_condition_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
