/* SPDX-License-Identifier: MIT */
#include "yodel/server/console.h"

#include "yodel/base/check.h"
#include "yodel/base/log.h"
#include "yodel/base/text.h"
#include "yodel/server/console_line.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	END_MS = 500,                     /* for the thread to end */
	INPUT_BYTES = HUB_TEXT_BYTES + 1, /* the longest line, with its end */
	OUTPUT_BYTES = 4 * HUB_TEXT_BYTES +
		       1024, /* a message, all of it escaped, and words around it */
};

static const char prompt[] = " -> ";

/* main's word to the thread. */
enum stage { STAGE_WAITING, STAGE_BEGUN, STAGE_STOPPING };

struct console {
	struct hub *hub;
	int news_fd;  /* an eventfd: there is something to take, or another stage */
	int ended_fd; /* an eventfd: the thread's last word */
	atomic_int stage;
	pthread_t thread;

	/* The thread's own. */
	bool is_terminal;
	bool has_prompt;       /* the last thing shown is a prompt, and nothing was said since */
	uint64_t last_speaker; /* 0: there is nobody to answer */
	bool is_input_over;
	bool is_output_broken;
	bool is_dropping; /* the rest of a line that was cut */
	size_t input_length, output_length;
	char input[INPUT_BYTES];
	char output[OUTPUT_BYTES];
	struct hub_message message;
};

/* --- Output ----------------------------------------------------------------------------------- */

static void put(struct console *console, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(struct console *console, const char *format, ...)
{
	size_t room = OUTPUT_BYTES - console->output_length;
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(console->output + console->output_length, room, format, arguments);
	va_end(arguments);
	CHECK(length >= 0 && (size_t)length < room);
	console->output_length += (size_t)length;
}

static void put_visible(struct console *console, const char *bytes, size_t length)
{
	size_t room = OUTPUT_BYTES - console->output_length;

	console->output_length += text_show(
		console->output + console->output_length, room, bytes, length);
}

static ssize_t write_some(const char *bytes, size_t length)
{
	struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};
	ssize_t count = write(STDOUT_FILENO, bytes, length);

	if (count >= 0 || (errno != EAGAIN && errno != EINTR))
		return count;
	(void)poll(&room, 1, -1);
	return 0;
}

/* Writes what was put, however long that takes. Nobody can be an operator without seeing it. */
static void flush(struct console *console)
{
	const char *at = console->output, *end = at + console->output_length;

	while (at < end && !console->is_output_broken) {
		ssize_t count = write_some(at, (size_t)(end - at));

		if (count >= 0) {
			at += count;
			continue;
		}
		log_message(
			LOG_LEVEL_WARN, "talk", "the console cannot write: %s", error_text(errno));
		console->is_output_broken = true;
	}
	console->output_length = 0;
}

/* --- What clients have said ------------------------------------------------------------------- */

static void put_news(struct console *console, const struct hub_message *message)
{
	if (message->news == HUB_LEFT) {
		put(console, "connected user %" PRIu64 " has left\n", message->number);
		return;
	}
	put(console, "from connected user");
	if (message->talkers > 1)
		put(console, " %" PRIu64, message->number);
	put(console, ": ");
	put_visible(console, message->text, message->length);
	put(console, "\n");
}

/* A message asks for an answer; so does the one before as long as its client is there. */
static void show_news(struct console *console)
{
	const struct hub_message *message = &console->message;

	if (console->has_prompt)
		put(console, "\n");
	put_news(console, message);
	if (message->news == HUB_MESSAGE) {
		console->last_speaker = message->number;
		console->has_prompt = true;
	} else if (console->last_speaker == message->number) {
		console->last_speaker = 0;
		console->has_prompt = false;
	}
	if (console->has_prompt)
		put(console, "%s", prompt);
	flush(console);
}

/* --- What the operator says ------------------------------------------------------------------- */

static void say_to_one(struct console *console, uint64_t number, const struct console_line *line)
{
	switch (hub_say(console->hub, number, line->text, line->length)) {
	case HUB_SAID:
		break;
	case HUB_NOBODY:
		put(console, "yodeld: client %" PRIu64 " is not connected\n", number);
		break;
	case HUB_NO_ROOM:
		put(console, "yodeld: client %" PRIu64 " does not read; nothing was sent\n",
			number);
		break;
	}
}

