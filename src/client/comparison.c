/* SPDX-License-Identifier: MIT */
#include "yodel/client/comparison.h"

#include "yodel/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SEARCH_BYTES ((uint64_t)8 << 20) /* then what comes is no part of the pattern */
#define FOLLOW_BYTES ((uint64_t)1 << 20) /* then what was left out is not late, but lost */
#define TRAIL_BYTES  ((uint64_t)1 << 20) /* then there are enough bytes too many */

/* A jump that seems to lead a few bytes off a place may lead there: those bytes are equal. */
enum { CHANCE_BYTES = 8 };

const char *fault_word(enum fault_kind kind)
{
	static const char *const words[] = {
#define FAULT_WORD(constant, word) [constant] = (word),
		FAULT_KINDS(FAULT_WORD)
#undef FAULT_WORD
	};

	return words[kind];
}

static size_t least(uint64_t one, uint64_t other)
{
	return (size_t)(one < other ? one : other);
}

void comparison_init(struct comparison *comparison, const struct pattern *pattern)
{
	*comparison = (struct comparison){.pattern = *pattern};
}

bool comparison_is_complete(const struct comparison *comparison)
{
	return comparison->state == COMPARISON_MATCHING &&
	       comparison->offset == comparison->pattern.total_bytes;
}

bool comparison_has_fault(const struct comparison *comparison)
{
	return comparison->state != COMPARISON_MATCHING;
}

uint64_t comparison_good_bytes(const struct comparison *comparison)
{
	return comparison_has_fault(comparison) ? comparison->fault.offset : comparison->offset;
}

/* --- What a jump means ------------------------------------------------------------------------ */

/* The first jump alone. */
static void classify(struct fault *fault, const struct jump *jump)
{
	uint64_t came = jump->found_at - jump->seen_at;

	fault->bytes = came;
	if (jump->offset == jump->found_at) {
		fault->kind = FAULT_CHANGED;
	} else if (jump->offset <= jump->expected) {
		fault->kind = came > 0 ? FAULT_ADDED : FAULT_REPEATED;
		fault->bytes = jump->found_at - jump->offset;
		fault->has_from = came == 0;
		fault->from = jump->offset;
	} else {
		fault->kind = came > 0 ? FAULT_REPLACED : FAULT_LOST;
		fault->bytes = jump->offset - jump->expected;
		fault->others = came;
	}
}

static bool is_near(uint64_t one, uint64_t other)
{
	return one + CHANCE_BYTES >= other && other + CHANCE_BYTES >= one;
}

/* How many bytes before the jump, from a piece in a wrong place, happen to be right there, too. */
static uint64_t count_right_before(const struct pattern *pattern, const struct jump *jump)
{
	unsigned char wrong, right;
	uint64_t count = 0;

	for (; count < CHANCE_BYTES && count < jump->seen_at; count++) {
		pattern_fill(pattern, jump->expected - count - 1, &wrong, 1);
		pattern_fill(pattern, jump->seen_at - count - 1, &right, 1);
		if (wrong != right)
			break;
	}
	return count;
}

/* What the next jump adds: a piece of the stream in a wrong place ends there. */
static void classify_again(struct fault *fault, const struct pattern *pattern,
	const struct jump *first, const struct jump *next)
{
	bool is_piece = first->found_at == first->seen_at && next->found_at == next->seen_at;
	bool is_behind = next->found_at > next->offset;

	if (next->found_at == next->offset) {
		fault->kind = FAULT_CHANGED;
		fault->bytes = next->found_at - first->seen_at;
		if (next->found_at == next->seen_at)
			fault->bytes -= count_right_before(pattern, next);
		fault->has_from = is_piece;
		fault->from = first->offset;
	} else if (is_piece && is_behind && first->offset > first->expected &&
		   next->offset < first->offset && next->offset + CHANCE_BYTES >= first->expected) {
		fault->kind = FAULT_REORDERED;
		fault->bytes = first->offset - first->expected;
		fault->others = next->found_at - next->offset;
	} else if (is_piece && is_behind && is_near(next->offset, first->expected)) {
		fault->kind = FAULT_REPEATED;
		fault->bytes = next->found_at - next->offset;
	}
}

