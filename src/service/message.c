/* SPDX-License-Identifier: MIT */
#include "yodel/service/message.h"

#include "yodel/base/clock.h"
#include "yodel/base/log.h"
#include "yodel/base/parse.h"
#include "yodel/base/text.h"
#include "yodel/service/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct message_settings, member)

/* JSON has nothing else. */
static bool check_text(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "text in UTF-8");
	return text_is_utf8(text, strlen(text));
}

static const struct option_row entry_options[] = {
	{.path = "key",
		.type = OPTION_STRING,
		.offset = offsetof(struct message_entry, key),
		.is_unique = true,
		.check = check_text,
		.help = "What is searched for"},
	{.path = "value",
		.type = OPTION_STRING,
		.offset = offsetof(struct message_entry, value),
		.check = check_text,
		.help = "What is answered"},
	OPTION_END,
};

static const char *const default_entries[] = {
	"morpheus",
	"Follow the white rabbit. 🐰",
	"ring",
	"In the caves beneath the Misty Mountains. 💍",
	"🐶",
	"🐾 Playing ball! 🏐",
	NULL,
};

const struct option_row message_options[] = {
	{.path = "entries",
		.type = OPTION_LIST,
		AT(entries),
		.max = 1000,
		.elements = entry_options,
		.element_bytes = sizeof(struct message_entry),
		.default_elements = default_entries,
		.help = "What a search finds: a text for each key"},
	{.path = "max_header",
		.type = OPTION_SIZE,
		AT(max_header_bytes),
		.min = 128,
		.max = FRAME_HEADER_MAX_BYTES,
		.default_value = "4k",
		.help = "The longest header of a request"},
	{.path = "max_content",
		.type = OPTION_SIZE,
		AT(max_content_bytes),
		.min = 1,
		.max = 1 << 30,
		.default_value = "1M",
		.help = "The longest content of a request"},
	{.path = "header_time",
		.type = OPTION_DURATION,
		AT(header_time_ms),
		.max = 86400000,
		.default_value = "10s",
		.help = "How long a client may take from the first byte of a request to the end of its header; 0 leaves that to timeouts.idle"},
	{.path = "keep",
		.type = OPTION_BOOL,
		AT(keep),
		.default_value = "false",
		.help = "Answer any number of requests on one connection, instead of closing behind the first answer"},
	OPTION_END,
};

/* Most requests come in one piece, and then are read at once. */
enum { INBOX_BYTES = 4 * 1024 };

/* What has been read and is not used yet: a client need not wait for an answer. */
struct inbox {
	size_t begin, end;
	char bytes[INBOX_BYTES];
};

static enum close_reason reason_of(enum frame_fault_kind kind)
{
	static const enum close_reason reasons[] = {
		[FRAME_FAULT_FORM] = CLOSE_PROTOCOL,
		[FRAME_FAULT_HEADER_LENGTH] = CLOSE_HEADER_LENGTH,
		[FRAME_FAULT_CONTENT_LENGTH] = CLOSE_CONTENT_LENGTH,
		[FRAME_FAULT_DEPTH] = CLOSE_JSON_DEPTH,
		[FRAME_FAULT_UTF8] = CLOSE_ENCODING,
		[FRAME_FAULT_MEMORY] = CLOSE_RESOURCES,
	};

	return reasons[kind];
}

/* --- The request ------------------------------------------------------------------------------ */

/* The time that ends with a header begins with its first byte, however the rest trickles in. */
static int64_t header_deadline(
	const struct message_settings *settings, const struct frame *frame, int64_t deadline_ms)
{
	if (settings->header_time_ms == 0 || frame_is_empty(frame) || frame->stage == FRAME_CONTENT)
		return 0;
	return deadline_ms != 0 ? deadline_ms : clock_monotonic_ms() + settings->header_time_ms;
}

/* What to tell a client whose request is not there in time, or will never be. Returns the reason. */
static enum close_reason explain(const struct message_settings *settings, const struct frame *frame,
	enum close_reason reason, struct frame_fault *fault)
{
	char progress[FRAME_PROGRESS_BYTES], time[PARSE_TEXT_BYTES];

