/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/pattern.h"

#include <string.h>

enum { TOTAL = 4096, ROUNDS = 20000 };

static unsigned char stream[TOTAL];

static uint64_t random_bits(void)
{
	return (uint64_t)support_random() << 32 | support_random();
}

static struct pattern fill_stream(uint64_t seed)
{
	struct pattern pattern = pattern_make(seed, TOTAL);

	pattern_fill(&pattern, 0, stream, TOTAL);
	return pattern;
}

static void pattern_is_the_same_on_every_machine(void **state)
{
	static const unsigned char expected[] = {0x30, 0xfd, 0xcc, 0x4c, 0xbb, 0x17, 0x14, 0x0f,
		0x2b, 0x85, 0x17, 0xe3, 0x6a, 0x5b, 0x74, 0x7c};

	(void)state;
	fill_stream(42);
	assert_memory_equal(stream, expected, sizeof expected);
}

static void fill_gives_the_same_bytes_in_any_pieces(void **state)
{
	struct pattern pattern = fill_stream(7);
	unsigned char piece[TOTAL + 1];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t offset = support_random() % TOTAL;
		size_t length = support_random() % (round % 2 == 0 ? 24 : TOTAL);

		length = length < TOTAL - offset ? length : TOTAL - offset;
		piece[length] = 0xa5;
		pattern_fill(&pattern, offset, piece, length);
		assert_memory_equal(piece, stream + offset, length);
		assert_int_equal(piece[length], 0xa5);
	}
}

static void seeds_give_different_streams(void **state)
{
	unsigned char other[TOTAL];

	(void)state;
	fill_stream(1);
	for (uint64_t seed = 2; seed < 100; seed++) {
		struct pattern pattern = pattern_make(seed, TOTAL);

		pattern_fill(&pattern, 0, other, TOTAL);
		assert_null(memmem(other, TOTAL, stream, PATTERN_WORD_BYTES));
		assert_null(memmem(
			other, TOTAL, stream + TOTAL - PATTERN_WORD_BYTES, PATTERN_WORD_BYTES));
	}
}

static void match_counts_up_to_the_first_difference(void **state)
{
	struct pattern pattern = fill_stream(3);

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t offset = support_random() % TOTAL;
		size_t length = support_random() % (TOTAL - offset) + 1;
		size_t at = support_random() % length;

		assert_int_equal(pattern_match(&pattern, offset, stream + offset, length), length);
		stream[offset + at] ^= (unsigned char)(1 << support_random() % 8);
		assert_int_equal(pattern_match(&pattern, offset, stream + offset, length), at);
		pattern_fill(&pattern, offset + at, stream + offset + at, 1);
	}
}

static void locate_finds_every_word_of_a_long_stream(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct pattern pattern = pattern_make(random_bits(), INT64_MAX);
		unsigned char words[PATTERN_LOCATE_BYTES + 1];
		uint64_t index = random_bits() % ((uint64_t)INT64_MAX / PATTERN_WORD_BYTES - 1);
		uint64_t offset = 0;

		pattern_fill(&pattern, index * PATTERN_WORD_BYTES, words + 1, PATTERN_LOCATE_BYTES);
		assert_true(pattern_locate(&pattern, words + 1, &offset));
		assert_int_equal(offset, index * PATTERN_WORD_BYTES);
	}
}

static void locate_refuses_what_is_not_at_the_beginning_of_a_word(void **state)
{
	struct pattern pattern = fill_stream(11);
	uint64_t offset;

	(void)state;
	for (size_t at = 0; at + PATTERN_LOCATE_BYTES <= TOTAL; at++)
		assert_int_equal(pattern_locate(&pattern, stream + at, &offset), at % 8 == 0);
}

static void locate_refuses_words_beyond_the_end(void **state)
{
	struct pattern pattern = fill_stream(12);
	uint64_t offset = 0;

	(void)state;
	pattern.total_bytes = 31;
	assert_true(pattern_locate(&pattern, stream + 8, &offset));
	assert_int_equal(offset, 8);
	assert_false(pattern_locate(&pattern, stream + 16, &offset));
	pattern.total_bytes = 15;
	assert_false(pattern_locate(&pattern, stream, &offset));
}

static void locate_refuses_foreign_and_damaged_bytes(void **state)
{
	struct pattern pattern = fill_stream(13);
	unsigned char words[PATTERN_LOCATE_BYTES];
	uint64_t offset;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		size_t at = support_random() % (TOTAL / 8 - 1) * 8;

		memcpy(words, stream + at, sizeof words);
		words[support_random() % sizeof words] ^= (unsigned char)(1
									  << support_random() % 8);
		assert_false(pattern_locate(&pattern, words, &offset));
		for (size_t i = 0; i < sizeof words; i++)
			words[i] = (unsigned char)support_random();
		assert_false(pattern_locate(&pattern, words, &offset));
		memset(words, round, sizeof words);
		assert_false(pattern_locate(&pattern, words, &offset));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_is_the_same_on_every_machine),
		cmocka_unit_test(fill_gives_the_same_bytes_in_any_pieces),
		cmocka_unit_test(seeds_give_different_streams),
		cmocka_unit_test(match_counts_up_to_the_first_difference),
		cmocka_unit_test(locate_finds_every_word_of_a_long_stream),
		cmocka_unit_test(locate_refuses_what_is_not_at_the_beginning_of_a_word),
		cmocka_unit_test(locate_refuses_words_beyond_the_end),
		cmocka_unit_test(locate_refuses_foreign_and_damaged_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