static void decide(struct comparison *comparison)
{
	if (comparison->jump_count > 0)
		classify(&comparison->fault, &comparison->jumps[0]);
	if (comparison->jump_count > 1)
		classify_again(&comparison->fault, &comparison->pattern, &comparison->jumps[0],
			&comparison->jumps[1]);
	comparison->state = COMPARISON_DECIDED;
}

/* --- Behind a difference ---------------------------------------------------------------------- */

static struct jump *open_jump(struct comparison *comparison)
{
	return &comparison->jumps[comparison->jump_count];
}

static void start_search(struct comparison *comparison)
{
	*open_jump(comparison) = (struct jump){
		.seen_at = comparison->received,
		.expected = comparison->offset,
	};
	comparison->state = COMPARISON_SEARCHING;
	comparison->window_length = comparison->scanned = 0;
}

/* Takes over the place of the byte `at` of the window, and of those before it that agree, too. */
static void locate(struct comparison *comparison, size_t at, uint64_t offset)
{
	struct jump *jump = open_jump(comparison);

	jump->found_at = comparison->received - comparison->window_length + at;
	jump->offset = offset;
	while (at > 0 && jump->offset > 0 && jump->found_at > jump->seen_at) {
		const unsigned char *before = &comparison->window[at - 1];

		if (pattern_match(&comparison->pattern, jump->offset - 1, before, 1) == 0)
			break;
		at--;
		jump->found_at--;
		jump->offset--;
	}
	comparison->jump_count++;
}

/* Looks at each byte of the window as the first of a word. Returns whether one was. */
static bool scan(struct comparison *comparison)
{
	for (; comparison->scanned + PATTERN_LOCATE_BYTES <= comparison->window_length;
		comparison->scanned++) {
		size_t at = comparison->scanned;
		uint64_t offset;

		if (!pattern_locate(&comparison->pattern, comparison->window + at, &offset))
			continue;
		/* Bytes of the window behind the two words have not been taken. */
		size_t rest = comparison->window_length - at - PATTERN_LOCATE_BYTES;
		comparison->window_length -= rest;
		comparison->received -= rest;
		locate(comparison, at, offset);
		comparison->offset = offset + PATTERN_LOCATE_BYTES;
		return true;
	}
	return false;
}

/* Keeps what may belong to a word, and the part of a word before it. */
static void make_room(struct comparison *comparison)
{
	size_t keep = PATTERN_SURE_BYTES - 1;

	if (comparison->window_length < sizeof comparison->window)
		return;
	size_t drop = comparison->window_length - keep;
	memmove(comparison->window, comparison->window + drop, keep);
	comparison->window_length = keep;
	comparison->scanned -= drop;
}

static void take_sample(struct fault *fault, const void *bytes, size_t length)
{
	size_t count = least(length, FAULT_SAMPLE_BYTES - fault->sample_length);

	memcpy(fault->sample + fault->sample_length, bytes, count);
	fault->sample_length += count;
}

/* Returns how many bytes were used. */
static size_t search(struct comparison *comparison, const char *bytes, size_t length)
{
	const struct jump *jump = open_jump(comparison);
	uint64_t received = comparison->received;

	make_room(comparison);
	size_t count = least(length, sizeof comparison->window - comparison->window_length);
	memcpy(comparison->window + comparison->window_length, bytes, count);
	comparison->window_length += count;
	comparison->received += count;
	if (comparison->jump_count == 0)
		take_sample(&comparison->fault, bytes, count);
	if (scan(comparison)) {
		comparison->state = COMPARISON_FOLLOWING;
		if (comparison->jump_count == 2 || jump->found_at == jump->offset)
			decide(comparison);
	} else if (comparison->received - jump->seen_at >= SEARCH_BYTES) {
		(void)comparison_finish(comparison, false);
	}
	return (size_t)(comparison->received - received);
}

