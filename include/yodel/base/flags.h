/* SPDX-License-Identifier: MIT */
/*
 * The options of a command line as a table: it drives getopt_long, its error messages and --help.
 * Owns nothing. Threads: one; getopt keeps state of its own. Source: getopt_long(3).
 */
#ifndef YODEL_BASE_FLAGS_H
#define YODEL_BASE_FLAGS_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"

#include <stddef.h>
#include <stdio.h>

struct flag {
	char letter; /* '\0': has none */
	const char *name;
	const char *argument; /* NULL: takes none */
	const char *help;
};

enum { FLAGS_MAX = 64, FLAGS_END = -1, FLAGS_BAD = -2 };

/* Makes the next flags_next begin anew, with the first argument. */
void flags_begin(void);

/*
 * Reads the next option of argv, in any order between other arguments.
 *   flags   count rows, at most FLAGS_MAX, the same from the first call to the last
 * Returns the index of its row, with its argument in optarg; FLAGS_END when there is none left, the
 * other arguments being those from optind on; FLAGS_BAD with error (EX_USAGE) for one that is
 * unknown or incomplete.
 */
int flags_next(const struct flag *flags, size_t count, int argc, char **argv,
	struct error *error) MUST_USE;

/* Writes a line for each flag: its forms, then what it does, from that column on. */
void flags_print(FILE *out, const struct flag *flags, size_t count, int column);

#endif
