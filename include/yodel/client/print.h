/* SPDX-License-Identifier: MIT */
/*
 * What goes to standard output in more than one command.
 * Owns nothing. Threads: one. Source: jansson, RFC 8259.
 */
#ifndef YODEL_CLIENT_PRINT_H
#define YODEL_CLIENT_PRINT_H

#include "yodel/base/attributes.h"
#include "yodel/client/failure.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { PRINT_TEXT_BYTES = 32 };

/* Prints the value on a line of its own and drops it. */
void print_json(json_t *value);

/*
 * Sets a member of an object to bytes that somebody has sent: as a string under its name where they
 * are UTF-8 without NUL, otherwise in base64 under the name with "_base64" behind it.
 *   name   at most 40 characters
 * Source: RFC 4648, section 4.
 */
void print_set_bytes(json_t *object, const char *name, const char *bytes, size_t length);

/*
 * Writes all of it to standard output, past stdio, and waits where that takes no more now.
 * Returns 0, or -1 with failure.
 */
int print_bytes(const char *bytes, size_t length, struct failure *failure) MUST_USE;

/* Milliseconds with as many digits as tell something, "0.045", "12.3", "1204"; without the unit. */
void format_ms(char text[PRINT_TEXT_BYTES], double ns);

/* Bytes in the largest unit of 1024 that leaves a digit in front of the point: "1.5 MiB". */
void format_bytes(char text[PRINT_TEXT_BYTES], double bytes);

#endif
