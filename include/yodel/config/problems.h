/* SPDX-License-Identifier: MIT */
/*
 * All that is wrong with a configuration, collected so that one run reports everything.
 * The caller owns the storage; the text is owned by it. Threads: one per struct.
 */
#ifndef YODEL_CONFIG_PROBLEMS_H
#define YODEL_CONFIG_PROBLEMS_H

#include "yodel/base/attributes.h"

#include <stddef.h>
#include <stdio.h>

struct problems {
	size_t count;
	char *text; /* a line each; NULL while there is none */
	size_t bytes;
	FILE *stream;
};

/* Starts an empty collection. */
void problems_init(struct problems *problems);

/*
 * Adds a line "ORIGIN: PATH: message".
 *   origin   "file:line" or "-o"
 *   path     the option, or NULL where the problem has none
 */
void problems_add(struct problems *problems, const char *origin, const char *path,
	const char *format, ...) PRINTF_LIKE(4, 5);

/* The lines so far, "" if none. Lent until the next call on problems. */
const char *problems_text(struct problems *problems);

/* Frees the lines. */
void problems_fini(struct problems *problems);

#endif
