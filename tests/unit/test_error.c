/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/error.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>

static void set_fills_code_and_message_and_returns_minus_one(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set(&error, EX_USAGE, "expected %s, got %d", "a port", 99999), -1);
	assert_int_equal(error.exit_code, EX_USAGE);
	assert_int_equal(error.number, 0);
	assert_string_equal(error.message, "expected a port, got 99999");
}

static void set_errno_appends_the_text_of_the_number(void **state)
{
	struct error error;

	(void)state;
	assert_int_equal(error_set_errno(&error, EX_OSERR, ENOENT, "cannot open %s", "x"), -1);
	assert_int_equal(error.exit_code, EX_OSERR);
	assert_int_equal(error.number, ENOENT);
	assert_string_equal(error.message, "cannot open x: No such file or directory");
}

static void an_over_long_message_is_cut_and_terminated(void **state)
{
	struct {
		struct error error;
		char guard[8];
	} boxed;
	char text[3 * ERROR_MESSAGE_BYTES];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memset(boxed.guard, 0x55, sizeof boxed.guard);
	error_set(&boxed.error, EX_OSERR, "%s", text);
	assert_int_equal(strlen(boxed.error.message), ERROR_MESSAGE_BYTES - 1);
	error_set_errno(&boxed.error, EX_OSERR, ENOENT, "%s", text);
	assert_int_equal(strlen(boxed.error.message), ERROR_MESSAGE_BYTES - 1);
	for (size_t i = 0; i < sizeof boxed.guard; i++)
		assert_int_equal(boxed.guard[i], 0x55);
}

static void a_long_message_keeps_as_much_of_the_errno_as_fits(void **state)
{
	struct error error;
	char text[ERROR_MESSAGE_BYTES - 5];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	error_set_errno(&error, EX_OSERR, ENOENT, "%s", text);
	assert_int_equal(strlen(error.message), ERROR_MESSAGE_BYTES - 1);
	assert_string_equal(error.message + sizeof text - 1, ": No ");
}

static void text_of_an_unknown_number_is_said_to_be_unknown(void **state)
{
	(void)state;
	assert_string_equal(error_text(EMFILE), "Too many open files");
	assert_string_equal(error_text(123456), "unknown error");
	assert_string_equal(error_text(-1), "unknown error");
	assert_string_equal(error_text(INT_MIN), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_fills_code_and_message_and_returns_minus_one),
		cmocka_unit_test(set_errno_appends_the_text_of_the_number),
		cmocka_unit_test(an_over_long_message_is_cut_and_terminated),
		cmocka_unit_test(a_long_message_keeps_as_much_of_the_errno_as_fits),
		cmocka_unit_test(text_of_an_unknown_number_is_said_to_be_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
