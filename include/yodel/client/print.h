/* SPDX-License-Identifier: MIT */
/*
 * What goes to standard output in more than one command.
 * Owns nothing. Threads: one. Source: jansson(3), RFC 8259.
 */
#ifndef YODEL_CLIENT_PRINT_H
#define YODEL_CLIENT_PRINT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

enum { PRINT_TEXT_BYTES = 32 };

/* Prints the value on a line of its own and drops it. */
void print_json(json_t *value);

/* Milliseconds with as many digits as tell something, "0.045", "12.3", "1204"; without the unit. */
void format_ms(char text[PRINT_TEXT_BYTES], double ns);

/* Bytes in the largest unit of 1024 that leaves a digit in front of the point: "1.5 MiB". */
void format_bytes(char text[PRINT_TEXT_BYTES], double bytes);

#endif
