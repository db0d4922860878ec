/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/comparison.h"

#include <stdio.h>
#include <string.h>

enum {
	TOTAL_MAX = 40000,
	PIECES_MAX = 3 * TOTAL_MAX,
};

/* Of each test; valgrind takes thirty times as long. */
static int rounds = SUPPORT_IS_SANITIZED ? 1000 : 5000;

/* What was sent, what came, and what is to be said about it. */
static struct pattern pattern;
static unsigned char sent[TOTAL_MAX + 64];
static size_t total;
static char came[PIECES_MAX];
static size_t came_length;
static struct comparison comparison;

static size_t random_below(size_t limit)
{
	return support_random() % limit;
}

/* Small and large ones alike, from 1 to limit. */
static size_t random_count(size_t limit)
{
	size_t count = support_random() % ((size_t)1 << random_below(16)) + 1;

	return count < limit ? count : limit;
}

/* A stream of a random seed and length; nothing of it has come. */
static void begin(void)
{
	total = 100 + random_below(TOTAL_MAX - 100);
	pattern = pattern_make(support_random(), total);
	pattern_fill(&pattern, 0, sent, sizeof sent);
	came_length = 0;
}

/* The bytes of the stream from one offset up to another come. */
static void come(size_t from, size_t to)
{
	memcpy(came + came_length, sent + from, to - from);
	came_length += to - from;
}

/* Bytes come of which each differs from that which would have been the next of the stream. */
static void come_foreign(size_t offset, size_t count)
{
	for (size_t i = 0; i < count; i++)
		came[came_length++] = (char)(sent[(offset + i) % total] ^
					     (1 + support_random() % 255));
}

/* Compares in pieces of any size. Returns what comparison_take did. */
static bool compare(void)
{
	bool may_go_on = true;

	comparison_init(&comparison, &pattern);
	for (size_t done = 0; done < came_length && may_go_on;) {
		size_t count = random_count(came_length - done);

		may_go_on = comparison_take(&comparison, came + done, count);
		done += count;
	}
	return may_go_on;
}

/*
 * The offset at which a fault can be seen: behind bytes that happen to be right.
 * Returns false where there is nothing to be seen.
 */
static bool find_difference(size_t *offset)
{
	size_t at = 0;

	while (at < total && at < came_length && (unsigned char)came[at] == sent[at])
		at++;
	*offset = at;
	return at < came_length || at < total;
}

static const struct fault *examine(enum fault_kind kind)
{
	const struct fault *fault;
	size_t offset;

	compare();
	fault = comparison_finish(&comparison, true);
	assert_string_equal(fault_word(fault->kind), fault_word(kind));
	assert_true(find_difference(&offset));
	assert_int_equal(fault->offset, offset);
	assert_int_equal(comparison_good_bytes(&comparison), offset);
	assert_false(comparison_is_complete(&comparison));
	assert_true(comparison_has_fault(&comparison));
	return fault;
}

/* Near the beginning, near the end, or anywhere up to limit. */
static size_t random_offset(size_t limit)
{
	switch (support_random() % 4) {
	case 0:
		return random_below(limit < 24 ? limit + 1 : 24);
	case 1:
		return limit - random_below(limit < 24 ? limit + 1 : 24);
	default:
		return random_below(limit + 1);
	}
}

static void whole_stream_is_complete(void **state)
{
	(void)state;
	for (int round = 0; round < rounds / 10; round++) {
		begin();
		come(0, total);
		assert_true(compare());
		assert_true(comparison_is_complete(&comparison));
		assert_int_equal(comparison_finish(&comparison, true)->kind, FAULT_NONE);
		assert_int_equal(comparison_good_bytes(&comparison), total);
	}
}

static void changed_bytes_are_counted(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t at = random_offset(total - 1);
		size_t count = random_count(total - at);

		come(0, at);
		come_foreign(at, count);
		come(at + count, total);
		assert_int_equal(examine(FAULT_CHANGED)->bytes, count);
	}
}

