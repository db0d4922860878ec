/* SPDX-License-Identifier: MIT */
/*
 * Numbers with units, from text and back. One small parser per kind of value; none accepts
 * leading or trailing blanks, a sign other than one leading '-', or a value that does not fit.
 * Owns nothing. Threads: any.
 */
#ifndef YODEL_BASE_PARSE_H
#define YODEL_BASE_PARSE_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PARSE_TEXT_BYTES = 32 };

/* So many events in a period; count 0 means no limit. */
struct rate {
	int64_t count;
	int64_t period_ms;
};

/* Reads a decimal integer. Returns false and leaves *value alone where text is not one. */
bool parse_integer(const char *text, int64_t *value) MUST_USE;

/*
 * Reads a duration: "500ms", "30s", "5m", "2h", "1d"; a bare number is seconds.
 *   value_ms   milliseconds, 0 or more
 */
bool parse_duration(const char *text, int64_t *value_ms) MUST_USE;

/*
 * Reads milliseconds with at most six decimals and without a unit: "20", "0.5".
 *   value_ns   nanoseconds, 0 or more
 */
bool parse_milliseconds(const char *text, int64_t *value_ns) MUST_USE;

/*
 * Reads a size: "512", "64k", "1M", "2G" (powers of 1024).
 *   value_bytes   bytes, 0 or more
 */
bool parse_size(const char *text, int64_t *value_bytes) MUST_USE;

/* Reads a rate: "50/s", "100/m", "1000/h"; a bare number is per second, 0 is no limit. */
bool parse_rate(const char *text, struct rate *value) MUST_USE;

/* Writes a duration in its largest whole unit, "5m", "0"; parse_duration reads it back. */
void format_duration(char text[PARSE_TEXT_BYTES], int64_t value_ms);

/* Writes a size in its largest whole unit, "64k", "0"; parse_size reads it back. */
void format_size(char text[PARSE_TEXT_BYTES], int64_t value_bytes);

/* Writes a rate, "50/s", "0"; parse_rate reads it back. */
void format_rate(char text[PARSE_TEXT_BYTES], struct rate value);

#endif
