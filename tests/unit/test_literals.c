/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/config/literals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note_include(void *context, const char *place, const char *name)
{
	problems_add(context, place, NULL, "includes %s", name);
}

/* The problems of a text, and its includes, one line each; the caller frees them. */
static char *check(const char *text)
{
	struct problems problems;
	const struct literals_visitor visitor = {note_include, &problems};

	problems_init(&problems);
	literals_check("f", text, &problems, &visitor);
	char *lines = strdup(problems_text(&problems));
	assert_non_null(lines);
	problems_fini(&problems);
	return lines;
}

static void expect_good(const char *text)
{
	char *lines = check(text);

	if (*lines != '\0')
		fail_msg("%s: %s", text, lines);
	free(lines);
}

/* place: "file:line: setting", without the setting where there is none */
static void expect_bad(const char *text, const char *place, const char *literal)
{
	char expected[256], *lines = check(text);

	snprintf(expected, sizeof expected,
		"%s: expected a decimal integer of 32 bits without leading zeros, got %s\n", place,
		literal);
	assert_string_equal(lines, expected);
	free(lines);
}

static void literals_that_libconfig_keeps_are_good(void **state)
{
	(void)state;
	expect_good("");
	expect_good("port = 0;");
	expect_good("port = 7; backlog=128;");
	expect_good("a = 2147483647; b = -2147483648; c = +2147483647;");
	expect_good("a = 0x7fffffff; b = 0x10; c = 0XFF;");
	expect_good("a = 2147483648L; b = -9223372036854775808L; c = 9223372036854775807LL;");
	expect_good("a = 0; b = -0; c = 0L;");
	expect_good("a = ( 1, 2, 3 ); b = [4,5]; c = { d = 6; };");
}

static void integers_that_would_wrap_are_found(void **state)
{
	(void)state;
	expect_bad("port = 4294967303;", "f:1: port", "4294967303");
	expect_bad("port = 2147483648;", "f:1: port", "2147483648");
	expect_bad("port = -2147483649;", "f:1: port", "-2147483649");
	expect_bad("port = +2147483648;", "f:1: port", "+2147483648");
	expect_bad("port=4294967303", "f:1: port", "4294967303");
	expect_bad("99999999999999999999", "f:1", "99999999999999999999");
	expect_bad("a = [1,4294967303,2];", "f:1: a", "4294967303");
}

static void hex_that_would_wrap_is_found(void **state)
{
	(void)state;
	expect_bad("a = 0x80000000;", "f:1: a", "0x80000000");
	expect_bad("a = 0xFFFFFFFF;", "f:1: a", "0xFFFFFFFF");
	expect_bad("a = 0x1FFFFFFFFFFFFFFFFL;", "f:1: a", "0x1FFFFFFFFFFFFFFFF");
}

static void the_suffix_l_allows_64_bits_and_no_more(void **state)
{
	(void)state;
	expect_good("a = 4294967303L;");
	expect_bad("a = 9223372036854775808L;", "f:1: a", "9223372036854775808");
	expect_bad("a = -9223372036854775809L;", "f:1: a", "-9223372036854775809");
}

static void leading_zeros_are_found(void **state)
{
	(void)state;
	expect_bad("port = 010;", "f:1: port", "010");
	expect_bad("port = 00;", "f:1: port", "00");
	expect_bad("port = -07;", "f:1: port", "-07");
	expect_bad("port = 010L;", "f:1: port", "010");
}

static void floats_are_not_integers(void **state)
{
	(void)state;
	expect_good("a = 4294967303.0; b = 1e10; c = 00.5; d = 1.5e+300; e = 99999999999e-3;");
}

static void strings_and_comments_and_names_hold_no_literals(void **state)
{
	(void)state;
	expect_good("a = \"4294967303\";");
	expect_good("a = \"x \\\" 4294967303 \\\\\"; b = 1;");
	expect_good("# 4294967303\n// 010\n/* 4294967303\n 010 */ a = 1;");
	expect_good("a010 = 1; a-4294967303 = 2; *4294967303 = 3; x_99999999999 = 4;");
}

static void what_follows_a_string_or_comment_is_checked_again(void **state)
{
	(void)state;
	expect_bad("a = \"\\\\\"; b = 010;", "f:1: b", "010");
	expect_bad("/* / * */ b = 010;", "f:1: b", "010");
	expect_bad("/**/010", "f:1", "010");
	expect_bad("# c\nb = 010;", "f:2: b", "010");
}