static void say_to_last(struct console *console, const struct console_line *line)
{
	if (console->last_speaker != 0)
		say_to_one(console, console->last_speaker, line);
	else
		put(console,
			"yodeld: nobody waits for an answer; @NUMBER TEXT is for one client, @* TEXT for all\n");
}

static void say_to_all(struct console *console, const struct console_line *line)
{
	size_t unheard, all = hub_say_all(console->hub, line->text, line->length, &unheard);

	if (all == 0)
		put(console, "yodeld: no client is connected\n");
	else if (unheard > 0)
		put(console, "yodeld: %zu of %zu clients do not read; nothing was sent to them\n",
			unheard, all);
}

static void refuse_line(struct console *console, const char *bytes, size_t length)
{
	put(console, "yodeld: expected TEXT, @NUMBER TEXT, @* TEXT or @@TEXT, got \"");
	put_visible(console, bytes, length);
	put(console, "\"\n");
}

static void say(struct console *console, const char *bytes, size_t length)
{
	struct console_line line;

	if (!console_line_read(bytes, length, &line)) {
		refuse_line(console, bytes, length);
		return;
	}
	switch (line.target) {
	case CONSOLE_NOBODY:
		break;
	case CONSOLE_LAST:
		say_to_last(console, &line);
		break;
	case CONSOLE_ONE:
		say_to_one(console, line.number, &line);
		break;
	case CONSOLE_ALL:
		say_to_all(console, &line);
		break;
	}
}

/* A line of the input: its text, and how much of the input it takes up, 0 where none is whole. */
struct span {
	size_t text, all;
	bool is_cut;
};

static struct span find_line(const struct console *console)
{
	const char *end = memchr(console->input, '\n', console->input_length);

	if (end != NULL) {
		size_t text = (size_t)(end - console->input);

		return (struct span){text - (text > 0 && end[-1] == '\r'), text + 1, false};
	}
	if (console->input_length == INPUT_BYTES)
		return (struct span){
			text_whole_utf8(console->input, HUB_TEXT_BYTES), INPUT_BYTES, true};
	if (console->is_input_over)
		return (struct span){console->input_length, console->input_length, false};
	return (struct span){.all = 0};
}

/* What is typed ends with a line end on the screen; what is not typed leaves the prompt to us. */
static void use_line(struct console *console, const struct span *line)
{
	if (console->has_prompt && !console->is_terminal)
		put(console, "\n");
	console->has_prompt = false;
	if (line->is_cut)
		put(console, "yodeld: the line is too long; only its first %zu bytes are used\n",
			line->text);
	say(console, console->input, line->text);
	flush(console);
	console->is_dropping = line->is_cut;
	console->input_length -= line->all;
	memmove(console->input, console->input + line->all, console->input_length);
}

static void drop_rest_of_line(struct console *console)
{
	const char *end = memchr(console->input, '\n', console->input_length);
	size_t length = end != NULL ? (size_t)(end + 1 - console->input) : console->input_length;

	console->is_dropping = end == NULL;
	console->input_length -= length;
	memmove(console->input, console->input + length, console->input_length);
}

/* The end of a terminal that has gone is an error, and an end like others. */
static void read_input(struct console *console)
{
	ssize_t count = read(STDIN_FILENO, console->input + console->input_length,
		INPUT_BYTES - console->input_length);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	console->is_input_over = count <= 0;
	console->input_length += count > 0 ? (size_t)count : 0;
	if (console->is_dropping)
		drop_rest_of_line(console);
}

/* --- The thread ------------------------------------------------------------------------------- */

/* Does one thing, if there is one: what was typed before a message came does not answer it. */
static bool act(struct console *console)
{
	struct span line = find_line(console);

	if (line.all > 0 && (console->is_terminal || console->has_prompt)) {
		use_line(console, &line);
		return true;
	}
	if (console->has_prompt && !console->is_terminal)
		return false;
	if (!hub_take(console->hub, &console->message))
		return false;
	show_news(console);
	return true;
}

