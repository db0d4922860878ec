/* SPDX-License-Identifier: MIT */
/*
 * An option is one row: its path, type, place, bounds, default and help. The rows drive the loader,
 * -o, -T, --help, the shipped file and the manual. A list has rows of its own, for its elements.
 * Rows are constant; values are stored into the caller's structs, strings and lists as owned
 * copies.
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
	OPTION_LIST,     /* struct option_list, owned */
};

/* The elements of a list, one behind the other, as the rows in `elements` store them. */
struct option_list {
	void *items; /* count structs of element_bytes; NULL without any */
	size_t count;
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
	bool is_unique;   /* in a row of an element: no two elements of a list give the same text */
	size_t offset;    /* of the value in the struct it belongs to */
	int64_t min, max; /* INTEGER, DURATION, SIZE, the count of RATE, of the elements of LIST */
	int64_t step;     /* of a DURATION: what it must be a multiple of, 0 for anything */
	/* As -o takes it. In a row of an element NULL means that a value must be given. */
	const char *default_value;
	const char *help;           /* one sentence without a full stop */
	const char *const *choices; /* CHOICE: NULL-terminated */
	/* STRING: more to ask of the text. Returns true, or false with what is expected in why. */
	bool (*check)(const char *text, char why[OPTION_WHY_BYTES]);
	/*
	 * LIST: what an element holds, none of it a LIST. Paths are the names in the element's group,
	 * as in ( { key = "a"; }, { key = "b"; } ); one row with the path "" is an element that is
	 * no group, as in ( "10.0.0.0/8", "::1" ).
	 */
	const struct option_row *elements;
	size_t element_bytes; /* LIST: of the struct that the rows in elements are stored in */
	/*
	 * LIST: the default: the values of the first element in the order of its rows, then those of the
	 * next, and NULL. No array is an empty list.
	 */
	const char *const *default_elements;
};

/* A table ends with a row without a path. */
#define OPTION_END                                                                                 \
	{                                                                                          \
		.path = NULL                                                                       \
	}

/* Finds the row with this path, or NULL. */
const struct option_row *option_find(const struct option_row *table, const char *path);

/*
 * Whether text of this kind is a good value for the row. The text of a list is the number of its
 * elements; each of their values is checked by its own row.
 *   why   on false: "expected X, got Y" with what is allowed and what was seen
 */
bool option_check(const struct option_row *option, enum value_kind kind, const char *text,
	char why[OPTION_WHY_BYTES]) MUST_USE;

/*
 * Stores a value that option_check accepted; a string or list that stood there before is freed. The
 * elements of a new list have the defaults of their rows, and zero where a row has none.
 *   base   the struct that the row's offset counts from
 */
void option_store(const struct option_row *option, const char *text, void *base);

/* Stores the default, if the row has one. base: zeroed before its first use. */
void option_store_default(const struct option_row *option, void *base);

/* Stores the defaults of all rows that have one. base: zeroed before its first use. */
void option_store_defaults(const struct option_row *table, void *base);

/* Whether the elements of a list are groups of named values, and not single values. */
bool option_has_groups(const struct option_row *option);

/* The struct of one element of the list in base. index: below the count. */
void *option_element(const struct option_row *option, const void *base, size_t index);

/* Frees a string or list and leaves zero in its place; does nothing for the other types. */
void option_free_value(const struct option_row *option, void *base);

/* Frees the strings and lists of all rows. */
void option_free_values(const struct option_row *table, void *base);

/*
 * Writes the value as the file would have it, in one line: strings escaped where they must be, the
 * others in their largest unit.
 */
void option_print_value(FILE *out, const struct option_row *option, const void *base);

/*
 * Writes the default, which the row must have, as the file would have it.
 *   gap   what stands in front of each element of a list: " ", or a line's end and indentation
 */
void option_print_default(FILE *out, const struct option_row *option, const char *gap);

/* Writes what the row allows, "a duration from 1s to 1d, or 0", as messages and manuals say it. */
void option_describe(const struct option_row *option, char text[OPTION_WHY_BYTES]);

#endif
