/* SPDX-License-Identifier: MIT */
#include "yodel/base/error.h"
#include "yodel/base/text.h"
#include "yodel/client/client.h"
#include "yodel/client/dial.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_BYTES = 4096 };

/* What is typed collects in line until it is whole or fills it; the first `ready` bytes wait for the
 * server to take them. */
struct talk {
	const struct request *request;
	int fd;
	bool has_prompt;
	bool is_input_over; /* "bye" or the end of input */
	bool is_finished;   /* our FIN is sent, or the server takes no more */
	bool is_continued;  /* a piece of the line that begins at `ready` is cleared already */
	size_t length;
	size_t ready;
	char line[LINE_BYTES];
};

static void prompt(const struct talk *talk)
{
	if (talk->has_prompt && !talk->is_input_over) {
		fputs(" -> ", stdout);
		fflush(stdout);
	}
}

static bool is_bye(const char *line, size_t length)
{
	while (length > 0 && isspace((unsigned char)line[length - 1]))
		length--;
	while (length > 0 && isspace((unsigned char)*line)) {
		line++;
		length--;
	}
	return length == 3 && strncasecmp(line, "bye", 3) == 0;
}

/* Clears the next line for sending, or ends the input if it is "bye". */
static void clear_line(struct talk *talk, size_t length)
{
	if (!talk->is_continued && is_bye(talk->line + talk->ready, length)) {
		talk->is_input_over = true;
		talk->length = talk->ready;
	} else {
		talk->ready += length;
	}
	talk->is_continued = false;
}

/* Clears all whole lines, and a piece of one that is too long to wait for its end. */
static void clear_lines(struct talk *talk)
{
	const char *end;

	while (!talk->is_input_over &&
		(end = memchr(talk->line + talk->ready, '\n', talk->length - talk->ready)) != NULL)
		clear_line(talk, (size_t)(end + 1 - talk->line) - talk->ready);
	if (talk->length == sizeof talk->line && talk->ready == 0) {
		talk->ready = talk->length;
		talk->is_continued = true;
	}
}

static void read_typed(struct talk *talk)
{
	ssize_t count = read(
		STDIN_FILENO, talk->line + talk->length, sizeof talk->line - talk->length);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count <= 0) {
		clear_line(talk, talk->length - talk->ready);
		talk->is_input_over = true;
		return;
	}
	talk->length += (size_t)count;
	clear_lines(talk);
	prompt(talk);
}

/* A server that takes no more is noticed by reading from it. */
static void send_ready(struct talk *talk)
{
	ssize_t count = send(talk->fd, talk->line, talk->ready, MSG_NOSIGNAL);

	if (count >= 0) {
		talk->ready -= (size_t)count;
		talk->length -= (size_t)count;
		memmove(talk->line, talk->line + count, talk->length);
	} else if (errno != EAGAIN && errno != EINTR) {
		talk->is_finished = true;
	}
}

static void finish_if_sent(struct talk *talk)
{
	if (!talk->is_input_over || talk->ready > 0 || talk->is_finished)
		return;
	(void)shutdown(talk->fd, SHUT_WR);
	talk->is_finished = true;
}

/* The server's bytes, a line each, with what could play tricks on a terminal made visible. Returns an
 * exit code. */
static int show(const struct talk *talk, const char *bytes, size_t length)
{
	char visible[LINE_BYTES * 4 + 1];

	if (talk->has_prompt)
		putchar('\r');
	while (length > 0) {
		const char *end = memchr(bytes, '\n', length);
		size_t line = end != NULL ? (size_t)(end - bytes) : length;
		size_t shown = line > 0 && bytes[line - 1] == '\r' ? line - 1 : line;

		text_escape(visible, sizeof visible, bytes, shown);
		printf("Received from server: %s\n", visible);
		line += end != NULL;
		bytes += line;
		length -= line;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		complain(talk->request, "cannot write to standard output: %s", error_text(errno));
		return CLIENT_NETWORK;
	}
	prompt(talk);
	return CLIENT_OK;
}

/* Returns an exit code; *is_over is set when the server has closed. */
static int hear(const struct talk *talk, bool *is_over)
{
	char bytes[LINE_BYTES];
	ssize_t count = recv(talk->fd, bytes, sizeof bytes, 0);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return CLIENT_OK;
	if (count < 0) {
		complain(talk->request, "the connection broke: %s", error_text(errno));
		return CLIENT_NETWORK;
	}
	*is_over = count == 0;
	return count > 0 ? show(talk, bytes, (size_t)count) : CLIENT_OK;
}

static int converse(struct talk *talk)
{
	bool is_over = false;
	int result = CLIENT_OK;

	prompt(talk);
	while (!is_over && result == CLIENT_OK) {
		struct pollfd set[2];

		finish_if_sent(talk);
		bool has_ready = talk->ready > 0 && !talk->is_finished;
		bool wants_input = !has_ready && !talk->is_input_over && !talk->is_finished;
		if (wait_for_either(talk->fd, has_ready, wants_input, talk->request->timeout_ms,
			    set) <= 0) {
			complain(talk->request, "no answer in time");
			return CLIENT_NETWORK;
		}
		if ((set[0].revents & POLLOUT) != 0)
			send_ready(talk);
		if ((set[0].revents & ~POLLOUT) != 0)
			result = hear(talk, &is_over);
		if (set[1].revents != 0 && !is_over)
			read_typed(talk);
	}
	if (is_over && !talk->is_input_over && talk->has_prompt)
		fputs("\nThe server has closed the connection.\n", stderr);
	return result;
}

int client_connect(const struct request *request)
{
	struct talk talk = {
		.request = request,
		.fd = dial(request),
		.has_prompt = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0,
	};

	if (talk.fd < 0)
		return CLIENT_NETWORK;
	int result = converse(&talk);
	close(talk.fd);
	return result;
}
