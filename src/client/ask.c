/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/text.h"
#include "yodel/client/channel.h"
#include "yodel/client/duplex.h"
#include "yodel/client/print.h"
#include "yodel/client/send_print.h"
#include "yodel/transport/frame.h"
#include "yodel/transport/peer_json.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { ANSWER_MAX_BYTES = 16 * 1024 * 1024 };

struct ask_settings {
	bool is_binary;
	bool is_raw;
};

static const struct command_option options[] = {
	{.letter = 'b',
		.row = {.path = "binary",
			.type = OPTION_BOOL,
			.offset = offsetof(struct ask_settings, is_binary),
			.default_value = "false",
			.help = "send the bytes of ACTION and VALUE instead of JSON"}},
	{.letter = 'r',
		.row = {.path = "raw",
			.type = OPTION_BOOL,
			.offset = offsetof(struct ask_settings, is_raw),
			.default_value = "false",
			.help = "print the header of the answer in a line, then its content, as they "
				"came"}},
	COMMAND_OPTIONS_END,
};

static int check(const struct request *request, const void *settings, struct error *error)
{
	const struct ask_settings *own = settings;
	static const char *const names[] = {"ACTION", "VALUE"};

	if (own->is_raw && request->is_json)
		return error_set(error, EX_USAGE, "--raw and --json exclude each other");
	for (size_t i = 0; i < 2 && !own->is_binary; i++) {
		const char *text = request->operands[i];
		char shown[64];

		text_show(shown, sizeof shown, text, strlen(text));
		if (!text_is_utf8(text, strlen(text)))
			return error_set(error, EX_USAGE,
				"%s: expected UTF-8 without --binary, got \"%s\"", names[i], shown);
	}
	return 0;
}

/* --- The exchange ----------------------------------------------------------------------------- */

struct exchange {
	const struct request *request;
	char *question; /* the whole message, owned */
	size_t question_length;
	bool is_given;
	struct frame answer;
	struct failure failure;
};

static char *encode_binary(const char *action, const char *value, size_t *length)
{
	size_t action_length = strlen(action), value_length = strlen(value);
	char *content = malloc(action_length + value_length + 1);

	CHECK(content != NULL);
	memcpy(content, action, action_length);
	memcpy(content + action_length, value, value_length + 1);
	char *message = frame_encode(
		FRAME_CLIENT_BINARY, content, action_length + value_length, length);
	free(content);
	return message;
}

static char *encode_question(
	const struct request *request, const struct ask_settings *own, size_t *length)
{
	const char *action = request->operands[0], *value = request->operands[1];

	if (own->is_binary)
		return encode_binary(action, value, length);
	return frame_encode_json(json_pack("{ss ss}", "action", action, "value", value), length);
}

static ssize_t give(void *context, const char **bytes)
{
	struct exchange *exchange = context;

	*bytes = exchange->question;
	if (exchange->is_given)
		return 0;
	exchange->is_given = true;
	return (ssize_t)exchange->question_length;
}

/* Stops behind the answer, whether the server closes or not. */
static int take(void *context, const char *bytes, size_t length)
{
	struct exchange *exchange = context;
	struct frame_fault fault;
	size_t taken;

	if (frame_take(&exchange->answer, bytes, length, &taken, &fault) != 0) {
		failure_set(&exchange->failure, FAILURE_OTHER, "the answer of %s is wrong: %s",
			exchange->request->target, fault.text);
		return DUPLEX_STOP;
	}
	return exchange->answer.stage == FRAME_WHOLE ? DUPLEX_STOP : 0;
}

/* Returns 0 with the whole answer, or -1 with failure. */
static int converse(struct exchange *exchange, struct duplex *duplex)
{
	int64_t begun_ns = clock_monotonic_ns();
	enum duplex_end end = duplex_run(duplex, &exchange->failure);
	char progress[FRAME_PROGRESS_BYTES];

	send_print_sums(exchange->request, &(struct send_result){
						   .sent_bytes = duplex->sent,
						   .received_bytes = duplex->received,
						   .elapsed_ns = clock_monotonic_ns() - begun_ns,
					   });
	if (end != DUPLEX_CLOSED)
		return exchange->answer.stage == FRAME_WHOLE ? 0 : -1;
	frame_describe_progress(&exchange->answer, progress);
	return failure_set(&exchange->failure, FAILURE_OTHER, "%s ended its stream behind %s",
		exchange->request->target, progress);
}

/* --- The answer ------------------------------------------------------------------------------- */