static void the_line_is_counted_through_strings_and_comments(void **state)
{
	(void)state;
	expect_bad("\n\na = 1;\n/* \n\n */ b = \"x\n\" \"\\\n\" ; # c\n// d\nport = 010;\n",
		"f:10: port", "010");
}

static void every_wrong_literal_gets_a_line(void **state)
{
	(void)state;
	char *lines = check("a = 010;\nb = 4294967303;\nc = 5;\nd = 020;\n");
	assert_non_null(strstr(lines, "f:1"));
	assert_non_null(strstr(lines, "f:2: "));
	assert_null(strstr(lines, "f:3: "));
	assert_non_null(strstr(lines, "f:4: "));
	free(lines);
}

static void an_endless_literal_is_cut_in_the_message(void **state)
{
	char text[300];

	(void)state;
	memset(text, '9', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	char *lines = check(text);
	assert_non_null(strstr(lines, "999...\n"));
	assert_true(strlen(lines) < 200);
	free(lines);
}

static void expect_lines(const char *text, const char *expected)
{
	char *lines = check(text);

	assert_string_equal(lines, expected);
	free(lines);
}

static void a_number_ends_where_libconfig_ends_it(void **state)
{
	(void)state;
	expect_bad("port = 4294967303e = 5;", "f:1: port", "4294967303");
	expect_bad("port = 99999999999999999999Le5 = 1;", "f:1: port", "99999999999999999999");
	expect_good("a = 4294967303e+5; b = 4294967303.e2;");
}

static void nul_bytes_in_strings_are_found(void **state)
{
	(void)state;
	expect_lines("a = 1;\nb = \"x\\x00y\\X00\";\n",
		"f:2: b: expected text, got a NUL byte, \\x00\n"
		"f:2: b: expected text, got a NUL byte, \\x00\n");
	expect_good("a = \"\\\\x00 \\x01 \\x0\";");
}

static void strings_and_comments_must_end(void **state)
{
	(void)state;
	expect_lines("a = \"not closed 4294967303",
		"f:1: a: expected the end of a string, got the end of the file\n");
	expect_lines("a = \"\\", "f:1: a: expected the end of a string, got the end of the file\n");
	expect_lines("/* not closed 4294967303",
		"f:1: expected the end of a comment, got the end of the file\n");
}

static void includes_are_named_with_their_place(void **state)
{
	(void)state;
	expect_lines("@include \"a\"\n \t@include \t\"b\" # c\nport =\n@include \"d\"\r\n;",
		"f:1: includes a\nf:2: includes b\nf:4: includes d\n");
	expect_good("# @include \"a\"\n/*\n@include \"a\"\n*/ b = \"\n@include \";");
	expect_good("@include\"a\"; x @include");
	expect_lines("@include \"a\\b\"\n;", "f:1: includes a\\b\n");
	expect_lines("@include \"a", "f:1: expected @include \"NAME\", got something else\n");
	expect_lines("@include \"a\" b = 1;",
		"f:1: includes a\n"
		"f:1: expected the end of the line behind @include, got something else\n");
}

/* Nothing but the end may stop it, wherever a text is cut. */
static void any_cut_of_a_text_is_survived(void **state)
{
	static const char text[] =
		"a = \"x\\\"\"; /* c */ // d\n b = 0x7F; c = -1.5e-3; d = (1L, +2); # e";

	(void)state;
	for (size_t length = 0; length < sizeof text; length++) {
		char *cut = strndup(text, length); /* of its exact size, for the sanitizer */

		assert_non_null(cut);
		free(check(cut));
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals_that_libconfig_keeps_are_good),
		cmocka_unit_test(integers_that_would_wrap_are_found),
		cmocka_unit_test(hex_that_would_wrap_is_found),
		cmocka_unit_test(the_suffix_l_allows_64_bits_and_no_more),
		cmocka_unit_test(leading_zeros_are_found),
		cmocka_unit_test(floats_are_not_integers),
		cmocka_unit_test(strings_and_comments_and_names_hold_no_literals),
		cmocka_unit_test(what_follows_a_string_or_comment_is_checked_again),
		cmocka_unit_test(the_line_is_counted_through_strings_and_comments),
		cmocka_unit_test(every_wrong_literal_gets_a_line),
		cmocka_unit_test(an_endless_literal_is_cut_in_the_message),
		cmocka_unit_test(a_number_ends_where_libconfig_ends_it),
		cmocka_unit_test(nul_bytes_in_strings_are_found),
		cmocka_unit_test(strings_and_comments_must_end),
		cmocka_unit_test(includes_are_named_with_their_place),
		cmocka_unit_test(any_cut_of_a_text_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
