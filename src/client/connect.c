/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/text.h"
#include "yodel/client/channel.h"
#include "yodel/client/duplex.h"
#include "yodel/client/editor.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINE_BYTES = 16 * 1024,
	SHOWN_BYTES = 64 * 1024,
	QUIET_MS = 100, /* until a line without an end is shown */
};

static const char prompt[] = " -> ";

/* What is typed collects until a line is whole or fills the room; `ready` bytes of it may be sent. */
struct typed {
	size_t length, ready;
	bool is_continued; /* a piece of the line that begins at `ready` is cleared already */
	bool is_over;      /* "bye" or the end of input */
	char bytes[LINE_BYTES];
};

/* What came collects until a line is whole, fills the room, or nothing more comes for a moment. */
struct received {
	size_t length;
	bool is_continued; /* the front of the line is shown already */
	int64_t came_ms;   /* the last of it */
	char bytes[LINE_BYTES];
};

struct talk {
	const struct request *request;
	struct channel channel;
	struct duplex duplex;
	struct failure failure; /* of input or output */
	struct failure lost;    /* of the connection */
	bool has_prompt;
	bool is_behind_prompt; /* the cursor, where there is no editor */
	bool is_output_broken;
	struct editor editor; /* closed, where there is none */
	struct typed typed;
	struct received received;
	size_t shown_length;
	char shown[SHOWN_BYTES]; /* to be written */
};

/* --- What is typed --------------------------------------------------------------------------- */

static void show_prompt(struct talk *talk)
{
	if (!talk->has_prompt || talk->typed.is_over)
		return;
	editor_show(&talk->editor);
	if (talk->editor.library == NULL) {
		(void)!write(STDOUT_FILENO, prompt, strlen(prompt));
		talk->is_behind_prompt = true;
	}
}

static bool is_bye(const char *line, size_t length)
{
	return text_is_word(line, length, "bye");
}

/* From now on give has something to say, which is the end: nobody waits for input any more. */
static void end_input(struct talk *talk)
{
	talk->typed.is_over = true;
	talk->duplex.input_fd = -1;
	editor_close(&talk->editor);
}

/* Clears the next line for sending, or ends the input if it is "bye". */
static void clear_line(struct talk *talk, size_t length)
{
	struct typed *typed = &talk->typed;

	if (!typed->is_continued && is_bye(typed->bytes + typed->ready, length))
		end_input(talk);
	else
		typed->ready += length;
	typed->is_continued = false;
}

/* Clears all whole lines, and a piece of one that is too long to wait for its end. */
static void clear_lines(struct talk *talk)
{
	struct typed *typed = &talk->typed;
	const char *end;

	while (!typed->is_over && (end = memchr(typed->bytes + typed->ready, '\n',
					   typed->length - typed->ready)) != NULL)
		clear_line(talk, (size_t)(end + 1 - typed->bytes) - typed->ready);
	if (typed->length == sizeof typed->bytes && typed->ready == 0 && !typed->is_over) {
		typed->ready = typed->length;
		typed->is_continued = true;
	}
}

/* Lends what is ready; the rest moves to the front with the next call. */
static ssize_t lend_ready(struct talk *talk, const char **bytes)
{
	*bytes = talk->typed.bytes;
	if (talk->typed.ready == 0 && !talk->typed.is_over)
		return DUPLEX_NOTHING_YET;
	return (ssize_t)talk->typed.ready;
}

static ssize_t give_piped(void *context, const char **bytes)
{
	struct talk *talk = context;
	struct typed *typed = &talk->typed;

	typed->length -= typed->ready;
	memmove(typed->bytes, typed->bytes + typed->ready, typed->length);
	typed->ready = 0;
	if (typed->is_over)
		return 0;
	ssize_t count = read(
		STDIN_FILENO, typed->bytes + typed->length, sizeof typed->bytes - typed->length);
	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return DUPLEX_NOTHING_YET;
	if (count < 0) {
		failure_set_errno(&talk->failure, errno, "cannot read standard input");
		return DUPLEX_STOP;
	}
	if (count == 0) {
		clear_line(talk, typed->length);
		end_input(talk);
	} else {
		talk->is_behind_prompt = false;
		typed->length += (size_t)count;
		clear_lines(talk);
		show_prompt(talk);
	}
	return lend_ready(talk, bytes);
}

