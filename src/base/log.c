/* SPDX-License-Identifier: MIT */
#include "yodel/base/log.h"

#include "yodel/base/clock.h"
#include "yodel/base/text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

const char *const log_level_names[] = {"error", "warn", "info", "debug", NULL};
const char *const log_format_names[] = {"text", "json", NULL};

static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static enum log_level wanted_level = LOG_LEVEL_INFO;
static enum log_format wanted_format = LOG_FORMAT_TEXT;
static bool has_priority_prefix;

/* Room that is kept for the end of a line: "}" and the newline. */
enum { END_BYTES = 2 };

/* systemd sets JOURNAL_STREAM to "device:inode" of the stream it gave us; somebody may have
 * redirected stderr since. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	uintmax_t device, inode;

	if (stream == NULL || sscanf(stream, "%ju:%ju", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

void log_configure(enum log_level level, enum log_format format)
{
	wanted_level = level;
	wanted_format = format;
	has_priority_prefix = stderr_is_journal();
}

bool log_is_wanted(enum log_level level)
{
	return level <= wanted_level;
}

/* Appends all of it or nothing. */
static bool append(struct log_line *line, const char *format, ...) PRINTF_LIKE(2, 3);
static bool append(struct log_line *line, const char *format, ...)
{
	size_t room = sizeof line->bytes - END_BYTES - line->used;
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(line->bytes + line->used, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room)
		return false;
	line->used += (size_t)length;
	return true;
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	char now[CLOCK_UTC_TEXT_BYTES];

	line->is_wanted = log_is_wanted(level);
	if (!line->is_wanted)
		return;
	line->used = 0;
	clock_utc_text(now);
	if (has_priority_prefix)
		append(line, "<%d>", priorities[level]);
	if (wanted_format == LOG_FORMAT_JSON)
		append(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
			log_level_names[level], event);
	else
		append(line, "%s %s %s", now, log_level_names[level], event);
}

void log_number(struct log_line *line, const char *name, uint64_t value)
{
	if (!line->is_wanted)
		return;
	if (wanted_format == LOG_FORMAT_JSON)
		append(line, ",\"%s\":%" PRIu64, name, value);
	else
		append(line, " %s=%" PRIu64, name, value);
}

/* JSON knows no \xNN: a byte outside ASCII is given as the code point of the same number. */
static void escape_json(char *dst, size_t capacity, const char *value)
{
	size_t used = 0;

	dst[0] = '\0';
	for (const unsigned char *at = (const unsigned char *)value; *at != '\0'; at++) {
		char piece[8];

		if (*at == '"' || *at == '\\')
			snprintf(piece, sizeof piece, "\\%c", *at);
		else if (*at < 0x20 || *at >= 0x7f)
			snprintf(piece, sizeof piece, "\\u%04x", *at);
		else
			snprintf(piece, sizeof piece, "%c", *at);
		if (used + strlen(piece) >= capacity)
			return;
		used += (size_t)snprintf(dst + used, capacity - used, "%s", piece);
	}
}

static bool needs_quotes(const char *value, const char *escaped)
{
	return *value == '\0' || strcmp(value, escaped) != 0 || strpbrk(value, " =") != NULL;
}

void log_text(struct log_line *line, const char *name, const char *value)
{
	char escaped[LOG_LINE_BYTES / 2];

	if (!line->is_wanted)
		return;
	if (wanted_format == LOG_FORMAT_JSON) {
		escape_json(escaped, sizeof escaped, value);
		append(line, ",\"%s\":\"%s\"", name, escaped);
		return;
	}
	text_escape(escaped, sizeof escaped, value, strlen(value));
	append(line, needs_quotes(value, escaped) ? " %s=\"%s\"" : " %s=%s", name, escaped);
}

void log_end(struct log_line *line)
{
	if (!line->is_wanted)
		return;
	if (wanted_format == LOG_FORMAT_JSON)
		line->bytes[line->used++] = '}';
	line->bytes[line->used++] = '\n';
	/* A log that cannot be written has nowhere to say so. */
	ssize_t ignored = write(STDERR_FILENO, line->bytes, line->used);
	(void)ignored;
}

void log_message(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line line;
	char message[LOG_LINE_BYTES / 2];
	va_list arguments;

	if (!log_is_wanted(level))
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	log_begin(&line, level, event);
	log_text(&line, "message", message);
	log_end(&line);
}
