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

/* UTF-8 as RFC 3629 draws it, told independently of the code. Returns the length. */
static size_t write_utf8(uint32_t code, unsigned char bytes[4])
{
	if (code < 0x80) {
		bytes[0] = (unsigned char)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (unsigned char)(0xc0 | code >> 6);
		bytes[1] = (unsigned char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		bytes[0] = (unsigned char)(0xe0 | code >> 12);
		bytes[1] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (unsigned char)(0x80 | (code & 0x3f));
		return 3;
	}
	bytes[0] = (unsigned char)(0xf0 | code >> 18);
	bytes[1] = (unsigned char)(0x80 | (code >> 12 & 0x3f));
	bytes[2] = (unsigned char)(0x80 | (code >> 6 & 0x3f));
	bytes[3] = (unsigned char)(0x80 | (code & 0x3f));
	return 4;
}

static bool is_surrogate(uint32_t code)
{
	return code >= 0xd800 && code <= 0xdfff;
}

static void every_code_point_is_read_and_no_part_of_it(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		unsigned char bytes[4];
		uint32_t back = UINT32_MAX;
		size_t length = write_utf8(code, bytes);

		if (text_read_utf8(bytes, length, &back) != (is_surrogate(code) ? 0 : length) ||
			(!is_surrogate(code) && back != code) ||
			text_is_utf8(bytes, length) == is_surrogate(code))
			fail_msg("U+%04x was read as U+%04x", code, back);
		for (size_t part = 0; part < length; part++)
			if (text_read_utf8(bytes, part, &back) != 0 ||
				(part > 0 && text_whole_utf8(bytes, part) != 0))
				fail_msg("%zu bytes of U+%04x were a character", part, code);
		if (text_whole_utf8(bytes, length) != length)
			fail_msg("U+%04x was not whole", code);
	}
}

/* Whatever is read is what its code point is written as: so nothing has two forms. */
static void no_other_bytes_are_utf8(void **state)
{
	(void)state;
	for (uint32_t value = 0; value < 1u << 24; value++) {
		unsigned char bytes[4] = {(unsigned char)(value >> 16), (unsigned char)(value >> 8),
			(unsigned char)value, 0x80 | (value & 0x3f)};
		unsigned char back[4];
		uint32_t code = 0;
		size_t length = text_read_utf8(bytes, sizeof bytes, &code);

		if (length > 0 && (write_utf8(code, back) != length ||
					  memcmp(bytes, back, length) != 0 || is_surrogate(code)))
			fail_msg("%06x was read as U+%04x", value, code);
	}
}