static ssize_t give_edited(void *context, const char **bytes)
{
	struct talk *talk = context;
	size_t length;

	if (talk->typed.is_over)
		return 0;
	enum editor_event event = editor_read(&talk->editor, bytes, &length);
	if (event == EDITOR_TYPING)
		return DUPLEX_NOTHING_YET;
	if (event == EDITOR_LINE && !is_bye(*bytes, length))
		return (ssize_t)length;
	editor_hide(&talk->editor);
	end_input(talk);
	return 0;
}

/* --- What came ------------------------------------------------------------------------------- */

/* The line that is being typed makes room. Returns 0, or -1 with failure. */
static int flush_shown(struct talk *talk)
{
	size_t length = talk->shown_length;

	if (length == 0)
		return 0;
	editor_hide(&talk->editor);
	if (talk->has_prompt && print_bytes("\r", 1, &talk->failure) != 0)
		return -1;
	talk->is_behind_prompt = false;
	talk->shown_length = 0;
	return print_bytes(talk->shown, length, &talk->failure);
}

/* The same, and then the prompt is there again. */
static int settle(struct talk *talk)
{
	bool has_shown = talk->shown_length > 0;

	if (flush_shown(talk) != 0)
		return -1;
	if (has_shown)
		show_prompt(talk);
	return 0;
}

static int put(struct talk *talk, const char *text, size_t length)
{
	if (length > sizeof talk->shown - talk->shown_length && flush_shown(talk) != 0)
		return -1;
	if (length > sizeof talk->shown)
		return print_bytes(text, length, &talk->failure);
	memcpy(talk->shown + talk->shown_length, text, length);
	talk->shown_length += length;
	return 0;
}

static int put_json(struct talk *talk, const char *line, size_t length, bool is_part)
{
	json_t *object = json_pack("{ss ss sb}", "command", talk->request->command, "target",
		talk->request->target, "is_part", is_part);

	CHECK(object != NULL);
	print_set_bytes(object, "received", line, length);
	char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	CHECK(text != NULL);
	int result = put(talk, text, strlen(text));
	free(text);
	json_decref(object);
	return result;
}

/* What could play tricks on a terminal is made visible. */
static int put_text(struct talk *talk, const char *line, size_t length)
{
	static const char before[] = "Received from server: ";
	char visible[4 * LINE_BYTES + 1];
	size_t width = text_show(visible, sizeof visible, line, length);

	return put(talk, before, strlen(before)) == 0 ? put(talk, visible, width) : -1;
}

/* Shows the front of what is collected as a line; the rest stays. is_part: its end is to come. */
static int show_front(struct talk *talk, size_t length, bool is_part)
{
	struct received *received = &talk->received;
	size_t text = length > 0 && received->bytes[length - 1] == '\r' ? length - 1 : length;
	int result = talk->request->is_json ? put_json(talk, received->bytes, text, is_part)
					    : put_text(talk, received->bytes, text);

	received->length -= length;
	memmove(received->bytes, received->bytes + length, received->length);
	return result == 0 ? put(talk, "\n", 1) : -1;
}

/* Shows a line whose end is missing; an unfinished character waits for it, if there is more. */
static int show_part(struct talk *talk)
{
	size_t whole = text_whole_utf8(talk->received.bytes, talk->received.length);

	talk->received.is_continued = true;
	return show_front(talk, whole > 0 ? whole : talk->received.length, true);
}

/* The end of a line whose front was shown before may bring nothing more; objects tell it. */
static int show_end(struct talk *talk)
{
	struct received *received = &talk->received;
	bool is_bare = received->length == 0 ||
		       (received->length == 1 && received->bytes[0] == '\r');
	int result = 0;

	if (received->is_continued && is_bare && !talk->request->is_json)
		received->length = 0;
	else
		result = show_front(talk, received->length, false);
	received->is_continued = false;
	return result;
}

