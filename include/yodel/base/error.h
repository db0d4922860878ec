/* SPDX-License-Identifier: MIT */
/*
 * A start-up failure on its way to the program, which alone prints it and exits.
 * The message names the thing, the value seen and the value allowed; no trailing newline.
 * Owns nothing: the struct is the caller's storage. Threads: one per struct.
 * Source: sysexits(3) for the codes.
 */
#ifndef YODEL_BASE_ERROR_H
#define YODEL_BASE_ERROR_H

#include "yodel/base/attributes.h"

#include <stddef.h>

enum { ERROR_MESSAGE_BYTES = 1024 };

struct error {
	int exit_code; /* one of EX_* */
	int number;    /* the errno value behind it; 0 where there is none */
	char message[ERROR_MESSAGE_BYTES];
};

/*
 * Fills error; an over-long message is cut.
 *   exit_code   EX_* of sysexits(3)
 * Returns -1, so that a failing function can end with `return error_set(...)`.
 */
int error_set(struct error *error, int exit_code, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * Like error_set, and appends ": " and the text of number.
 *   number   an errno value
 */
int error_set_errno(struct error *error, int exit_code, int number, const char *format, ...)
	PRINTF_LIKE(4, 5);

/*
 * The text of an errno value, thread-safe and untranslated.
 * Returns a static string, "unknown error" for a number without a text. Source: strerrordesc_np(3).
 */
const char *error_text(int number);

#endif
