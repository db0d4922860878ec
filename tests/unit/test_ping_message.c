/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/ping_message.h"

#include <string.h>

enum { LONGEST = 4096 };

static void message_is_a_line_of_letters_digits_and_signs(void **state)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
	char message[LONGEST + 1] = "";

	(void)state;
	for (size_t size = 2; size <= LONGEST; size = size * 3 / 2 + 1) {
		ping_message_write(message, size, 42, size);
		assert_int_equal(message[size - 1], '\n');
		message[size - 1] = '\0';
		assert_int_equal(strspn(message, allowed), size - 1);
	}
}

static void message_of_one_byte_is_the_letter_of_its_number(void **state)
{
	char message[2] = {0, 'x'};

	(void)state;
	for (uint64_t number = 0; number < 200; number++) {
		ping_message_write(message, 1, number, number);
		assert_int_equal(ping_message_age(message, 1, number), 0);
		assert_int_equal(ping_message_age(message, 1, number + 63), 63);
		assert_int_equal(ping_message_age(message, 1, number + 64), 0);
	}
	assert_int_equal(message[1], 'x');
}

static void age_counts_back_from_the_newest(void **state)
{
	static const uint64_t ages[] = {0, 1, 63, 64, 4095, 4096, 1 << 20};
	char message[64];

	(void)state;
	for (uint64_t number = 0; number < UINT64_C(1) << 40; number = number * 5 + 1)
		for (size_t i = 0; i < sizeof ages / sizeof *ages; i++) {
			ping_message_write(message, sizeof message, 7, number);
			assert_int_equal(
				ping_message_age(message, sizeof message, number + ages[i]),
				ages[i]);
		}
}

static void age_of_any_bytes_is_a_number(void **state)
{
	(void)state;
	assert_int_equal(ping_message_age("\0\xff~\n ", 5, 0), 0);
	assert_int_equal(ping_message_age("\n", 1, 3), 3);
}

static void seeds_tell_messages_of_the_same_number_apart(void **state)
{
	char one[64], other[64];

	(void)state;
	ping_message_write(one, sizeof one, 1, 5);
	ping_message_write(other, sizeof other, 2, 5);
	assert_memory_not_equal(one, other, sizeof one);
	ping_message_write(other, sizeof other, 1, 5);
	assert_memory_equal(one, other, sizeof one);
}

static void piece_of_a_message_matches_where_it_stands(void **state)
{
	struct failure failure = {.message = "untouched"};

	(void)state;
	assert_true(ping_message_matches("abcdef\n", 7, 0, "abcdef\n", 7, &failure));
	assert_true(ping_message_matches("abcdef\n", 7, 2, "cd", 2, &failure));
	assert_true(ping_message_matches("abcdef\n", 7, 7, "", 0, &failure));
	assert_string_equal(failure.message, "untouched");
}

static void expect_difference(size_t offset, const char *piece, const char *message)
{
	struct failure failure;

	assert_false(ping_message_matches("abcdef\n", 7, offset, piece, strlen(piece), &failure));
	assert_int_equal(failure.kind, FAILURE_OTHER);
	assert_string_equal(failure.message, message);
}

static void difference_is_told_with_its_place(void **state)
{
	(void)state;
	expect_difference(2, "cdXYZ",
		"expected the message back, got \"XYZ\" in place of \"ef\\n\" at byte 4 of 7");
	expect_difference(0, "\x1b[31m",
		"expected the message back, got \"\\x1b[31m\" in place of \"abcde\" at byte 0 of 7");
	expect_difference(
		5, "f\nmore", "expected the message back, got more behind its 7 bytes: \"more\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_is_a_line_of_letters_digits_and_signs),
		cmocka_unit_test(message_of_one_byte_is_the_letter_of_its_number),
		cmocka_unit_test(age_counts_back_from_the_newest),
		cmocka_unit_test(age_of_any_bytes_is_a_number),
		cmocka_unit_test(seeds_tell_messages_of_the_same_number_apart),
		cmocka_unit_test(piece_of_a_message_matches_where_it_stands),
		cmocka_unit_test(difference_is_told_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
