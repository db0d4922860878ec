/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/text.h"

#include <stdio.h>
#include <string.h>

/* What the header promises for one byte, told independently of the code. */
static void expected_escape(unsigned byte, char text[8])
{
	static const char *const letters[256] = {
		['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t", ['"'] = "\\\"", ['\\'] = "\\\\"};

	if (letters[byte] != NULL)
		snprintf(text, 8, "%s", letters[byte]);
	else if (byte >= ' ' && byte <= '~')
		snprintf(text, 8, "%c", (char)byte);
	else
		snprintf(text, 8, "\\x%02x", byte);
}

static void every_byte_is_escaped_as_promised(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char expected[8], text[8];
		unsigned char source = (unsigned char)byte;

		expected_escape(byte, expected);
		assert_int_equal(text_escape(text, sizeof text, &source, 1), strlen(expected));
		assert_string_equal(text, expected);
	}
}

static void a_cut_is_never_inside_an_escape(void **state)
{
	unsigned char bytes[256];

	(void)state;
	for (unsigned i = 0; i < 256; i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t capacity = 1; capacity < 900; capacity++) {
		char text[1024], expected[1024] = "";
		size_t used = 0;

		for (size_t i = 0; i < sizeof bytes; i++) {
			char piece[8];

			expected_escape(bytes[i], piece);
			if (used + strlen(piece) + 1 > capacity)
				break;
			used += (size_t)snprintf(
				expected + used, sizeof expected - used, "%s", piece);
		}
		memset(text, '#', sizeof text);
		assert_int_equal(text_escape(text, capacity, bytes, sizeof bytes), used);
		assert_string_equal(text, expected);
		assert_int_equal(text[capacity], '#');
	}
}

static void nothing_is_escaped_to_the_empty_text(void **state)
{
	char text[2] = "x";

	(void)state;
	assert_int_equal(text_escape(text, sizeof text, "", 0), 0);
	assert_string_equal(text, "");
	text[0] = 'x';
	assert_int_equal(text_escape(text, 1, "abc", 3), 0);
	assert_string_equal(text, "");
}

static void valid_escapes_are_read_to_their_end(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		unsigned char byte;
	} rows[] = {
		{"a", 1, 7},
		{"b", 1, 8},
		{"f", 1, 12},
		{"n", 1, 10},
		{"r", 1, 13},
		{"t", 1, 9},
		{"v", 1, 11},
		{"\\", 1, '\\'},
		{"\"", 1, '"'},
		{"'", 1, '\''},
		{"?", 1, '?'},
		{"$", 1, '$'},
		{"nn", 1, 10},
		{"0", 1, 0},
		{"7", 1, 7},
		{"12", 2, 10},
		{"012", 3, 10},
		{"0123", 3, 10},
		{"377", 3, 255},
		{"18", 1, 1},
		{"000", 3, 0},
		{"x00", 3, 0},
		{"x41", 3, 'A'},
		{"xff", 3, 255},
		{"xFF", 3, 255},
		{"xAb", 3, 0xab},
		{"x414", 3, 'A'},
		{"1x", 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned char byte = 99;
		size_t length = text_read_escape(rows[i].text, &byte);

		if (length != rows[i].length || byte != rows[i].byte)
			fail_msg("\\%s was read as %zu characters, byte %u", rows[i].text, length,
				byte);
	}
}

static void invalid_escapes_are_refused(void **state)
{
	static const char *const texts[] = {"", "x", "x4", "xg1", "x4g", "x 41", "X41", "400",
		"777", "8", "9", "c", "e", "N", "u0041", "U", " ", "\n", "{", "\x80", "\xff", "-1"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		unsigned char byte;

		if (text_read_escape(texts[i], &byte) != 0)
			fail_msg("\\%s was taken for an escape", texts[i]);
	}
}

