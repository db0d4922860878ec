/* SPDX-License-Identifier: MIT */
#include "yodel/client/pinger.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/ping_message.h"
#include "yodel/client/ping_transport.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void pinger_init(struct pinger *pinger, const struct request *request, const struct target *target,
	int interrupt_fd, size_t size_bytes)
{
	*pinger = (struct pinger){
		.request = request,
		.target = *target,
		.interrupt_fd = interrupt_fd,
		.size_bytes = size_bytes,
		.transport = request->is_udp ? &ping_datagram : &ping_stream,
		.channel = {.fd = -1},
		.seed = (uint64_t)clock_monotonic_ns(),
		.message = malloc(size_bytes),
	};
	CHECK(size_bytes > 0 && pinger->message != NULL);
}

void pinger_disconnect(struct pinger *pinger)
{
	channel_close(&pinger->channel);
}

void pinger_fini(struct pinger *pinger)
{
	pinger_disconnect(pinger);
	free(pinger->message);
}

/* --- Connecting ------------------------------------------------------------------------------ */

/* Puts the first address behind the others. */
static void pass_on(struct target *target)
{
	struct address first = target->addresses[0];

	memmove(target->addresses, target->addresses + 1, (target->count - 1) * sizeof first);
	target->addresses[target->count - 1] = first;
}

/* From now on it is this peer alone. */
static void settle(struct pinger *pinger)
{
	pinger->has_peer = true;
	pinger->target.count = 1;
}

/* Connects, with TLS where that is asked for. Returns 0, or -1 with failure. */
static int open_channel(struct pinger *pinger, struct dialed *dialed)
{
	int fd = dial_measured(pinger->request, &pinger->target, pinger->dials++,
		pinger->interrupt_fd, dialed, &pinger->failure);
	int64_t connected_ns = clock_monotonic_ns();

	channel_open(&pinger->channel, fd, pinger->request);
	if (fd < 0)
		return -1;
	if (channel_establish(&pinger->channel, pinger->request, pinger->interrupt_fd,
		    &pinger->failure) != 0) {
		pinger_disconnect(pinger);
		return -1;
	}
	dialed->connect_ns += clock_monotonic_ns() - connected_ns;
	return 0;
}

enum round_result pinger_connect(struct pinger *pinger)
{
	struct dialed dialed;

	pinger->connect_ns = 0;
	if (pinger->channel.fd >= 0)
		return ROUND_ANSWERED;
	if (open_channel(pinger, &dialed) != 0)
		return interrupt_is_waiting(pinger->interrupt_fd) ? ROUND_INTERRUPTED : ROUND_LOST;
	for (size_t i = 0; i < dialed.index; i++)
		pass_on(&pinger->target);
	pinger->peer = dialed.peer;
	if (pinger->transport->is_connectionless)
		return ROUND_ANSWERED;
	pinger->connect_ns = dialed.connect_ns;
	pinger->rtt_ns = dialed.connect_ns;
	pinger->connects++;
	settle(pinger);
	return ROUND_ANSWERED;
}

/* --- Sending and receiving ------------------------------------------------------------------- */

static enum round_result say_late(struct pinger *pinger, const struct ping_round *round)
{
	char peer[ADDRESS_TEXT_BYTES], patience[PARSE_TEXT_BYTES];

	address_format(&pinger->peer, peer);
	format_duration(patience, pinger->request->timeout_ms);
	failure_set(&pinger->failure, FAILURE_TIMEOUT,
		"expected the message back within %s, %zu of %zu bytes came from %s", patience,
		round->received, pinger->size_bytes, peer);
	return ROUND_LOST;
}

/* How long ppoll may sleep; NULL: for ever. Nothing is left of a time that is over. */
static const struct timespec *time_left(
	const struct pinger *pinger, const struct ping_round *round, struct timespec *left)
{
	int64_t timeout_ns = pinger->request->timeout_ms * INT64_C(1000000);
	int64_t ns = round->begun_ns + timeout_ns - clock_monotonic_ns();

	if (timeout_ns == 0)
		return NULL;
	ns = ns > 0 ? ns : 0;
	*left = (struct timespec){ns / 1000000000, ns % 1000000000};
	return left;
}

/* Waits for the peer once, and sends and receives what can be. */
static enum round_result turn(struct pinger *pinger, struct ping_round *round)
{
	struct ping_round before = *round;
	bool wants_out = round->sent < pinger->size_bytes;
	uint32_t events = wants_out ? POLLIN | POLLOUT : POLLIN;
	struct pollfd set[] = {
		{.fd = pinger->channel.fd,
			.events = (short)channel_wants(&pinger->channel, events)},
		{.fd = pinger->interrupt_fd, .events = POLLIN},
	};
	struct timespec left = {.tv_sec = 1};
	int ready = ppoll(set, 2, time_left(pinger, round, &left), NULL);
	bool is_over = left.tv_sec == 0 && left.tv_nsec == 0;
	enum round_result result = ROUND_ANSWERED;

	if (ready < 0)
		return ROUND_ANSWERED;
	if (ready == 0)
		return say_late(pinger, round);
	if (set[1].revents != 0)
		return ROUND_INTERRUPTED;
	uint32_t possible = channel_ready(&pinger->channel, (uint32_t)set[0].revents);
	if (wants_out && (possible & POLLOUT) != 0)
		result = pinger->transport->send(pinger, round);
	if (result == ROUND_ANSWERED && (possible & ~(uint32_t)POLLOUT) != 0)
		result = pinger->transport->receive(pinger, round);
	/* What is there when the time is over counts; but there may be strays without end. */
	bool has_moved = round->sent > before.sent || round->received > before.received;
	return result == ROUND_ANSWERED && is_over && !has_moved ? say_late(pinger, round) : result;
}

/* Sends the message to the peer and awaits it. */
static enum round_result exchange(struct pinger *pinger)
{
	enum round_result result = pinger_connect(pinger);

	if (result != ROUND_ANSWERED)
		return result;
	struct ping_round round = {.begun_ns = clock_monotonic_ns()};
	result = pinger->transport->send(pinger, &round);
	while (result == ROUND_ANSWERED && round.received < pinger->size_bytes)
		result = turn(pinger, &round);
	pinger->rtt_ns = clock_monotonic_ns() - round.begun_ns;
	if (result != ROUND_ANSWERED && !pinger->transport->is_connectionless)
		pinger_disconnect(pinger);
	return result;
}

/* Whether a datagram has found nobody, and may go to another address. */
static bool may_pass_on(const struct pinger *pinger, enum round_result result)
{
	return result == ROUND_LOST && pinger->transport->is_connectionless &&
	       (pinger->failure.kind == FAILURE_REFUSED ||
		       pinger->failure.kind == FAILURE_UNREACHABLE);
}

enum round_result pinger_echo(struct pinger *pinger)
{
	size_t others = pinger->target.count - 1;

	if (pinger->channel.fd >= 0 && !pinger->transport->look(pinger))
		pinger_disconnect(pinger);
	ping_message_write(pinger->message, pinger->size_bytes, pinger->seed, ++pinger->number);
	enum round_result result = exchange(pinger);
	for (; others > 0 && may_pass_on(pinger, result); others--) {
		pass_on(&pinger->target);
		pinger_disconnect(pinger);
		result = exchange(pinger);
	}
	if (result == ROUND_ANSWERED)
		settle(pinger);
	return result;
}

void pinger_count_strays(struct pinger *pinger)
{
	if (pinger->channel.fd >= 0 && pinger->transport->is_connectionless)
		(void)pinger->transport->look(pinger);
}
