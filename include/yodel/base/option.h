/* SPDX-License-Identifier: MIT */
/*
 * An option is one row: its path, type, place, bounds, default and help. The rows drive the loader,
 * -o, -T, --help, the shipped file and the manual.
 * Rows are constant; values are stored into the caller's structs, strings as owned copies.
 * Threads: any for reading rows; a struct being filled belongs to one thread.
 */
#ifndef YODEL_BASE_OPTION_H
#define YODEL_BASE_OPTION_H

#include "yodel/base/attributes.h"
#include "yodel/base/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {       /* stored as */
	OPTION_BOOL,     /* bool */
	OPTION_INTEGER,  /* int64_t */
	OPTION_DURATION, /* int64_t, milliseconds */
	OPTION_SIZE,     /* int64_t, bytes */
	OPTION_RATE,     /* struct rate */
	OPTION_CHOICE,   /* int, the index into choices */
	OPTION_STRING,   /* char *, owned */
	OPTION_PORT,     /* char *, owned: a number 0 .. 65535 or a service name */
};

/* What stood where a value was read from. */
enum value_kind {
	VALUE_BOOL,
	VALUE_INTEGER,
	VALUE_STRING,
	VALUE_FLOAT,
	VALUE_GROUP,
	VALUE_LIST,
	VALUE_WORD, /* from the command line: no type of its own */
};

enum { OPTION_WHY_BYTES = 256 };

struct option_row {
	const char *path; /* "timeouts.idle" */
	enum option_type type;
	size_t offset;    /* of the value in the struct it belongs to */
	int64_t min, max; /* INTEGER, DURATION, SIZE, and the count of RATE */
	int64_t step;     /* of a DURATION: what it must be a multiple of, 0 for anything */
	const char *default_value;  /* as it would be written in the file, without quotes */
	const char *help;           /* one sentence without a full stop */
	const char *const *choices; /* CHOICE: NULL-terminated */
	/* STRING: more to ask of the text. Returns true, or false with what is expected in why. */
	bool (*check)(const char *text, char why[OPTION_WHY_BYTES]);
};

/* A table ends with a row without a path. */
#define OPTION_END                                                                                 \
	{                                                                                          \
		.path = NULL                                                                       \
	}

/* Finds the row with this path, or NULL. */
const struct option_row *option_find(const struct option_row *table, const char *path);

/*
 * Whether text of this kind is a good value for the row.
 *   why   on false: "expected X, got Y" with what is allowed and what was seen
 */
bool option_check(const struct option_row *option, enum value_kind kind, const char *text,
	char why[OPTION_WHY_BYTES]) MUST_USE;

/*
 * Stores a value that option_check accepted; a string that stood there before is freed.
 *   base   the struct that the row's offset counts from
 */
void option_store(const struct option_row *option, const char *text, void *base);

/* Stores the defaults of all rows. base: zeroed before its first use. */
void option_store_defaults(const struct option_row *table, void *base);

/* Frees a string and leaves NULL in its place; does nothing for the other types. */
void option_free_value(const struct option_row *option, void *base);

/* Frees the strings of all rows. */
void option_free_values(const struct option_row *table, void *base);

/* Writes the value as the file would have it: strings escaped, the others in their largest unit. */
void option_print_value(FILE *out, const struct option_row *option, const void *base);

/* Whether the file writes this value in quotes. */
bool option_is_quoted(const struct option_row *option, const char *text);

/* Writes what the row allows, "a duration from 1s to 1d, or 0", as messages and manuals say it. */
void option_describe(const struct option_row *option, char text[OPTION_WHY_BYTES]);

#endif
