/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/client/channel.h"
#include "yodel/client/duplex.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/print.h"
#include "yodel/client/send_datagram.h"
#include "yodel/client/send_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
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

/* Returns an exit code. */
static int conclude(const struct exchange *exchange, const struct duplex *duplex,
	enum duplex_end end, int64_t elapsed_ns)
{
	const struct request *request = duplex->request;
	struct send_result result = {
		.sent_bytes = duplex->sent,
		.received_bytes = duplex->received,
		.elapsed_ns = elapsed_ns,
		.is_interrupted = end == DUPLEX_INTERRUPTED,
		.is_input_cut = !exchange->is_sent,
		.answer = exchange->kept,
		.answer_bytes = exchange->kept_length,
	};

	send_print_sums(request, &result);
	if (end != DUPLEX_CLOSED && end != DUPLEX_INTERRUPTED)
		return failure_report(request, &exchange->failure);
	if (end == DUPLEX_CLOSED && !exchange->is_sent && duplex->out_length > 0)
		fprintf(stderr, "%s took %" PRIu64 " bytes, and not the rest of the input\n",
			request->target, duplex->sent);
	send_print_json(request, &result);
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

static int send_stream(const struct request *request, bool keeps_open)
{
	struct exchange exchange = {.is_text = request->operand_count > 0};
	struct channel channel;
	struct duplex duplex = {
		.request = request,
		.channel = &channel,
		.input_fd = exchange.is_text ? -1 : STDIN_FILENO,
		.interrupt_fd = -1,
		.keeps_open = keeps_open,
		.context = &exchange,
		.give = give,
		.take = print_answer,
	};

	if (channel_dial(&channel, request, &exchange.failure) != 0)
		return failure_report(request, &exchange.failure);
	if (exchange.is_text)
		exchange.text = request->operands[0];
	int result = converse(&exchange, &duplex);
	channel_close(&channel);
	return result;
}

static int check(const struct request *request, const void *settings, struct error *error)
{
	const struct send_settings *own = settings;

	if (!request->is_udp)
		return 0;
	if (own->keeps_open)
		return error_set(
			error, EX_USAGE, "--keep-open is for connections, --udp sends a datagram");
	return send_datagram_check(request, error);
}

static int run(const struct request *request, const void *settings)
{
	const struct send_settings *own = settings;

	return request->is_udp ? send_datagram(request) : send_stream(request, own->keeps_open);
}

const struct command command_send = {
	.name = "send",
	.arguments = "HOST PORT [TEXT]",
	.help = "send TEXT or standard input, print the whole answer",
	.manual = "Sending",
	.options = options,
	.settings_bytes = sizeof(struct send_settings),
	.has_target = true,
	.has_udp = true,
	.max_operands = 1,
	.check = check,
	.run = run,
};
