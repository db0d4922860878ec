/* SPDX-License-Identifier: MIT */
#include "yodel/base/log.h"

#include "yodel/base/clock.h"
#include "yodel/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

const char *const log_level_names[] = {"error", "warn", "info", "debug", NULL};
const char *const log_format_names[] = {"text", "json", NULL};

static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static enum log_level wanted_level = LOG_LEVEL_INFO;
static enum log_format wanted_format = LOG_FORMAT_TEXT;
static bool has_priority_prefix;
static bool is_socket; /* stderr, as it is under systemd */

/* Of a reader that does not keep up. */
static atomic_uint_fast64_t lost_lines;
static atomic_bool is_reader_stuck;
static atomic_bool is_line_torn; /* the last thing written is a part of a line */

enum { READER_PATIENCE_MS = 1000 };

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

/*
 * Makes writing to stderr never block for long. A pipe or terminal is opened anew, for its flags are
 * shared with whoever gave it to us; a socket is asked at each send; a file never blocks.
 */
static void unblock_stderr(void)
{
	struct stat status;

	if (fstat(STDERR_FILENO, &status) != 0)
		return;
	is_socket = S_ISSOCK(status.st_mode);
	if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
		return;
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return; /* not ours to open: then it may block */
	(void)dup2(fd, STDERR_FILENO);
	close(fd);
}

void log_configure(enum log_level level, enum log_format format)
{
	unblock_stderr();
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
static void escape_json(char *dst, size_t capacity, const unsigned char *value, size_t length)
{
	size_t used = 0;

	dst[0] = '\0';
	for (size_t i = 0; i < length; i++) {
		char piece[8];

		if (value[i] == '"' || value[i] == '\\')
			snprintf(piece, sizeof piece, "\\%c", value[i]);
		else if (value[i] < 0x20 || value[i] >= 0x7f)
			snprintf(piece, sizeof piece, "\\u%04x", value[i]);
		else
			snprintf(piece, sizeof piece, "%c", value[i]);
		if (used + strlen(piece) >= capacity)
			return;
		used += (size_t)snprintf(dst + used, capacity - used, "%s", piece);
	}
}

/* What was escaped is longer; a blank and an equals sign stay and part fields. */
static bool needs_quotes(const char *escaped, size_t escaped_length, size_t length)
{
	return length == 0 || escaped_length != length || strpbrk(escaped, " =") != NULL;
}

void log_bytes(struct log_line *line, const char *name, const void *value, size_t length)
{
	char escaped[LOG_LINE_BYTES / 2];

	if (!line->is_wanted)
		return;
	if (wanted_format == LOG_FORMAT_JSON) {
		escape_json(escaped, sizeof escaped, value, length);
		append(line, ",\"%s\":\"%s\"", name, escaped);
		return;
	}
	size_t used = text_escape(escaped, sizeof escaped, value, length);
	append(line, needs_quotes(escaped, used, length) ? " %s=\"%s\"" : " %s=%s", name, escaped);
}

void log_text(struct log_line *line, const char *name, const char *value)
{
	log_bytes(line, name, value, strlen(value));
}

static ssize_t put(const char *bytes, size_t length)
{
	if (is_socket)
		return send(STDERR_FILENO, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(STDERR_FILENO, bytes, length);
}

/* Whether the reader of the log makes room in time. One that once did not is not waited for again until it does. */
static bool wait_for_room(void)
{
	struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
	int patience_ms = atomic_load(&is_reader_stuck) ? 0 : READER_PATIENCE_MS;
	bool has_room = poll(&room, 1, patience_ms) > 0;

	atomic_store(&is_reader_stuck, !has_room);
	return has_room;
}

static bool put_whole(const char *bytes, size_t length)
{
	bool is_torn = false;

	while (length > 0) {
		ssize_t count = put(bytes, length);

		if (count >= 0) {
			bytes += count;
			length -= (size_t)count;
			is_torn = length > 0;
		} else if (errno != EINTR && (errno != EAGAIN || !wait_for_room())) {
			atomic_store(&is_line_torn, is_torn);
			return false;
		}
	}
	return true;
}

void log_end(struct log_line *line)
{
	if (!line->is_wanted)
		return;
	uint64_t lost = atomic_exchange(&lost_lines, 0);
	if (lost > 0)
		log_number(line, "lost", lost);
	if (wanted_format == LOG_FORMAT_JSON)
		line->bytes[line->used++] = '}';
	line->bytes[line->used++] = '\n';
	if (atomic_exchange(&is_line_torn, false) && !put_whole("\n", 1))
		atomic_store(&is_line_torn, true);
	if (!put_whole(line->bytes, line->used))
		atomic_fetch_add(&lost_lines, lost + 1);
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
