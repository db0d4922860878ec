/* SPDX-License-Identifier: MIT */
#include "yodel/client/pattern.h"

#include <endian.h>
#include <string.h>

enum { BLOCK_WORDS = 8, BLOCK_BYTES = BLOCK_WORDS * PATTERN_WORD_BYTES };

static uint64_t mix(uint64_t value)
{
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

/* Step by step back: the factors are the inverses modulo 2^64. */
static uint64_t unmix(uint64_t value)
{
	value = (value ^ value >> 31 ^ value >> 62) * UINT64_C(0x319642b2d24d8ec3);
	value = (value ^ value >> 27 ^ value >> 54) * UINT64_C(0x96de1b173f119089);
	return value ^ value >> 30 ^ value >> 60;
}

/* A word as it stands in memory. */
static uint64_t word_of(const struct pattern *pattern, uint64_t index)
{
	return htole64(mix(pattern->key + index));
}

static uint64_t load(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}

static size_t least(size_t one, size_t other)
{
	return one < other ? one : other;
}

struct pattern pattern_make(uint64_t seed, uint64_t total_bytes)
{
	/* Neighbouring seeds must not give the same words, some places apart. */
	return (struct pattern){.key = mix(~seed), .total_bytes = total_bytes};
}

/* Stores what is wanted of one word. Returns how many bytes. */
static size_t fill_part(
	const struct pattern *pattern, uint64_t offset, unsigned char *to, size_t length)
{
	uint64_t word = word_of(pattern, offset / PATTERN_WORD_BYTES);
	size_t skip = offset % PATTERN_WORD_BYTES;
	size_t count = least(PATTERN_WORD_BYTES - skip, length);

	memcpy(to, (const unsigned char *)&word + skip, count);
	return count;
}

void pattern_fill(const struct pattern *pattern, uint64_t offset, void *dst, size_t length)
{
	unsigned char *to = dst;
	size_t done = 0;

	if (offset % PATTERN_WORD_BYTES != 0)
		done = fill_part(pattern, offset, to, length);
	for (; length - done >= PATTERN_WORD_BYTES; done += PATTERN_WORD_BYTES) {
		uint64_t word = word_of(pattern, (offset + done) / PATTERN_WORD_BYTES);

		memcpy(to + done, &word, sizeof word);
	}
	if (done < length)
		(void)fill_part(pattern, offset + done, to + done, length - done);
}

/* Whether a block agrees; offset is that of a word. */
static bool is_block(const struct pattern *pattern, uint64_t offset, const unsigned char *bytes)
{
	uint64_t index = offset / PATTERN_WORD_BYTES, difference = 0;

	for (size_t i = 0; i < BLOCK_WORDS; i++)
		difference |= word_of(pattern, index + i) ^ load(bytes + i * PATTERN_WORD_BYTES);
	return difference == 0;
}

/* At most a block, byte by byte. */
static size_t match_bytes(
	const struct pattern *pattern, uint64_t offset, const unsigned char *bytes, size_t length)
{
	unsigned char expected[BLOCK_BYTES];
	size_t same = 0;

	pattern_fill(pattern, offset, expected, length);
	while (same < length && bytes[same] == expected[same])
		same++;
	return same;
}

size_t pattern_match(
	const struct pattern *pattern, uint64_t offset, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	size_t done = 0;

	while (done < length) {
		size_t skip = (offset + done) % PATTERN_WORD_BYTES;

		if (skip == 0 && length - done >= BLOCK_BYTES &&
			is_block(pattern, offset + done, at + done)) {
			done += BLOCK_BYTES;
			continue;
		}
		size_t count = least(BLOCK_BYTES - skip, length - done);
		size_t same = match_bytes(pattern, offset + done, at + done, count);
		done += same;
		if (same < count)
			break;
	}
	return done;
}

bool pattern_locate(const struct pattern *pattern, const void *bytes, uint64_t *offset)
{
	const unsigned char *at = bytes;
	uint64_t index = unmix(le64toh(load(at))) - pattern->key;

	if (pattern->total_bytes < PATTERN_LOCATE_BYTES ||
		index > (pattern->total_bytes - PATTERN_LOCATE_BYTES) / PATTERN_WORD_BYTES)
		return false;
	if (load(at + PATTERN_WORD_BYTES) != word_of(pattern, index + 1))
		return false;
	*offset = index * PATTERN_WORD_BYTES;
	return true;
}