static void only_an_unfinished_last_character_is_cut_off(void **state)
{
	static const struct {
		const char *text;
		size_t whole;
	} rows[] = {
		{"", 0},
		{"a", 1},
		{"a\xc3", 1},
		{"a\xc3\xa4", 3},
		{"a\xe2\x82", 1},
		{"a\xf0\x9f\x98", 1},
		{"a\xf0\x9f\x98\x80", 5},
		{"a\xff", 2},
		{"a\x80", 2},
		{"a\x80\x80\x80\x80", 5},
		{"a\xc3\xa4\x80", 4},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(
			text_whole_utf8(rows[i].text, strlen(rows[i].text)), rows[i].whole);
}

static void what_a_person_can_read_is_shown_as_it_is(void **state)
{
	static const char *const texts[] = {"Hello, \"mountain\"!", "J\u00f6\u00dfer \u00c4pfel",
		"\u65e5\u672c\u8a9e", "\U0001f3d4\ufe0f",
		"\U0001f468\u200d\U0001f469\u200d\U0001f467",
		"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "e\u0301", "\ufffd", "\u00a0",
		"\u2010\u2014\u2026"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char text[128];

		assert_int_equal(
			text_show(text, sizeof text, texts[i], strlen(texts[i])), strlen(texts[i]));
		assert_string_equal(text, texts[i]);
	}
}

static void what_deceives_a_person_is_escaped(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{"\x1b[2Jred\x07\x7f", "\\x1b[2Jred\\x07\\x7f"},
		{"a\tb\r\n", "a\\tb\\r\\n"},
		{"\\x1b", "\\\\x1b"},
		{"\xc2\x9b"
		 "31m",
			"\\xc2\\x9b31m"},
		{"\x9b"
		 "31m",
			"\\x9b31m"},
		{"\xe2\x80\xaetxt", "\\xe2\\x80\\xaetxt"},
		{"\xe2\x81\xa6", "\\xe2\\x81\\xa6"},
		{"\xe2\x80\x8b", "\\xe2\\x80\\x8b"},
		{"\xe2\x80\xa8", "\\xe2\\x80\\xa8"},
		{"\xef\xbb\xbfhi", "\\xef\\xbb\\xbfhi"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xc0\x9b", "\\xc0\\x9b"},
		{"\xc3", "\\xc3"},
		{"\xf3\xa0\x81\xa1", "\\xf3\\xa0\\x81\\xa1"},
		{"\xff\xc3\xa4", "\\xff\xc3\xa4"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[128];

		text_show(text, sizeof text, rows[i].text, strlen(rows[i].text));
		assert_string_equal(text, rows[i].shown);
	}
}

/* Of all code points: what text_show lets through holds no control character in any reading. */
static void no_control_character_is_ever_shown(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		unsigned char bytes[4];
		char text[32];
		size_t length = text_show(text, sizeof text, bytes, write_utf8(code, bytes));

		for (size_t i = 0; i < length; i++)
			assert_true((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
		if (code < 0xa0 && code > 0x7e)
			assert_int_equal(text[0], '\\');
		assert_true(text_is_utf8(text, length));
	}
}

static void showing_is_never_cut_inside_a_character(void **state)
{
	static const char source[] = "\u00e4\U0001f600\x01\\ \u20ac\xffz";

	(void)state;
	for (size_t capacity = 1; capacity < 40; capacity++) {
		char whole[64], text[64];

		text_show(whole, sizeof whole, source, sizeof source - 1);
		memset(text, '#', sizeof text);
		size_t length = text_show(text, capacity, source, sizeof source - 1);
		assert_true(length < capacity && text[length] == '\0');
		assert_int_equal(text[capacity], '#');
		assert_memory_equal(text, whole, length);
		assert_true(text_is_utf8(text, length));
	}
}

static void a_quoted_text_is_shown_with_its_quotes_escaped(void **state)
{
	static const char source[] = "\"\xf0\x9f\x90\xb0\" \\ \x80\n";
	char text[64];

	(void)state;
	size_t length = text_quote(text, sizeof text, source, sizeof source - 1);
	assert_string_equal(text, "\\\"\xf0\x9f\x90\xb0\\\" \\\\ \\x80\\n");
	assert_int_equal(length, strlen(text));
	assert_int_equal(text_quote(text, 2, source, sizeof source - 1), 0);
	text_show(text, sizeof text, source, sizeof source - 1);
	assert_string_equal(text, "\"\xf0\x9f\x90\xb0\" \\\\ \\x80\\n");
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

static void a_word_is_known_in_any_case_and_alone(void **state)
{
	static const char *const words[] = {"bye", "BYE", "ByE", " bye", "bye\r\n", "\t\v\fbye \t"};
	static const char *const others[] = {
		"", " ", "by", "byes", "b ye", "bye bye", "bye.", "\001bye"};

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_true(text_is_word(words[i], strlen(words[i]), "bye"));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_false(text_is_word(others[i], strlen(others[i]), "bye"));
	assert_true(text_is_word("byebye", 3, "bye"));
	assert_false(text_is_word("bye\0", 4, "bye"));
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
		cmocka_unit_test(every_code_point_is_read_and_no_part_of_it),
		cmocka_unit_test(no_other_bytes_are_utf8),
		cmocka_unit_test(only_an_unfinished_last_character_is_cut_off),
		cmocka_unit_test(what_a_person_can_read_is_shown_as_it_is),
		cmocka_unit_test(what_deceives_a_person_is_escaped),
		cmocka_unit_test(no_control_character_is_ever_shown),
		cmocka_unit_test(showing_is_never_cut_inside_a_character),
		cmocka_unit_test(a_quoted_text_is_shown_with_its_quotes_escaped),
		cmocka_unit_test(valid_escapes_are_read_to_their_end),
		cmocka_unit_test(invalid_escapes_are_refused),
		cmocka_unit_test(what_is_escaped_can_be_read_back),
		cmocka_unit_test(a_word_is_known_in_any_case_and_alone),
		cmocka_unit_test(distance_agrees_with_its_definition),
		cmocka_unit_test(distance_of_known_words),
		cmocka_unit_test(distance_compares_long_words_by_their_first_63_characters),
		cmocka_unit_test(the_nearest_candidate_wins_and_far_ones_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