/* Losses at the very end are truncations: see there. */
static void lost_bytes_are_counted(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t at = random_offset(total - 2);
		size_t count = random_count(total - at - 1);
		size_t offset;

		come(0, at);
		come(at + count, total);
		(void)find_difference(&offset);
		if (offset < came_length)
			assert_int_equal(examine(FAULT_LOST)->bytes, count);
		else
			assert_int_equal(examine(FAULT_TRUNCATED)->bytes, count);
	}
}

static void repeated_bytes_are_counted(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t at = 1 + random_offset(total - 2);
		size_t count = random_count(at);
		size_t offset;

		come(0, at);
		come(at - count, total);
		(void)find_difference(&offset);
		if (offset == total) { /* every byte behind happens to be right */
			assert_int_equal(examine(FAULT_TRAILING)->bytes, count);
			continue;
		}
		const struct fault *fault = examine(FAULT_REPEATED);
		assert_int_equal(fault->bytes, count);
		assert_true(fault->has_from);
		assert_int_equal(fault->from, fault->offset - count);
	}
}

static void older_piece_that_comes_again_is_repeated(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t count = PATTERN_SURE_BYTES + 8 + random_count(total / 3) % (total / 3);
		size_t at = count + 40 + random_below(total - count - 40 - 39);
		size_t from = random_below(at - count - 20);

		if (at + PATTERN_SURE_BYTES + 8 > total)
			continue;
		come(0, at);
		come(from, from + count);
		come(at, total);
		const struct fault *fault = examine(FAULT_REPEATED);
		assert_int_equal(fault->bytes, count);
		assert_true(fault->has_from);
		assert_int_equal(fault->from, from + (fault->offset - at));
	}
}

static void added_bytes_are_counted_and_shown(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t at = random_offset(total - 1);
		size_t count = random_count(total);

		come(0, at);
		come_foreign(at, count);
		/* The last may be what stands in front: then it is a repetition of that one. */
		if (at > 0)
			came[came_length - 1] = (char)(sent[at - 1] ^ 0x55);
		if (came[at] == (char)sent[at])
			came[at] ^= 0x0f;
		if (at > 0 && came[came_length - 1] == (char)sent[at - 1])
			continue;
		come(at, total);
		const struct fault *fault = examine(FAULT_ADDED);
		size_t shown = count < FAULT_SAMPLE_BYTES ? count : FAULT_SAMPLE_BYTES;
		assert_int_equal(fault->bytes, count);
		assert_true(fault->sample_length >= shown);
		assert_memory_equal(fault->sample, came + at, shown);
	}
}

static void replaced_bytes_are_counted(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t at = random_below(total - 70);
		size_t count = random_count(total - at - 60);
		size_t others = random_count(total);

		if (others == count)
			continue;
		come(0, at);
		come_foreign(at, others);
		/* The first that is right again is the first behind what is lost. */
		came[came_length - 1] = (char)(sent[at + count - 1] ^ 0x55);
		if (came[at] == (char)sent[at])
			continue;
		come(at + count, total);
		const struct fault *fault = examine(FAULT_REPLACED);
		assert_int_equal(fault->bytes, count);
		assert_int_equal(fault->others, others);
	}
}

static void exchanged_blocks_are_out_of_order(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t one = 40 + random_count(total / 3 - 20) % (total / 3 - 20);
		size_t other = 40 + random_count(total / 3 - 20) % (total / 3 - 20);

		if (one + other + 1 > total)
			continue;
		size_t at = random_below(total - one - other);
		come(0, at);
		come(at + one, at + one + other);
		come(at, at + one);
		come(at + one + other, total);
		const struct fault *fault = examine(FAULT_REORDERED);
		assert_int_equal(fault->bytes, one);
		assert_int_equal(fault->others, other);
	}
}

/* Too short to tell their place: nothing untrue may be said. */
static void exchanged_small_blocks_are_changed_or_out_of_order(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t count = 1 + random_below(30);
		size_t at = random_offset(total - 2 * count);
		size_t offset;

		come(0, at);
		come(at + count, at + 2 * count);
		come(at, at + count);
		come(at + 2 * count, total);
		if (!find_difference(&offset) || offset == total)
			continue;
		compare();
		const struct fault *fault = comparison_finish(&comparison, true);
		assert_int_equal(fault->offset, offset);
		if (fault->kind == FAULT_CHANGED)
			assert_true(fault->offset + fault->bytes <= at + 2 * count);
		else if (fault->kind != FAULT_REORDERED) /* what came behind is not known */
			assert_true(at + 2 * count + PATTERN_SURE_BYTES > total);
	}
}