static void what_is_escaped_can_be_read_back(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++) {
		unsigned char source = (unsigned char)value, back = 0;
		char text[8];
		size_t length = text_escape(text, sizeof text, &source, 1);

		if (text[0] != '\\')
			continue;
		assert_int_equal(text_read_escape(text + 1, &back), length - 1);
		assert_int_equal(back, value);
	}
}

static size_t least(size_t one, size_t two, size_t three)
{
	size_t best = one < two ? one : two;

	return best < three ? best : three;
}

/* Optimal string alignment, straight from its definition. */
static size_t naive_distance(const char *one, size_t i, const char *other, size_t j)
{
	if (i == 0 || j == 0)
		return i + j;
	size_t best = least(naive_distance(one, i - 1, other, j) + 1,
		naive_distance(one, i, other, j - 1) + 1,
		naive_distance(one, i - 1, other, j - 1) + (one[i - 1] != other[j - 1]));
	if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1]) {
		size_t swapped = naive_distance(one, i - 2, other, j - 2) + 1;

		best = swapped < best ? swapped : best;
	}
	return best;
}

static void random_word(char word[8])
{
	size_t length = support_random() % 6;

	for (size_t i = 0; i < length; i++)
		word[i] = (char)('a' + support_random() % 3);
	word[length] = '\0';
}

static void distance_agrees_with_its_definition(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {
		char one[8], other[8];

		random_word(one);
		random_word(other);
		size_t expected = naive_distance(one, strlen(one), other, strlen(other));
		if (text_distance(one, other) != expected)
			fail_msg("\"%s\" and \"%s\": %zu, not %zu", one, other,
				text_distance(one, other), expected);
	}
}

static void distance_of_known_words(void **state)
{
	(void)state;
	assert_int_equal(text_distance("", ""), 0);
	assert_int_equal(text_distance("", "echo"), 4);
	assert_int_equal(text_distance("echo", "echo"), 0);
	assert_int_equal(text_distance("ehco", "echo"), 1);
	assert_int_equal(text_distance("kitten", "sitting"), 3);
	assert_int_equal(text_distance("ca", "abc"), 3);
}

static void distance_compares_long_words_by_their_first_63_characters(void **state)
{
	char one[200], other[200];

	(void)state;
	memset(one, 'a', sizeof one - 1);
	memset(other, 'a', sizeof other - 1);
	one[sizeof one - 1] = other[sizeof other - 1] = '\0';
	other[63] = 'b';
	assert_int_equal(text_distance(one, other), 0);
	other[62] = 'b';
	assert_int_equal(text_distance(one, other), 1);
	assert_int_equal(text_distance(one, ""), 63);
}

static void the_nearest_candidate_wins_and_far_ones_are_none(void **state)
{
	size_t best = SIZE_MAX;

	(void)state;
	assert_true(text_is_nearer("timeouts.idel", "timeouts.linger", &best));
	assert_true(text_is_nearer("timeouts.idel", "timeouts.idle", &best));
	assert_int_equal(best, 1);
	assert_false(text_is_nearer("timeouts.idel", "timeouts.idle", &best));
	assert_false(text_is_nearer("timeouts.idel", "timeouts.write", &best));
	assert_int_equal(best, 1);
	best = SIZE_MAX;
	assert_false(text_is_nearer("prot", "backlog", &best));
	assert_true(best == SIZE_MAX);
	assert_true(text_is_nearer("prot", "port", &best));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_escaped_as_promised),
		cmocka_unit_test(a_cut_is_never_inside_an_escape),
		cmocka_unit_test(nothing_is_escaped_to_the_empty_text),
		cmocka_unit_test(valid_escapes_are_read_to_their_end),
		cmocka_unit_test(invalid_escapes_are_refused),
		cmocka_unit_test(what_is_escaped_can_be_read_back),
		cmocka_unit_test(distance_agrees_with_its_definition),
		cmocka_unit_test(distance_of_known_words),
		cmocka_unit_test(distance_compares_long_words_by_their_first_63_characters),
		cmocka_unit_test(the_nearest_candidate_wins_and_far_ones_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