/* The same number of bytes once more, and some. */
static bool is_followed_enough(const struct comparison *comparison)
{
	const struct jump *jump = &comparison->jumps[0];
	uint64_t way = jump->offset > jump->found_at ? jump->offset - jump->found_at
						     : jump->found_at - jump->offset;

	return comparison->received - jump->found_at >= FOLLOW_BYTES + 2 * way;
}

static void notice_difference(struct comparison *comparison, bool is_at_end)
{
	bool is_first = comparison->state == COMPARISON_MATCHING;

	if (is_first)
		comparison->fault.offset = comparison->offset;
	if (is_first && is_at_end)
		comparison->state = COMPARISON_TRAILING;
	else
		start_search(comparison);
}

/* Returns how many bytes were used. */
static size_t follow(struct comparison *comparison, const char *bytes, size_t length)
{
	uint64_t left = comparison->pattern.total_bytes - comparison->offset;
	size_t count = pattern_match(
		&comparison->pattern, comparison->offset, bytes, least(length, left));

	comparison->offset += count;
	comparison->received += count;
	if (comparison->state == COMPARISON_FOLLOWING && is_followed_enough(comparison))
		decide(comparison);
	else if (count < length)
		notice_difference(comparison, count == left);
	return count;
}

/* Returns how many bytes were used. */
static size_t trail(struct comparison *comparison, const char *bytes, size_t length)
{
	take_sample(&comparison->fault, bytes, length);
	comparison->received += length;
	comparison->fault.kind = FAULT_TRAILING;
	comparison->fault.bytes = comparison->received - comparison->fault.offset;
	if (comparison->fault.bytes >= TRAIL_BYTES)
		comparison->state = COMPARISON_DECIDED;
	return length;
}

bool comparison_take(struct comparison *comparison, const char *bytes, size_t length)
{
	while (length > 0 && comparison->state != COMPARISON_DECIDED) {
		size_t used;

		if (comparison->state == COMPARISON_SEARCHING)
			used = search(comparison, bytes, length);
		else if (comparison->state == COMPARISON_TRAILING)
			used = trail(comparison, bytes, length);
		else
			used = follow(comparison, bytes, length);
		bytes += used;
		length -= used;
	}
	return comparison->state != COMPARISON_DECIDED;
}

/* --- The end ---------------------------------------------------------------------------------- */

/*
 * At the end of the stream the last bytes may be too few to tell their place: they are compared
 * with the pattern's last ones. Returns whether that explains them.
 */
static bool locate_at_end(struct comparison *comparison)
{
	struct jump *jump = open_jump(comparison);
	uint64_t total = comparison->pattern.total_bytes;

	locate(comparison, comparison->window_length, total);
	if (jump->found_at == jump->offset)
		return true;
	if (jump->offset < total &&
		(jump->found_at == jump->seen_at || jump->offset <= jump->expected))
		return true;
	comparison->jump_count--;
	return false;
}

/* What was left out may come as the last. Returns whether it did. */
static bool locate_late_at_end(struct comparison *comparison)
{
	const struct jump *first = &comparison->jumps[0];
	struct jump *next = open_jump(comparison);
	uint64_t length = comparison->received - next->seen_at;

	if (first->offset <= first->expected || length > comparison->window_length ||
		length > first->offset)
		return false;
	next->found_at = next->seen_at;
	next->offset = first->offset - length;
	if (pattern_match(&comparison->pattern, next->offset, comparison->window, (size_t)length) <
		length)
		return false;
	comparison->jump_count++;
	return true;
}

