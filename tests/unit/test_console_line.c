/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/server/console_line.h"

#include <stdlib.h>
#include <string.h>

static void expect(const char *bytes, enum console_target target, uint64_t number, const char *text)
{
	struct console_line line;

	assert_true(console_line_read(bytes, strlen(bytes), &line));
	assert_int_equal(line.target, target);
	assert_int_equal(line.number, number);
	assert_int_equal(line.length, strlen(text));
	assert_memory_equal(line.text, text, line.length);
}

static void expect_wrong(const char *bytes, size_t length)
{
	struct console_line line;

	assert_false(console_line_read(bytes, length, &line));
}

static void text_is_for_whoever_spoke_last(void **state)
{
	(void)state;
	expect("hello", CONSOLE_LAST, 0, "hello");
	expect(" hello  world ", CONSOLE_LAST, 0, " hello  world ");
	expect("a@b", CONSOLE_LAST, 0, "a@b");
	expect(" @17 hello", CONSOLE_LAST, 0, " @17 hello");
}

static void an_empty_line_is_for_nobody_and_a_blank_one_is_text(void **state)
{
	(void)state;
	expect("", CONSOLE_NOBODY, 0, "");
	expect(" ", CONSOLE_LAST, 0, " ");
}

static void a_number_is_one_client(void **state)
{
	(void)state;
	expect("@17 hello", CONSOLE_ONE, 17, "hello");
	expect("@1  two blanks", CONSOLE_ONE, 1, " two blanks");
	expect("@17 @18 hello", CONSOLE_ONE, 17, "@18 hello");
	expect("@007 x", CONSOLE_ONE, 7, "x");
	expect("@9223372036854775807 x", CONSOLE_ONE, INT64_MAX, "x");
}

static void a_star_is_all_clients(void **state)
{
	(void)state;
	expect("@* hello all", CONSOLE_ALL, 0, "hello all");
	expect("@* @*", CONSOLE_ALL, 0, "@*");
}

static void two_signs_are_text_with_one(void **state)
{
	(void)state;
	expect("@@17 hello", CONSOLE_LAST, 0, "@17 hello");
	expect("@@", CONSOLE_LAST, 0, "@");
	expect("@@@", CONSOLE_LAST, 0, "@@");
}

static void other_addresses_are_wrong(void **state)
{
	static const char *const lines[] = {"@", "@ ", "@ hello", "@17", "@17 ", "@*", "@* ",
		"@0 x", "@-1 x", "@+1 x", "@x hello", "@17x hello", "@** hello", "@17\thello",
		"@1.5 x", "@9223372036854775808 x", "@11111111111111111111111111111111111111111 x"};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		expect_wrong(lines[i], strlen(lines[i]));
	expect_wrong("@1\0 x", 5);
}

/* The bytes end where they are said to: with a sanitizer this would tell. */
static void nothing_behind_the_line_is_read(void **state)
{
	static const char text[] = "@12 @* x";

	(void)state;
	for (size_t length = 0; length < sizeof text; length++) {
		char *bytes = malloc(length + 1);
		struct console_line line;

		assert_non_null(bytes);
		memcpy(bytes, text, length);
		bytes = realloc(bytes, length > 0 ? length : 1);
		bool is_read = console_line_read(bytes, length, &line);
		assert_int_equal(is_read, length == 0 || length > 4);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_for_whoever_spoke_last),
		cmocka_unit_test(an_empty_line_is_for_nobody_and_a_blank_one_is_text),
		cmocka_unit_test(a_number_is_one_client),
		cmocka_unit_test(a_star_is_all_clients),
		cmocka_unit_test(two_signs_are_text_with_one),
		cmocka_unit_test(other_addresses_are_wrong),
		cmocka_unit_test(nothing_behind_the_line_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
