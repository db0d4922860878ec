/* SPDX-License-Identifier: MIT */
/*
 * Compares what comes with a pattern, and finds out what happened at the first difference: it goes
 * on looking until it knows where in the pattern the bytes behind it belong, and for a while after
 * that, as what seems lost may only be late. In constant memory.
 *
 * Offsets are of the first difference that can be seen: a byte that was changed, lost or added may
 * happen to equal the right one. Neighbouring faults with fewer than PATTERN_SURE_BYTES right bytes
 * between them are one.
 * The caller owns the storage. Threads: one per struct.
 */
#ifndef YODEL_CLIENT_COMPARISON_H
#define YODEL_CLIENT_COMPARISON_H

#include "yodel/base/attributes.h"
#include "yodel/client/pattern.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Constant and word, as JSON has it; what bytes and others of a struct fault mean. */
#define FAULT_KINDS(ROW)                                                                           \
	ROW(FAULT_NONE, "none")           /* no fault */                                           \
	ROW(FAULT_CHANGED, "changed")     /* from the first to the last wrong one */               \
	ROW(FAULT_LOST, "lost")           /* left out */                                           \
	ROW(FAULT_REPEATED, "repeated")   /* came again, those of `from` */                        \
	ROW(FAULT_ADDED, "added")         /* foreign ones, in front of the right ones */           \
	ROW(FAULT_REPLACED, "replaced")   /* left out, with others in their place */               \
	ROW(FAULT_REORDERED, "reordered") /* came behind others, which follow them */              \
	ROW(FAULT_TRUNCATED, "truncated") /* left out at the end */                                \
	ROW(FAULT_TRAILING, "trailing")   /* behind the end */                                     \
	ROW(FAULT_FOREIGN, "foreign")     /* looked at, and none had a place in the pattern */

enum fault_kind {
#define FAULT_CONSTANT(constant, word) constant,
	FAULT_KINDS(FAULT_CONSTANT)
#undef FAULT_CONSTANT
};

enum { FAULT_SAMPLE_BYTES = 24, FAULT_TEXT_BYTES = 384 };

struct fault {
	enum fault_kind kind;
	uint64_t offset; /* of the first difference */
	uint64_t bytes;
	uint64_t others;
	bool has_from;
	uint64_t from; /* the offset of the bytes that came */
	size_t sample_length;
	unsigned char sample[FAULT_SAMPLE_BYTES]; /* what came at the offset */
};

enum comparison_state {
	COMPARISON_MATCHING,  /* no difference so far */
	COMPARISON_SEARCHING, /* behind a difference: where does it go on? */
	COMPARISON_FOLLOWING, /* it goes on there: for how long? */
	COMPARISON_TRAILING,  /* all has come, and more */
	COMPARISON_DECIDED,
};

/* A difference, and where the pattern goes on. */
struct jump {
	uint64_t seen_at;  /* in what came: the first difference */
	uint64_t expected; /* the offset in the pattern there */
	uint64_t found_at; /* in what came: it goes on */
	uint64_t offset;   /* in the pattern, there */
};

struct comparison {
	struct pattern pattern;
	enum comparison_state state;
	uint64_t received; /* bytes taken */
	uint64_t offset;   /* in the pattern, of the next byte */
	struct jump jumps[2];
	size_t jump_count; /* those that are located */
	struct fault fault;

	/* While searching: the last bytes, of which those before `scanned` are looked at. */
	unsigned char window[4096];
	size_t window_length, scanned;
};

/* The word of a kind. */
const char *fault_word(enum fault_kind kind);

/* Says what happened, "at offset 7: 3 bytes lost". */
void fault_format(const struct fault *fault, char text[FAULT_TEXT_BYTES]);

/* Begins a comparison with this pattern. */
void comparison_init(struct comparison *comparison, const struct pattern *pattern);

/*
 * Takes the next bytes.
 * Returns false as soon as nothing that may follow can change what is known of the fault, or would
 * be waited for too long.
 */
bool comparison_take(struct comparison *comparison, const char *bytes, size_t length) MUST_USE;

/* Whether every byte has come, and nothing else. */
bool comparison_is_complete(const struct comparison *comparison);

/* Whether a difference was seen. */
bool comparison_has_fault(const struct comparison *comparison);

/* How many bytes came as they should, up to the first difference. */
uint64_t comparison_good_bytes(const struct comparison *comparison);

/*
 * Says what is known of the first fault; FAULT_NONE where there was none. Nothing is taken after it.
 *   is_over   nothing more would have come: a stream that is too short is a fault, too
 */
const struct fault *comparison_finish(struct comparison *comparison, bool is_over);

#endif