/* Collects a part of a line, as much as there is room for at once. */
static int collect(struct talk *talk, const char *bytes, size_t length)
{
	struct received *received = &talk->received;

	while (length > 0) {
		if (received->length == sizeof received->bytes && show_part(talk) != 0)
			return -1;
		size_t room = sizeof received->bytes - received->length;
		size_t count = length < room ? length : room;

		memcpy(received->bytes + received->length, bytes, count);
		received->length += count;
		bytes += count;
		length -= count;
	}
	return 0;
}

static int take(void *context, const char *bytes, size_t length)
{
	struct talk *talk = context;

	talk->received.came_ms = clock_monotonic_ms();
	while (length > 0) {
		const char *end = memchr(bytes, '\n', length);
		size_t part = end != NULL ? (size_t)(end - bytes) : length;

		if (collect(talk, bytes, part) != 0)
			return DUPLEX_STOP;
		if (end != NULL && show_end(talk) != 0)
			return DUPLEX_STOP;
		part += end != NULL;
		bytes += part;
		length -= part;
	}
	return settle(talk) == 0 ? 0 : DUPLEX_STOP;
}

/* --- The conversation ------------------------------------------------------------------------ */

/* It cannot stop the duplex; where nothing can be shown any more, the end of the connection does. */
static void tick(void *context)
{
	struct talk *talk = context;

	editor_handle_signals(&talk->editor);
	if (talk->received.length == 0 || clock_monotonic_ms() - talk->received.came_ms < QUIET_MS)
		return;
	if (show_part(talk) != 0 || settle(talk) != 0) {
		talk->is_output_broken = true;
		(void)shutdown(talk->channel.fd, SHUT_RDWR);
	}
}

/* Returns an exit code. */
static int conclude(struct talk *talk, enum duplex_end end)
{
	const struct request *request = talk->request;
	const struct duplex *duplex = &talk->duplex;

	editor_hide(&talk->editor);
	editor_close(&talk->editor);
	bool is_written = !talk->is_output_broken &&
			  (talk->received.length == 0 || show_end(talk) == 0) &&
			  flush_shown(talk) == 0;
	if (talk->is_behind_prompt)
		fputc('\n', stderr);
	if (request->is_verbose)
		fprintf(stderr, "sent %" PRIu64 " bytes, received %" PRIu64 " bytes\n",
			duplex->sent, duplex->received);
	if (!is_written || end == DUPLEX_STOPPED)
		return failure_report(request, &talk->failure);
	if (end == DUPLEX_FAILED)
		return failure_report(request, &talk->lost);
	if (end == DUPLEX_CLOSED && talk->has_prompt && !talk->typed.is_over && !request->is_quiet)
		fputs("The server has closed the connection.\n", stderr);
	return CLIENT_OK;
}

/* With --json nobody is talked with, wherever it goes: then a terminal is as good as a pipe. */
static void open_terminal(struct talk *talk)
{
	bool may_edit = editor_is_possible();

	talk->has_prompt = !talk->request->is_json && isatty(STDIN_FILENO) != 0 &&
			   isatty(STDOUT_FILENO) != 0;
	if (!talk->has_prompt || !may_edit)
		return;
	talk->duplex.interrupt_fd = interrupt_open();
	if (editor_open(&talk->editor, prompt) == 0)
		talk->duplex.give = give_edited;
}

static int run(const struct request *request, const void *settings)
{
	struct talk *talk = calloc(1, sizeof *talk);

	(void)settings;
	CHECK(talk != NULL);
	talk->request = request;
	talk->duplex = (struct duplex){
		.request = request,
		.channel = &talk->channel,
		.input_fd = STDIN_FILENO,
		.interrupt_fd = -1,
		.context = talk,
		.give = give_piped,
		.take = take,
		.tick = tick,
	};
	int result;
	if (channel_dial(&talk->channel, request, &talk->failure) != 0) {
		result = failure_report(request, &talk->failure);
	} else {
		open_terminal(talk);
		if (talk->editor.library == NULL)
			show_prompt(talk);
		result = conclude(talk, duplex_run(&talk->duplex, &talk->lost));
		channel_close(&talk->channel);
	}
	free(talk);
	return result;
}

const struct command command_connect = {
	.name = "connect",
	.arguments = "HOST PORT",
	.help = "talk line by line; bye ends",
	.manual = "Talking",
	.has_target = true,
	.run = run,
};
