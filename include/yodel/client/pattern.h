/* SPDX-License-Identifier: MIT */
/*
 * A stream of bytes that describes itself: each byte follows from a seed and its offset, and two
 * whole words of it tell the offset that they belong to. Word i, 8 bytes with the lowest first, is a
 * bijection of i and the seed, so that it can be turned back.
 * Owns nothing; a struct is constant. Threads: any. Source: the finalizer of SplitMix64.
 */
#ifndef YODEL_CLIENT_PATTERN_H
#define YODEL_CLIENT_PATTERN_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PATTERN_WORD_BYTES = 8,
	PATTERN_LOCATE_BYTES = 2 * PATTERN_WORD_BYTES,
	/* Among so many bytes in a row are always two whole words. */
	PATTERN_SURE_BYTES = PATTERN_LOCATE_BYTES + PATTERN_WORD_BYTES - 1,
};

struct pattern {
	uint64_t key;
	uint64_t total_bytes; /* where the stream ends */
};

/* The stream of a seed. */
struct pattern pattern_make(uint64_t seed, uint64_t total_bytes);

/* Stores length bytes of the stream from offset on, also beyond its end. */
void pattern_fill(const struct pattern *pattern, uint64_t offset, void *dst, size_t length);

/* Compares with the stream from offset on. Returns how many bytes agree, from the first one on. */
size_t pattern_match(
	const struct pattern *pattern, uint64_t offset, const void *bytes, size_t length) MUST_USE;

/*
 * Finds the place of two whole words.
 *   bytes    PATTERN_LOCATE_BYTES of them, which need not be aligned in memory
 *   offset   of the first, a multiple of PATTERN_WORD_BYTES
 * Returns false for what is not two whole words of this stream, one behind the other.
 */
bool pattern_locate(const struct pattern *pattern, const void *bytes, uint64_t *offset) MUST_USE;

#endif
