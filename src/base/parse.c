/* SPDX-License-Identifier: MIT */
#include "yodel/base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* Smallest first, so that the last one that divides a value is its largest whole unit. */
static const struct unit duration_units[] = {
	{"ms", 1},
	{"s", 1000},
	{"m", 60000},
	{"h", 3600000},
	{"d", 86400000},
	{NULL, 0},
};
static const struct unit size_units[] = {
	{"", 1},
	{"k", 1024},
	{"M", 1048576},
	{"G", 1073741824},
	{NULL, 0},
};
static const struct unit rate_units[] = {
	{"/s", 1000},
	{"/m", 60000},
	{"/h", 3600000},
	{NULL, 0},
};

/* Reads the digits at the start of text; *end is what follows them. */
static bool read_integer(const char *text, int64_t *value, const char **end)
{
	const char *digits = text + (*text == '-');
	char *after;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	intmax_t number = strtoimax(text, &after, 10);
	if (errno != 0)
		return false;
	*value = number;
	*end = after;
	return true;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	while (units->name != NULL && strcmp(units->name, name) != 0)
		units++;
	return units->name != NULL ? units : NULL;
}

/* Reads "NUMBER[UNIT]" with a number of 0 or more; a bare number has the factor `bare`. */
static bool read_with_unit(
	const char *text, const struct unit *units, int64_t bare, int64_t *number, int64_t *factor)
{
	const char *end;

	if (!read_integer(text, number, &end) || *number < 0)
		return false;
	if (*end == '\0') {
		*factor = bare;
		return true;
	}
	const struct unit *unit = find_unit(units, end);
	if (unit == NULL)
		return false;
	*factor = unit->factor;
	return true;
}

static bool read_scaled(const char *text, const struct unit *units, int64_t bare, int64_t *value)
{
	int64_t number, factor, product;

	if (!read_with_unit(text, units, bare, &number, &factor))
		return false;
	if (__builtin_mul_overflow(number, factor, &product))
		return false;
	*value = product;
	return true;
}

bool parse_integer(const char *text, int64_t *value)
{
	const char *end;
	int64_t number;

	if (!read_integer(text, &number, &end) || *end != '\0')
		return false;
	*value = number;
	return true;
}

bool parse_duration(const char *text, int64_t *value_ms)
{
	return read_scaled(text, duration_units, 1000, value_ms);
}

bool parse_milliseconds(const char *text, int64_t *value_ns)
{
	int64_t value, factor = 1000000;
	const char *end;

	if (!read_integer(text, &value, &end) || *text == '-' ||
		__builtin_mul_overflow(value, factor, &value))
		return false;
	if (*end == '.' && end[1] != '\0') {
		for (end++; isdigit((unsigned char)*end) && factor > 1; end++) {
			factor /= 10;
			if (__builtin_add_overflow(value, (*end - '0') * factor, &value))
				return false;
		}
	}
	if (*end != '\0')
		return false;
	*value_ns = value;
	return true;
}

bool parse_size(const char *text, int64_t *value_bytes)
{
	return read_scaled(text, size_units, 1, value_bytes);
}

bool parse_rate(const char *text, struct rate *value)
{
	struct rate rate;

	if (!read_with_unit(text, rate_units, 1000, &rate.count, &rate.period_ms))
		return false;
	*value = rate;
	return true;
}

static void format_scaled(char text[PARSE_TEXT_BYTES], const struct unit *units, int64_t value)
{
	const struct unit *best = units;

	for (const struct unit *unit = units; unit->name != NULL; unit++)
		if (value % unit->factor == 0)
			best = unit;
	if (value == 0)
		snprintf(text, PARSE_TEXT_BYTES, "0");
	else
		snprintf(text, PARSE_TEXT_BYTES, "%" PRId64 "%s", value / best->factor, best->name);
}

void format_duration(char text[PARSE_TEXT_BYTES], int64_t value_ms)
{
	format_scaled(text, duration_units, value_ms);
}

void format_size(char text[PARSE_TEXT_BYTES], int64_t value_bytes)
{
	format_scaled(text, size_units, value_bytes);
}

void format_rate(char text[PARSE_TEXT_BYTES], struct rate value)
{
	const struct unit *unit = rate_units;

	while (unit->name != NULL && unit->factor != value.period_ms)
		unit++;
	if (value.count == 0 || unit->name == NULL)
		snprintf(text, PARSE_TEXT_BYTES, "0");
	else
		snprintf(text, PARSE_TEXT_BYTES, "%" PRId64 "%s", value.count, unit->name);
}