/* What the content says: the result of JSON, or all of it. Lent by both. */
struct said {
	const char *bytes;
	size_t length;
};

/* Returns 0, or -1 with failure; *json is what the content was read into, to be dropped. */
static int read_answer(struct exchange *exchange, struct said *said, json_t **json)
{
	const struct frame *answer = &exchange->answer;
	const json_t *result = NULL;
	struct frame_fault fault;

	*said = (struct said){frame_content(answer), answer->content_length};
	if (!answer->is_text)
		return 0;
	*json = peer_json_read("content", said->bytes, said->length, &fault);
	if (*json != NULL)
		result = peer_json_string("content", *json, "result", &fault);
	if (result == NULL)
		return failure_set(&exchange->failure, FAILURE_OTHER,
			"the answer of %s is wrong: %s", exchange->request->target, fault.text);
	*said = (struct said){json_string_value(result), json_string_length(result)};
	return 0;
}

/* On a terminal what could play tricks on it is made visible. */
static int print_visible(const struct said *said, struct failure *failure)
{
	size_t capacity = 4 * said->length + 1;
	char *visible = malloc(capacity);

	CHECK(visible != NULL);
	size_t length = text_show(visible, capacity, said->bytes, said->length);
	int result = print_bytes(visible, length, failure);
	free(visible);
	return result == 0 ? print_bytes("\n", 1, failure) : -1;
}

static int print_raw(const struct frame *answer, struct failure *failure)
{
	if (print_bytes(answer->bytes, answer->header_length, failure) != 0 ||
		print_bytes("\n", 1, failure) != 0)
		return -1;
	return print_bytes(frame_content(answer), answer->content_length, failure);
}

static void print_object(const struct exchange *exchange, const struct said *said)
{
	const struct request *request = exchange->request;
	const struct frame *answer = &exchange->answer;
	struct frame_fault fault;
	json_t *header = peer_json_read("header", answer->bytes, answer->header_length, &fault);
	json_t *object = json_pack("{ss ss so}", "command", request->command, "target",
		request->target, "header", header);

	CHECK(object != NULL);
	print_set_bytes(object, answer->is_text ? "result" : "content", said->bytes, said->length);
	print_json(object);
}

static int print_said(
	const struct exchange *exchange, const struct said *said, struct failure *failure)
{
	if (isatty(STDOUT_FILENO) != 0)
		return print_visible(said, failure);
	if (print_bytes(said->bytes, said->length, failure) != 0)
		return -1;
	return exchange->answer.is_text ? print_bytes("\n", 1, failure) : 0;
}

/* Returns 0, or -1 with failure. */
static int print_answer(struct exchange *exchange, const struct ask_settings *own)
{
	struct said said;
	json_t *json = NULL;
	int result;

	if (own->is_raw)
		return print_raw(&exchange->answer, &exchange->failure);
	result = read_answer(exchange, &said, &json);
	if (result == 0 && exchange->request->is_json)
		print_object(exchange, &said);
	else if (result == 0)
		result = print_said(exchange, &said, &exchange->failure);
	json_decref(json);
	return result;
}

static int run(const struct request *request, const void *settings)
{
	static const struct frame_bounds bounds = {FRAME_HEADER_MAX_BYTES, ANSWER_MAX_BYTES};
	const struct ask_settings *own = settings;
	struct exchange exchange = {.request = request};
	struct channel channel;
	struct duplex duplex = {
		.request = request,
		.channel = &channel,
		.input_fd = -1,
		.interrupt_fd = -1,
		.keeps_open = true,
		.context = &exchange,
		.give = give,
		.take = take,
	};

	if (channel_dial(&channel, request, &exchange.failure) != 0)
		return failure_report(request, &exchange.failure);
	frame_init(&exchange.answer, &bounds);
	exchange.question = encode_question(request, own, &exchange.question_length);
	CHECK(exchange.question != NULL);
	int result = converse(&exchange, &duplex);
	if (result == 0)
		result = print_answer(&exchange, own);
	free(exchange.question);
	frame_fini(&exchange.answer);
	channel_close(&channel);
	return result == 0 ? CLIENT_OK : failure_report(request, &exchange.failure);
}

const struct command command_ask = {
	.name = "ask",
	.arguments = "HOST PORT ACTION VALUE",
	.help = "send a framed request, print the answer",
	.manual = "Asking",
	.options = options,
	.settings_bytes = sizeof(struct ask_settings),
	.has_target = true,
	.min_operands = 2,
	.max_operands = 2,
	.check = check,
	.run = run,
};
