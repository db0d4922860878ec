/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/print.h"

#include <string.h>

static void assert_member(const char *bytes, size_t length, const char *name, const char *value)
{
	json_t *object = json_object();

	print_set_bytes(object, "answer", bytes, length);
	assert_int_equal(json_object_size(object), 1);
	assert_non_null(json_object_get(object, name));
	assert_string_equal(json_string_value(json_object_get(object, name)), value);
	json_decref(object);
}

static void text_is_a_string(void **state)
{
	(void)state;
	assert_member("", 0, "answer", "");
	assert_member("J\u00f6dler \U0001f3d4\n\x1b", 14, "answer", "J\u00f6dler \U0001f3d4\n\x1b");
	assert_member("onlyabc", 4, "answer", "only");
}

/* The test vectors of RFC 4648, each behind a NUL byte that makes it binary, and invalid UTF-8. */
static void what_is_no_text_is_base64(void **state)
{
	(void)state;
	assert_member("\0", 1, "answer_base64", "AA==");
	assert_member("\0f", 2, "answer_base64", "AGY=");
	assert_member("\0fo", 3, "answer_base64", "AGZv");
	assert_member("\0foo", 4, "answer_base64", "AGZvbw==");
	assert_member("\xff\xfe\xfb", 3, "answer_base64", "//77");
	assert_member("\xc3", 1, "answer_base64", "ww==");
	assert_member("\xed\xa0\x80", 3, "answer_base64", "7aCA");
}

static void milliseconds_have_as_many_digits_as_tell_something(void **state)
{
	static const struct {
		double ns;
		const char *text;
	} rows[] = {{45e3, "0.045"}, {12.34e6, "12.34"}, {123.4e6, "123.4"}, {1204e6, "1204"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[PRINT_TEXT_BYTES];

		format_ms(text, rows[i].ns);
		assert_string_equal(text, rows[i].text);
	}
}

static void bytes_have_the_largest_unit_that_fits(void **state)
{
	static const struct {
		double bytes;
		const char *text;
	} rows[] = {{0, "0 B"}, {1023, "1023 B"}, {1536, "1.5 KiB"}, {1024.0 * 1024, "1.0 MiB"}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[PRINT_TEXT_BYTES];

		format_bytes(text, rows[i].bytes);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_a_string),
		cmocka_unit_test(what_is_no_text_is_base64),
		cmocka_unit_test(milliseconds_have_as_many_digits_as_tell_something),
		cmocka_unit_test(bytes_have_the_largest_unit_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