static void block_of_another_place_is_changed_from_there(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t count = 40 + random_count(total / 4) % (total / 4 + 1);

		if (2 * count + 80 > total)
			continue;
		size_t at = random_below(total - 2 * count - 40);
		come(0, at);
		come(at + count, at + 2 * count);
		come(at + count, total);
		const struct fault *fault = examine(FAULT_CHANGED);
		assert_true(fault->has_from);
		assert_int_equal(fault->from, fault->offset + count);
		/* By one less for each byte that happens to be right at either end. */
		assert_in_range(fault->bytes, count - 6, count);
	}
}

static void short_stream_is_truncated(void **state)
{
	(void)state;
	for (int round = 0; round < rounds / 10; round++) {
		begin();
		size_t at = random_offset(total - 1);

		come(0, at);
		assert_int_equal(examine(FAULT_TRUNCATED)->bytes, total - at);
	}
}

static void short_stream_that_is_not_over_is_all_right(void **state)
{
	(void)state;
	begin();
	come(0, 77);
	assert_true(compare());
	assert_int_equal(comparison_finish(&comparison, false)->kind, FAULT_NONE);
	assert_int_equal(comparison_good_bytes(&comparison), 77);
	assert_false(comparison_is_complete(&comparison));
}

static void bytes_behind_the_end_are_trailing(void **state)
{
	(void)state;
	for (int round = 0; round < rounds / 10; round++) {
		begin();
		size_t count = random_count(total);

		come(0, total);
		come_foreign(0, count);
		assert_int_equal(examine(FAULT_TRAILING)->bytes, count);
	}
}

static void only_the_first_fault_is_told(void **state)
{
	(void)state;
	for (int round = 0; round < rounds; round++) {
		begin();
		size_t at = random_below(total - 90);

		come(0, at);
		come_foreign(at, 3);
		come(at + 3, at + 3 + PATTERN_SURE_BYTES);
		come(at + 60, total);
		assert_int_equal(examine(FAULT_CHANGED)->bytes, 3);
	}
}

static void what_is_no_part_of_the_stream_is_foreign(void **state)
{
	(void)state;
	for (int round = 0; round < rounds / 10; round++) {
		begin();
		size_t at = random_below(total - 100);
		size_t count = 1 + random_below(TOTAL_MAX);

		if (at + count == total)
			continue;
		come(0, at);
		come_foreign(at, count);
		/* Nor may its last byte be the stream's last one, by chance. */
		came[came_length - 1] = (char)(sent[total - 1] ^ 0x55);
		size_t offset;
		(void)find_difference(&offset);
		if (offset == came_length)
			continue;
		const struct fault *fault = examine(FAULT_FOREIGN);
		assert_int_equal(fault->bytes, came_length - offset);
	}
}

static void endless_foreign_bytes_are_given_up(void **state)
{
	size_t taken = 0;

	(void)state;
	begin();
	memset(came, 'x', sizeof came);
	comparison_init(&comparison, &pattern);
	while (comparison_take(&comparison, came, sizeof came))
		taken += sizeof came;
	assert_in_range(taken, 1 << 20, 32 << 20);
	assert_int_equal(comparison_finish(&comparison, false)->kind, FAULT_FOREIGN);
}

static void endless_trailing_bytes_are_given_up(void **state)
{
	size_t taken = 0;

	(void)state;
	begin();
	come(0, total);
	assert_true(compare());
	while (comparison_take(&comparison, came, sizeof came))
		taken += sizeof came;
	assert_in_range(taken, 1 << 19, 32 << 20);
	assert_int_equal(comparison_finish(&comparison, false)->kind, FAULT_TRAILING);
}

