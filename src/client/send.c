/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/text.h"
#include "yodel/client/dial.h"
#include "yodel/client/duplex.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/print.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEPT_MAX_BYTES = 1024 * 1024 };

struct send_settings {
	bool keeps_open;
};

static const struct command_option options[] = {
	{.letter = 'k',
		.row = {.path = "keep-open",
			.type = OPTION_BOOL,
			.offset = offsetof(struct send_settings, keeps_open),
			.default_value = "false",
			.help = "do not half-close at the end; print until the server closes"}},
	COMMAND_OPTIONS_END,
};

struct exchange {
	const char *text; /* to be sent; NULL: standard input, or the text is given */
	bool is_text;
	bool is_sent;    /* all of the input */
	bool has_failed; /* see the failure */
	struct failure failure;
	char *kept; /* the answer's beginning, KEPT_MAX_BYTES of room; NULL: it is printed */
	size_t kept_length;
	char piece[DUPLEX_PIECE_BYTES];
};

static ssize_t give(void *context, const char **bytes)
{
	struct exchange *exchange = context;

	if (exchange->is_text) {
		*bytes = exchange->text != NULL ? exchange->text : "";
		exchange->text = NULL;
		return (ssize_t)strlen(*bytes);
	}
	ssize_t count = read(STDIN_FILENO, exchange->piece, sizeof exchange->piece);
	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return DUPLEX_NOTHING_YET;
	*bytes = exchange->piece;
	if (count >= 0)
		return count;
	failure_set_errno(&exchange->failure, errno, "cannot read standard input");
	exchange->has_failed = true;
	return DUPLEX_STOP;
}

/* Standard output may block: then the server has to wait, as it should. */
static int print_answer(void *context, const char *bytes, size_t length)
{
	struct exchange *exchange = context;

	return print_bytes(bytes, length, &exchange->failure) == 0 ? 0 : DUPLEX_STOP;
}

static int keep_answer(void *context, const char *bytes, size_t length)
{
	struct exchange *exchange = context;
	size_t room = KEPT_MAX_BYTES - exchange->kept_length;
	size_t kept = length < room ? length : room;

	memcpy(exchange->kept + exchange->kept_length, bytes, kept);
	exchange->kept_length += kept;
	return 0;
}

static void print_result(const struct exchange *exchange, const struct duplex *duplex,
	double elapsed_ms, bool is_interrupted)
{
	bool is_cut = duplex->received > exchange->kept_length;
	size_t length = exchange->kept_length;
	json_t *result = json_pack("{ss ss sI sI sf sb sb sb}", "command", duplex->request->command,
		"target", duplex->request->target, "sent_bytes", (json_int_t)duplex->sent,
		"received_bytes", (json_int_t)duplex->received, "elapsed_ms", elapsed_ms,
		"is_interrupted", is_interrupted, "input_is_cut", !exchange->is_sent,
		"answer_is_cut", is_cut);

	CHECK(result != NULL);
	/* A cut must not make binary of a text. */
	if (is_cut)
		length = text_whole_utf8(exchange->kept, length);
	print_set_bytes(result, "answer", exchange->kept, length);
	print_json(result);
}

static void say_sums(const struct duplex *duplex, int64_t elapsed_ns)
{
	char elapsed[PRINT_TEXT_BYTES];

	format_ms(elapsed, (double)elapsed_ns);
	fprintf(stderr, "sent %" PRIu64 " bytes, received %" PRIu64 " bytes in %s ms\n",
		duplex->sent, duplex->received, elapsed);
}

/* Returns an exit code. */
static int conclude(const struct exchange *exchange, const struct duplex *duplex,
	enum duplex_end end, int64_t elapsed_ns)
{
	const struct request *request = duplex->request;

	if (request->is_verbose)
		say_sums(duplex, elapsed_ns);
	if (end != DUPLEX_CLOSED && end != DUPLEX_INTERRUPTED)
		return failure_report(request, &exchange->failure);
	if (end == DUPLEX_CLOSED && !exchange->is_sent && duplex->out_length > 0)
		fprintf(stderr, "%s took %" PRIu64 " bytes, and not the rest of the input\n",
			request->target, duplex->sent);
	if (request->is_json)
		print_result(exchange, duplex, (double)elapsed_ns / 1e6, end == DUPLEX_INTERRUPTED);
	return CLIENT_OK;
}

/* Behind the end of the server's stream. Returns how it ended at last. */
static enum duplex_end send_rest(struct exchange *exchange, struct duplex *duplex)
{
	exchange->is_sent = duplex_send_rest(duplex);
	if (exchange->has_failed)
		return DUPLEX_STOPPED;
	if (duplex->interrupt_fd >= 0 && interrupt_is_pending(duplex->interrupt_fd))
		return DUPLEX_INTERRUPTED;
	return DUPLEX_CLOSED;
}

static int converse(struct exchange *exchange, struct duplex *duplex)
{
	int64_t begun_ns = clock_monotonic_ns();

	if (duplex->request->is_json) {
		exchange->kept = malloc(KEPT_MAX_BYTES);
		CHECK(exchange->kept != NULL);
		duplex->take = keep_answer;
		/* Nothing is printed before the end: that takes a signal, too. Otherwise a signal
		 * ends the program as any filter, also where it waits for standard output. */
		duplex->interrupt_fd = interrupt_open();
	}
	enum duplex_end end = duplex_run(duplex, &exchange->failure);
	exchange->is_sent = duplex->is_given && duplex->out_length == 0;
	if (end == DUPLEX_CLOSED && !exchange->is_sent)
		end = send_rest(exchange, duplex);
	int result = conclude(exchange, duplex, end, clock_monotonic_ns() - begun_ns);
	free(exchange->kept);
	return result;
}

static int run(const struct request *request, const void *settings)
{
	const struct send_settings *own = settings;
	struct exchange exchange = {.is_text = request->operand_count > 0};
	struct duplex duplex = {
		.request = request,
		.fd = dial_target(request, NULL, &exchange.failure),
		.input_fd = exchange.is_text ? -1 : STDIN_FILENO,
		.interrupt_fd = -1,
		.keeps_open = own->keeps_open,
		.context = &exchange,
		.give = give,
		.take = print_answer,
	};

	if (duplex.fd < 0)
		return failure_report(request, &exchange.failure);
	if (exchange.is_text)
		exchange.text = request->operands[0];
	int result = converse(&exchange, &duplex);
	close(duplex.fd);
	return result;
}

const struct command command_send = {
	.name = "send",
	.arguments = "HOST PORT [TEXT]",
	.help = "send TEXT or standard input, print the whole answer",
	.manual = "Sending",
	.options = options,
	.settings_bytes = sizeof(struct send_settings),
	.has_target = true,
	.max_operands = 1,
	.run = run,
};