	if (reason == CLOSE_HEADER_TIME) {
		frame_describe_progress(frame, progress);
		format_duration(time, settings->header_time_ms);
		frame_fault_set(fault, FRAME_FAULT_FORM,
			"header: expected within %s of its first byte, got %s", time, progress);
	} else if (reason == CLOSE_CLIENT_FIN && !frame_is_empty(frame)) {
		frame_describe_progress(frame, progress);
		frame_fault_set(
			fault, FRAME_FAULT_FORM, "request: the stream ended behind %s", progress);
		return CLOSE_PROTOCOL;
	}
	return reason;
}

/* Reads up to the end of a request. Returns CLOSE_NONE, or why there is none, with or without fault. */
static enum close_reason read_request(struct connection *connection, struct inbox *inbox,
	struct frame *frame, struct frame_fault *fault)
{
	const struct message_settings *settings = connection->listener->service_settings;
	enum close_reason reason = CLOSE_NONE;
	int64_t deadline_ms = 0;

	while (reason == CLOSE_NONE) {
		size_t taken;

		if (frame_take(frame, inbox->bytes + inbox->begin, inbox->end - inbox->begin,
			    &taken, fault) != 0)
			return reason_of(fault->kind);
		inbox->begin += taken;
		if (frame->stage == FRAME_WHOLE)
			return CLOSE_NONE;
		deadline_ms = header_deadline(settings, frame, deadline_ms);
		inbox->begin = inbox->end = 0;
		reason = connection_read_before(connection, deadline_ms, CLOSE_HEADER_TIME,
			inbox->bytes, sizeof inbox->bytes, &inbox->end);
	}
	return explain(settings, frame, reason, fault);
}

/* --- The answer ------------------------------------------------------------------------------- */

static void SEPARATE_FRAME log_fault(
	const struct connection *connection, enum close_reason reason, const char *problem)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, "fault");
	log_number(&line, "conn", connection->number);
	log_text(&line, "listener", connection->listener->name);
	log_text(&line, "reason", close_reason_word(reason));
	log_text(&line, "problem", problem);
	log_end(&line);
}

/* Tells the log and the client what is wrong; nothing of what the client sends after it is read. */
static enum close_reason refuse(
	struct connection *connection, enum close_reason reason, const char *problem)
{
	size_t length;
	char *answer = message_refusal(problem, &length);

	if (log_is_wanted(LOG_LEVEL_INFO))
		log_fault(connection, reason, problem);
	/* Whether the client takes it does not change why the connection ends. */
	if (answer != NULL)
		(void)!connection_write(connection, answer, length);
	free(answer);
	return reason;
}

/* Returns CLOSE_NONE where the connection may go on. */
static enum close_reason serve_one(struct connection *connection, struct inbox *inbox)
{
	const struct message_settings *settings = connection->listener->service_settings;
	const struct frame_bounds bounds = {
		.header_bytes = (size_t)settings->max_header_bytes,
		.content_bytes = (size_t)settings->max_content_bytes,
	};
	struct frame_fault fault = {.text = ""};
	struct frame request;
	char *answer = NULL;
	size_t length;

	frame_init(&request, &bounds);
	enum close_reason reason = read_request(connection, inbox, &request, &fault);
	if (reason == CLOSE_NONE) {
		answer = message_answer(settings, &request, &length, &fault);
		reason = answer != NULL ? CLOSE_NONE : reason_of(fault.kind);
	}
	frame_fini(&request);
	if (answer != NULL)
		reason = connection_write(connection, answer, length);
	else if (fault.text[0] != '\0')
		reason = refuse(connection, reason, fault.text);
	free(answer);
	return reason;
}

enum close_reason service_message(struct connection *connection)
{
	const struct message_settings *settings = connection->listener->service_settings;
	struct inbox inbox;
	enum close_reason reason;

	inbox.begin = inbox.end = 0;
	do
		reason = serve_one(connection, &inbox);
	while (reason == CLOSE_NONE && settings->keep);
	return reason == CLOSE_NONE ? CLOSE_DONE : reason;
}
