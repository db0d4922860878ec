/* SPDX-License-Identifier: MIT */
/*
 * The log: one line an event on stderr, written whole by one write(2).
 *   text   2026-11-20T12:00:00.123Z info close conn=17 listener=echo reason=client_fin
 *   json   {"time":"2026-11-20T12:00:00.123Z","level":"info","event":"close","conn":17,...}
 * A text value with a blank, '=', quote or unprintable byte is quoted and escaped.
 * Owns nothing. Threads: log_configure before the first other thread; the rest any, without a lock:
 * the kernel keeps single writes to a pipe (up to PIPE_BUF), file or terminal whole.
 * A reader that takes nothing holds a line up for a second, once; then lines are dropped and counted
 * (`lost=N` in the next one that gets through) until it reads again. So no log can stop the daemon.
 * Source: pipe(7), sd-daemon(3).
 */
#ifndef YODEL_BASE_LOG_H
#define YODEL_BASE_LOG_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* The names of both, in the order of the enums, NULL at the end. */
extern const char *const log_level_names[];
extern const char *const log_format_names[];

enum { LOG_LINE_BYTES = 2048 };

/* A line being built; the caller's storage from log_begin to log_end. */
struct log_line {
	size_t used;
	bool is_wanted;
	char bytes[LOG_LINE_BYTES];
};

/*
 * Sets the least important level that is written and the format.
 * Before the first call: info, text. Detects from JOURNAL_STREAM whether stderr is the journal;
 * there every line carries its "<N>" priority.
 */
void log_configure(enum log_level level, enum log_format format);

/* Whether a line of this level would be written. */
bool log_is_wanted(enum log_level level);

/*
 * Starts a line. A line of an unwanted level costs nothing further: the calls below return at once.
 *   event   one word
 */
void log_begin(struct log_line *line, enum log_level level, const char *event);

/* Adds a number to the line. */
void log_number(struct log_line *line, const char *name, uint64_t value);

/* Adds a text to the line; any bytes, escaped; value is NUL-terminated. */
void log_text(struct log_line *line, const char *name, const char *value);

/* The same for length bytes, which may hold NUL. */
void log_bytes(struct log_line *line, const char *name, const void *value, size_t length);

/* Writes the line; what did not fit was cut at a whole field or, for a long text, inside it. */
void log_end(struct log_line *line);

/* Writes a line with one field, `message`. */
void log_message(enum log_level level, const char *event, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