static void finish_search(struct comparison *comparison, bool is_over)
{
	struct fault *fault = &comparison->fault;
	bool is_first = comparison->jump_count == 0;
	bool is_located = is_over && ((!is_first && locate_late_at_end(comparison)) ||
					     locate_at_end(comparison));

	if (is_first && !is_located) {
		fault->kind = FAULT_FOREIGN;
		fault->bytes = comparison->received - fault->offset;
	}
	decide(comparison);
}

const struct fault *comparison_finish(struct comparison *comparison, bool is_over)
{
	struct fault *fault = &comparison->fault;

	if (comparison->state == COMPARISON_SEARCHING) {
		finish_search(comparison, is_over);
	} else if (comparison->state == COMPARISON_FOLLOWING) {
		decide(comparison);
	} else if (comparison->state == COMPARISON_MATCHING && is_over &&
		   !comparison_is_complete(comparison)) {
		fault->kind = FAULT_TRUNCATED;
		fault->offset = comparison->offset;
		fault->bytes = comparison->pattern.total_bytes - comparison->offset;
		comparison->state = COMPARISON_DECIDED;
	}
	return fault;
}

/* --- In words --------------------------------------------------------------------------------- */

enum { COUNT_TEXT_BYTES = 48 };

static const char *count_of(char text[COUNT_TEXT_BYTES], uint64_t bytes)
{
	snprintf(text, COUNT_TEXT_BYTES, "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
	return text;
}

/* What can be said without the offset and the bytes themselves. */
static void format_kind(const struct fault *fault, char *text, size_t capacity)
{
	char bytes[COUNT_TEXT_BYTES], others[COUNT_TEXT_BYTES];

	count_of(bytes, fault->bytes);
	count_of(others, fault->others);
	switch (fault->kind) {
	case FAULT_NONE:
		snprintf(text, capacity, "no fault");
		break;
	case FAULT_CHANGED:
	case FAULT_LOST:
	case FAULT_REPEATED:
		snprintf(text, capacity, "%s %s", bytes, fault_word(fault->kind));
		break;
	case FAULT_ADDED:
		snprintf(text, capacity, "%s added that were never sent", bytes);
		break;
	case FAULT_REPLACED:
		snprintf(text, capacity, "%s lost, and %s came instead", bytes, others);
		break;
	case FAULT_REORDERED:
		snprintf(text, capacity, "out of order: %s came only behind the %s after them",
			bytes, others);
		break;
	case FAULT_TRUNCATED:
		snprintf(text, capacity, "truncated: the last %s did not come", bytes);
		break;
	case FAULT_TRAILING:
		snprintf(text, capacity, "%s more than were sent", bytes);
		break;
	case FAULT_FOREIGN:
		snprintf(text, capacity, "something else from there on, %s", bytes);
		break;
	}
}

static bool has_sample(const struct fault *fault)
{
	return fault->kind == FAULT_ADDED || fault->kind == FAULT_REPLACED ||
	       fault->kind == FAULT_TRAILING || fault->kind == FAULT_FOREIGN;
}

void fault_format(const struct fault *fault, char text[FAULT_TEXT_BYTES])
{
	char kind[FAULT_TEXT_BYTES / 2], sample[4 * FAULT_SAMPLE_BYTES + 1], more[128] = "";

	format_kind(fault, kind, sizeof kind);
	if (fault->has_from)
		snprintf(more, sizeof more, ", those of offset %" PRIu64 " came", fault->from);
	if (has_sample(fault)) {
		uint64_t shown = fault->kind == FAULT_REPLACED ? fault->others : fault->bytes;

		text_escape(
			sample, sizeof sample, fault->sample, least(shown, fault->sample_length));
		snprintf(more, sizeof more, ": \"%s\"%s", sample,
			shown > fault->sample_length ? "..." : "");
	}
	snprintf(text, FAULT_TEXT_BYTES, "at offset %" PRIu64 ": %s%s", fault->offset, kind, more);
}
