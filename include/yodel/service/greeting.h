/* SPDX-License-Identifier: MIT */
/*
 * The greeting: a text with C escapes and ${...} fields, and the settings of service greet.
 * Owns nothing. Threads: any.
 */
#ifndef YODEL_SERVICE_GREETING_H
#define YODEL_SERVICE_GREETING_H

#include "yodel/base/option.h"
#include "yodel/session/connection.h"

#include <stdbool.h>
#include <stddef.h>

struct greet_settings {
	char *text; /* as configured */
};

extern const struct option_row greet_options[];

enum {
	GREETING_TEXT_MAX_BYTES = 4096, /* as configured */
	GREETING_MAX_BYTES = 8 * 1024,  /* with its fields filled in */
};

/* Whether text is a good greeting; else false with what is expected in why. */
bool greeting_check(const char *text, char why[OPTION_WHY_BYTES]);

/*
 * Fills in a greeting that greeting_check accepted.
 *   dst   GREETING_MAX_BYTES bytes; may hold NUL bytes
 * Returns the length; what does not fit is cut. Fields: ${peer} ${listener} ${connections} ${time}.
 */
size_t greeting_fill(const char *text, const struct connection *connection, char *dst);

#endif
