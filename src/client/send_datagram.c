/* SPDX-License-Identifier: MIT */
#include "yodel/client/send_datagram.h"

#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/client/datagram.h"
#include "yodel/client/dial.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/print.h"
#include "yodel/client/send_print.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { ANSWER_MAX_BYTES = 64 * 1024 };

struct exchange {
	const struct request *request;
	int interrupt_fd; /* -1: none */
	size_t length;
	char bytes[DATAGRAM_MAX_BYTES + 1]; /* one more shows that there is more */
	size_t answer_length;
	char answer[ANSWER_MAX_BYTES];
	bool is_interrupted;
	struct failure failure;
};

int send_datagram_check(const struct request *request, struct error *error)
{
	size_t length = request->operand_count > 0 ? strlen(request->operands[0]) : 0;

	if (length <= DATAGRAM_MAX_BYTES)
		return 0;
	return error_set(error, EX_USAGE, "TEXT: expected at most %d bytes in a datagram, got %zu",
		DATAGRAM_MAX_BYTES, length);
}

/* Returns 0, or -1 with the failure. */
static int read_input(struct exchange *exchange)
{
	struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};

	while (exchange->length <= DATAGRAM_MAX_BYTES) {
		ssize_t count = read(STDIN_FILENO, exchange->bytes + exchange->length,
			sizeof exchange->bytes - exchange->length);

		if (count == 0)
			return 0;
		if (count > 0)
			exchange->length += (size_t)count;
		else if (errno == EAGAIN)
			(void)poll(&wait, 1, -1);
		else if (errno != EINTR)
			return failure_set_errno(
				&exchange->failure, errno, "cannot read standard input");
	}
	return failure_set(&exchange->failure, FAILURE_OTHER,
		"expected at most %d bytes in a datagram, got more on standard input",
		DATAGRAM_MAX_BYTES);
}

static int take_input(struct exchange *exchange)
{
	if (exchange->request->operand_count == 0)
		return read_input(exchange);
	exchange->length = strlen(exchange->request->operands[0]);
	memcpy(exchange->bytes, exchange->request->operands[0], exchange->length);
	return 0;
}

/* Returns 0, or an errno value; ECANCELED: the interrupt's descriptor became readable. */
static int await_answer(struct exchange *exchange, int fd)
{
	int64_t timeout_ms = exchange->request->timeout_ms;
	int64_t until_ms = clock_monotonic_ms() + timeout_ms;
	struct pollfd set[] = {
		{.fd = fd, .events = POLLIN},
		{.fd = exchange->interrupt_fd, .events = POLLIN},
	};

	for (;;) {
		int64_t left_ms = until_ms - clock_monotonic_ms();

		left_ms = left_ms > 0 ? left_ms : 0;
		int ready = poll(set, 2, timeout_ms == 0 ? -1 : (int)left_ms);
		if (ready > 0 && set[1].revents != 0)
			return ECANCELED;
		ssize_t count = recv(fd, exchange->answer, sizeof exchange->answer, 0);
		if (count >= 0) {
			exchange->answer_length = (size_t)count;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return errno;
		if (ready == 0)
			return ETIMEDOUT;
	}
}

static int say_unanswered(struct exchange *exchange, const struct address *peer)
{
	char peer_text[ADDRESS_TEXT_BYTES], patience[PARSE_TEXT_BYTES];

	address_format(peer, peer_text);
	format_duration(patience, exchange->request->timeout_ms);
	return failure_set(&exchange->failure, FAILURE_TIMEOUT,
		"expected an answer from %s within %s, none came; a datagram may get lost on the way, and "
		"so may its answer",
		peer_text, patience);
}

/* Returns 0, also after an interrupt, or -1 with the failure. */
static int ask(struct exchange *exchange, const struct address *peer, int fd)
{
	int number = send(fd, exchange->bytes, exchange->length, 0) >= 0
			     ? await_answer(exchange, fd)
			     : errno;

	if (number == ETIMEDOUT)
		return say_unanswered(exchange, peer);
	if (number != 0 && number != ECANCELED)
		return datagram_fail(exchange->request, peer, number, &exchange->failure);
	exchange->is_interrupted = number == ECANCELED;
	return 0;
}

/* Returns 0 or -1, as ask does. */
static int ask_one(struct exchange *exchange, const struct target *target)
{
	struct address peer;
	int fd = dial(exchange->request, target, &peer, &exchange->failure);

	if (fd < 0)
		return -1;
	int result = ask(exchange, &peer, fd);
	close(fd);
	return result;
}

/* A datagram that nobody takes goes to the next address. Returns 0 or -1, as ask does. */
static int ask_any(struct exchange *exchange, const struct target *target)
{
	struct target one = *target;
	int result = -1;

	one.count = 1;
	for (size_t i = 0; i < target->count && result != 0; i++) {
		one.addresses[0] = target->addresses[i];
		result = ask_one(exchange, &one);
		if (exchange->failure.kind == FAILURE_TIMEOUT)
			break;
	}
	return result;
}

static int print(struct exchange *exchange, int64_t elapsed_ns)
{
	const struct request *request = exchange->request;
	struct send_result result = {
		.sent_bytes = exchange->length,
		.received_bytes = exchange->answer_length,
		.elapsed_ns = elapsed_ns,
		.is_interrupted = exchange->is_interrupted,
		.answer = exchange->answer,
		.answer_bytes = exchange->answer_length,
	};

	send_print_sums(request, &result);
	if (request->is_json)
		send_print_json(request, &result);
	else if (print_bytes(exchange->answer, exchange->answer_length, &exchange->failure) != 0)
		return failure_report(request, &exchange->failure);
	return CLIENT_OK;
}

int send_datagram(const struct request *request)
{
	struct exchange exchange = {.request = request, .interrupt_fd = -1};
	struct target target;

	if (take_input(&exchange) != 0 ||
		target_resolve(request, request->port, &target, &exchange.failure) != 0)
		return failure_report(request, &exchange.failure);
	if (request->is_json)
		exchange.interrupt_fd = interrupt_open();
	int64_t begun_ns = clock_monotonic_ns();
	if (ask_any(&exchange, &target) != 0)
		return failure_report(request, &exchange.failure);
	return print(&exchange, clock_monotonic_ns() - begun_ns);
}
