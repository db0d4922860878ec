/* SPDX-License-Identifier: MIT */
/*
 * Colours and the progress bar, on a terminal only and never where TERM is "dumb" or missing. Colours:
 * not with --no-color, nor where NO_COLOR is set and not empty. The bar: not with --quiet or --json.
 * Owns nothing. Threads: one. Source: no-color.org, ECMA-48 8.3.117.
 */
#ifndef YODEL_CLIENT_TERMINAL_H
#define YODEL_CLIENT_TERMINAL_H

#include "yodel/base/attributes.h"
#include "yodel/client/request.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum terminal_color { COLOR_GOOD, COLOR_BAD, COLOR_WARN, COLOR_DIM };

/* Whether colours may go to this stream. */
bool terminal_has_color(const struct request *request, FILE *out);

/* Prints as fprintf does, in this colour where the stream may have it. */
void terminal_paint(const struct request *request, FILE *out, enum terminal_color color,
	const char *format, ...) PRINTF_LIKE(4, 5);

/* A line at the foot of the terminal, on stderr, that is drawn over and over. Zero at first. */
struct progress {
	bool is_drawn;
	int64_t drawn_ms; /* monotonic */
};

/*
 * Draws the bar and a text behind it, at most ten times a second; does nothing without a terminal.
 *   fraction   done, 0 .. 1; below 0: not known, the text alone
 */
void progress_show(struct progress *progress, const struct request *request, double fraction,
	const char *format, ...) PRINTF_LIKE(4, 5);

/* Removes the line; before anything else is printed. */
void progress_clear(struct progress *progress);

#endif
