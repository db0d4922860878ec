/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/error.h"
#include "yodel/client/dial.h"
#include "yodel/client/duplex.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

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
	struct failure failure;
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
	return DUPLEX_STOP;
}

/* Standard output may block: then the server has to wait, as it should. */
static int take(void *context, const char *bytes, size_t length)
{
	struct exchange *exchange = context;
	struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};

	while (length > 0) {
		ssize_t count = write(STDOUT_FILENO, bytes, length);

		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
		} else if (errno == EAGAIN) {
			(void)poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			failure_set(&exchange->failure, FAILURE_OTHER,
				"cannot write to standard output: %s", error_text(errno));
			return DUPLEX_STOP;
		}
	}
	return 0;
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
		.take = take,
	};

	if (duplex.fd < 0)
		return failure_report(request, &exchange.failure);
	if (exchange.is_text)
		exchange.text = request->operands[0];
	enum duplex_end end = duplex_run(&duplex, &exchange.failure);
	close(duplex.fd);
	return end == DUPLEX_CLOSED ? CLIENT_OK : failure_report(request, &exchange.failure);
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