static bool is_over(const struct console *console)
{
	return atomic_load(&console->stage) == STAGE_STOPPING || console->is_output_broken ||
	       (console->is_input_over && console->input_length == 0);
}

/*
 * Waits for what there is to do next, or only looks. Input is read ahead up to a line, so that its end is
 * seen before the line is needed.
 */
static void look_for_news(struct console *console, bool may_wait)
{
	bool wants_input = !console->is_input_over && find_line(console).all == 0;
	struct pollfd set[] = {
		{.fd = console->news_fd, .events = POLLIN},
		{.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN},
	};
	int ready = poll(set, sizeof set / sizeof *set, may_wait ? -1 : 0);

	CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
	if (ready <= 0)
		return;
	if (set[0].revents != 0)
		(void)eventfd_read(console->news_fd, &(eventfd_t){0});
	if (set[1].revents != 0)
		read_input(console);
}

/* A flood of messages does not keep the operator from being heard: between them input is looked for. */
static void converse(struct console *console)
{
	while (!is_over(console))
		look_for_news(console, !act(console));
	hub_detach(console->hub);
	if (atomic_load(&console->stage) != STAGE_STOPPING)
		log_message(LOG_LEVEL_INFO, "talk", "the operator has left");
	if (console->has_prompt)
		put(console, "\n");
	flush(console);
}

static void wait_to_begin(const struct console *console)
{
	struct pollfd news = {.fd = console->news_fd, .events = POLLIN};

	while (atomic_load(&console->stage) == STAGE_WAITING)
		(void)poll(&news, 1, -1);
}

static void *attend(void *argument)
{
	struct console *console = argument;

	(void)pthread_setname_np(pthread_self(), "console");
	wait_to_begin(console);
	if (atomic_load(&console->stage) == STAGE_BEGUN)
		converse(console);
	CHECK(eventfd_write(console->ended_fd, 1) == 0);
	return NULL;
}

/* --- main's part ------------------------------------------------------------------------------ */

static void console_free(struct console *console)
{
	if (console->news_fd >= 0)
		close(console->news_fd);
	if (console->ended_fd >= 0)
		close(console->ended_fd);
	free(console);
}

static int open_events(struct console *console, struct error *error)
{
	console->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	console->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (console->news_fd >= 0 && console->ended_fd >= 0)
		return 0;
	return error_set_errno(error, EX_OSERR, errno, "cannot open an eventfd");
}

static int make_thread(struct console *console, struct error *error)
{
	int failure = pthread_create(&console->thread, NULL, attend, console);

	if (failure == 0)
		return 0;
	return error_set_errno(error, EX_OSERR, failure, "cannot make a thread");
}

struct console *console_new(struct hub *hub, struct error *error)
{
	struct console *console = calloc(1, sizeof *console);

	CHECK(console != NULL);
	console->hub = hub;
	console->is_terminal = isatty(STDIN_FILENO) != 0;
	if (open_events(console, error) == 0 && make_thread(console, error) == 0)
		return console;
	console_free(console);
	return NULL;
}

/* Returns the stage before. */
static int enter_stage(struct console *console, enum stage stage)
{
	int before = atomic_exchange(&console->stage, stage);

	CHECK(eventfd_write(console->news_fd, 1) == 0);
	return before;
}

void console_begin(struct console *console)
{
	CHECK(hub_attach(console->hub, console->news_fd));
	CHECK(enter_stage(console, STAGE_BEGUN) == STAGE_WAITING);
}

static bool has_ended(const struct console *console, int patience_ms)
{
	struct pollfd end = {.fd = console->ended_fd, .events = POLLIN};
	int ready;

	do
		ready = poll(&end, 1, patience_ms);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

bool console_stop(struct console *console)
{
	if (console == NULL)
		return true;
	bool has_begun = enter_stage(console, STAGE_STOPPING) == STAGE_BEGUN;
	if (!has_ended(console, has_begun ? END_MS : -1))
		return false;
	CHECK(pthread_join(console->thread, NULL) == 0);
	console_free(console);
	return true;
}