static void long_change_is_measured(void **state)
{
	enum { CHANGED = 5 << 20, WHOLE = 6 << 20 };

	(void)state;
	pattern = pattern_make(5, WHOLE);
	comparison_init(&comparison, &pattern);
	for (size_t at = 0; at < WHOLE; at += 4096) {
		char piece[4096];

		pattern_fill(&pattern, at, piece, sizeof piece);
		if (at < CHANGED)
			for (size_t i = 0; i < sizeof piece; i++)
				piece[i] ^= 1;
		if (!comparison_take(&comparison, piece, sizeof piece))
			break;
	}
	const struct fault *fault = comparison_finish(&comparison, true);
	assert_int_equal(fault->kind, FAULT_CHANGED);
	assert_int_equal(fault->offset, 0);
	assert_int_equal(fault->bytes, CHANGED);
}

static void loss_is_decided_before_the_end(void **state)
{
	enum { LOST = 3 };
	uint64_t at = 1000;
	char piece[4096];
	bool may_go_on = true;

	(void)state;
	pattern = pattern_make(6, (uint64_t)1 << 40);
	comparison_init(&comparison, &pattern);
	pattern_fill(&pattern, 0, piece, at);
	assert_true(comparison_take(&comparison, piece, at));
	for (at += LOST; may_go_on && at < (uint64_t)16 << 20; at += sizeof piece) {
		pattern_fill(&pattern, at, piece, sizeof piece);
		may_go_on = comparison_take(&comparison, piece, sizeof piece);
	}
	assert_false(may_go_on);
	const struct fault *fault = comparison_finish(&comparison, false);
	assert_int_equal(fault->kind, FAULT_LOST);
	assert_int_equal(fault->bytes, LOST);
}

static void faults_are_told_in_words(void **state)
{
	static const struct {
		struct fault fault;
		const char *text;
	} rows[] = {
		{{.kind = FAULT_CHANGED, .offset = 5, .bytes = 1}, "at offset 5: 1 byte changed"},
		{{.kind = FAULT_LOST, .offset = 0, .bytes = 2}, "at offset 0: 2 bytes lost"},
		{{.kind = FAULT_REPEATED, .offset = 9, .bytes = 4, .has_from = true, .from = 5},
			"at offset 9: 4 bytes repeated, those of offset 5 came"},
		{{.kind = FAULT_ADDED,
			 .offset = 7,
			 .bytes = 3,
			 .sample_length = 6,
			 .sample = "a\n\33bcd"},
			"at offset 7: 3 bytes added that were never sent: \"a\\n\\x1b\""},
		{{.kind = FAULT_REORDERED, .offset = 3, .bytes = 8, .others = 16},
			"at offset 3: out of order: 8 bytes came only behind the 16 bytes after "
			"them"},
		{{.kind = FAULT_TRAILING,
			 .offset = 3,
			 .bytes = 30,
			 .sample_length = 2,
			 .sample = "ab"},
			"at offset 3: 30 bytes more than were sent: \"ab\"..."},
	};
	char text[FAULT_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		fault_format(&rows[i].fault, text);
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_stream_is_complete),
		cmocka_unit_test(changed_bytes_are_counted),
		cmocka_unit_test(lost_bytes_are_counted),
		cmocka_unit_test(repeated_bytes_are_counted),
		cmocka_unit_test(older_piece_that_comes_again_is_repeated),
		cmocka_unit_test(added_bytes_are_counted_and_shown),
		cmocka_unit_test(replaced_bytes_are_counted),
		cmocka_unit_test(exchanged_blocks_are_out_of_order),
		cmocka_unit_test(exchanged_small_blocks_are_changed_or_out_of_order),
		cmocka_unit_test(block_of_another_place_is_changed_from_there),
		cmocka_unit_test(short_stream_is_truncated),
		cmocka_unit_test(short_stream_that_is_not_over_is_all_right),
		cmocka_unit_test(bytes_behind_the_end_are_trailing),
		cmocka_unit_test(only_the_first_fault_is_told),
		cmocka_unit_test(what_is_no_part_of_the_stream_is_foreign),
		cmocka_unit_test(endless_foreign_bytes_are_given_up),
		cmocka_unit_test(endless_trailing_bytes_are_given_up),
		cmocka_unit_test(long_change_is_measured),
		cmocka_unit_test(loss_is_decided_before_the_end),
		cmocka_unit_test(faults_are_told_in_words),
	};

	if (support_is_under_valgrind())
		rounds = 200;

	return cmocka_run_group_tests(tests, NULL, NULL);
}
