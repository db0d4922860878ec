/* SPDX-License-Identifier: MIT */
/*
 * What an operator's line means: whom it is for, and what is said.
 *   TEXT           whoever spoke last
 *   @17 TEXT       the client with this number
 *   @* TEXT        all clients
 *   @@TEXT         whoever spoke last, and TEXT with one "@" in front
 *   nothing        nobody
 * Owns nothing. Threads: any.
 */
#ifndef YODEL_SERVER_CONSOLE_LINE_H
#define YODEL_SERVER_CONSOLE_LINE_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum console_target { CONSOLE_NOBODY, CONSOLE_LAST, CONSOLE_ONE, CONSOLE_ALL };

struct console_line {
	enum console_target target;
	uint64_t number; /* for CONSOLE_ONE: 1 or more */
	const char *text;
	size_t length;
};

/*
 * Reads a line.
 *   bytes   length bytes, any values, without a line end; lent as long as line->text is used
 *   line    set where true is returned
 * Returns false where an "@" is followed by none of the above, or by nothing to say.
 */
bool console_line_read(const char *bytes, size_t length, struct console_line *line) MUST_USE;

#endif
