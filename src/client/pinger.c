/* SPDX-License-Identifier: MIT */
#include "yodel/client/pinger.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/base/text.h"
#include "yodel/client/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, SHOWN_BYTES = 24, SHOWN_TEXT_BYTES = 4 * SHOWN_BYTES + 1 };

/* A message that is being sent and awaited. */
struct exchange {
	int64_t begun_ns;
	size_t sent, received;
};

void pinger_init(struct pinger *pinger, const struct request *request, const struct target *target,
	int interrupt_fd, size_t size_bytes)
{
	*pinger = (struct pinger){
		.request = request,
		.target = *target,
		.interrupt_fd = interrupt_fd,
		.size_bytes = size_bytes,
		.fd = -1,
		.seed = (uint64_t)clock_monotonic_ns(),
		.message = malloc(size_bytes),
	};
	CHECK(size_bytes > 0 && pinger->message != NULL);
}

void pinger_disconnect(struct pinger *pinger)
{
	if (pinger->fd >= 0)
		close(pinger->fd);
	pinger->fd = -1;
}

void pinger_fini(struct pinger *pinger)
{
	pinger_disconnect(pinger);
	free(pinger->message);
}

/* --- Connecting ------------------------------------------------------------------------------ */

enum round_result pinger_connect(struct pinger *pinger)
{
	struct dialed dialed;

	pinger->connect_ns = 0;
	if (pinger->fd >= 0)
		return ROUND_ANSWERED;
	pinger->fd = dial_measured(pinger->request, &pinger->target, pinger->serial++,
		pinger->interrupt_fd, &dialed, &pinger->failure);
	if (pinger->fd < 0)
		return interrupt_is_waiting(pinger->interrupt_fd) ? ROUND_INTERRUPTED : ROUND_LOST;
	pinger->connect_ns = dialed.connect_ns;
	pinger->rtt_ns = dialed.connect_ns;
	pinger->connects++;
	pinger->has_peer = true;
	pinger->peer = dialed.peer;
	pinger->target.addresses[0] = dialed.peer;
	pinger->target.count = 1;
	return ROUND_ANSWERED;
}

/* Whether the peer has ended a connection between two rounds: then nothing is lost yet. */
static bool is_ended(const struct pinger *pinger)
{
	char byte;
	ssize_t count = recv(pinger->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

/* --- The message ----------------------------------------------------------------------------- */

/* Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/*
 * Printable, and with a newline at its end for servers that answer lines. The first byte goes
 * through the letters, so that even messages of one byte differ from their neighbours.
 */
static void write_message(struct pinger *pinger)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
	uint64_t state = pinger->seed + pinger->serial, bits = 0;

	for (size_t i = 0; i < pinger->size_bytes; i++, bits >>= 6) {
		if (i % 8 == 0)
			bits = next_random(&state);
		pinger->message[i] = letters[bits % 64];
	}
	pinger->message[0] = letters[pinger->serial++ % 64];
	if (pinger->size_bytes > 1)
		pinger->message[pinger->size_bytes - 1] = '\n';
}

static void show_bytes(char text[SHOWN_TEXT_BYTES], const char *bytes, size_t length)
{
	text_escape(text, SHOWN_TEXT_BYTES, bytes, length < SHOWN_BYTES ? length : SHOWN_BYTES);
}

static void describe_peer(const struct pinger *pinger, char text[ADDRESS_TEXT_BYTES])
{
	address_format(&pinger->peer, text);
}

/* Returns ROUND_ANSWERED as long as what came is the message. */
static enum round_result compare(
	struct pinger *pinger, const struct exchange *exchange, const char *piece, size_t length)
{
	size_t left = pinger->size_bytes - exchange->received, common = 0;
	const char *expected = pinger->message + exchange->received;
	char got_text[SHOWN_TEXT_BYTES], expected_text[SHOWN_TEXT_BYTES];

	if (length <= left && memcmp(piece, expected, length) == 0)
		return ROUND_ANSWERED;
	while (common < left && piece[common] == expected[common])
		common++;
	show_bytes(got_text, piece + common, length - common);
	if (common == left) {
		failure_set(&pinger->failure, FAILURE_OTHER,
			"expected the message back, got more behind its %zu bytes: \"%s\"",
			pinger->size_bytes, got_text);
		return ROUND_MISMATCHED;
	}
	show_bytes(expected_text, expected + common, (length < left ? length : left) - common);
	failure_set(&pinger->failure, FAILURE_OTHER,
		"expected the message back, got \"%s\" in place of \"%s\" at byte %zu of %zu",
		got_text, expected_text, exchange->received + common, pinger->size_bytes);
	return ROUND_MISMATCHED;
}

/* --- Sending and receiving ------------------------------------------------------------------- */

/* Where nothing more can be sent, receiving tells why. */
static void send_some(struct pinger *pinger, struct exchange *exchange)
{
	ssize_t count = send(pinger->fd, pinger->message + exchange->sent,
		pinger->size_bytes - exchange->sent, MSG_NOSIGNAL);

	if (count >= 0)
		exchange->sent += (size_t)count;
	else if (errno != EAGAIN && errno != EINTR)
		exchange->sent = pinger->size_bytes;
}

static enum round_result say_ended(
	struct pinger *pinger, const struct exchange *exchange, int number)
{
	char peer[ADDRESS_TEXT_BYTES];

	describe_peer(pinger, peer);
	if (number == 0)
		failure_set(&pinger->failure, FAILURE_RESET,
			"%s closed the connection when %zu of %zu bytes had come back", peer,
			exchange->received, pinger->size_bytes);
	else
		failure_set_errno(&pinger->failure, number,
			"the connection to %s broke when %zu of %zu bytes had come back", peer,
			exchange->received, pinger->size_bytes);
	return ROUND_LOST;
}

static enum round_result say_late(struct pinger *pinger, const struct exchange *exchange)
{
	char peer[ADDRESS_TEXT_BYTES], patience[PARSE_TEXT_BYTES];

	describe_peer(pinger, peer);
	format_duration(patience, pinger->request->timeout_ms);
	failure_set(&pinger->failure, FAILURE_TIMEOUT,
		"expected the message back within %s, %zu of %zu bytes came from %s", patience,
		exchange->received, pinger->size_bytes, peer);
	return ROUND_LOST;
}

static enum round_result receive_some(struct pinger *pinger, struct exchange *exchange)
{
	char piece[PIECE_BYTES];
	size_t left = pinger->size_bytes - exchange->received;
	/* One byte more than the message is one too many. */
	ssize_t count = recv(pinger->fd, piece, left < sizeof piece ? left + 1 : sizeof piece, 0);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return ROUND_ANSWERED;
	if (count <= 0)
		return say_ended(pinger, exchange, count == 0 ? 0 : errno);
	enum round_result result = compare(pinger, exchange, piece, (size_t)count);
	exchange->received += (size_t)count;
	return result;
}

/* How long ppoll may sleep; NULL: for ever. Nothing is left of a time that is over. */
static const struct timespec *time_left(
	const struct pinger *pinger, const struct exchange *exchange, struct timespec *left)
{
	int64_t timeout_ns = pinger->request->timeout_ms * INT64_C(1000000);
	int64_t ns = exchange->begun_ns + timeout_ns - clock_monotonic_ns();

	if (timeout_ns == 0)
		return NULL;
	ns = ns > 0 ? ns : 0;
	*left = (struct timespec){ns / 1000000000, ns % 1000000000};
	return left;
}

/* Waits for the peer once, and sends and receives what can be. */
static enum round_result turn(struct pinger *pinger, struct exchange *exchange)
{
	bool wants_out = exchange->sent < pinger->size_bytes;
	struct pollfd set[] = {
		{.fd = pinger->fd, .events = wants_out ? POLLIN | POLLOUT : POLLIN},
		{.fd = pinger->interrupt_fd, .events = POLLIN},
	};
	struct timespec left;
	int ready = ppoll(set, 2, time_left(pinger, exchange, &left), NULL);

	if (ready < 0)
		return ROUND_ANSWERED;
	if (ready == 0)
		return say_late(pinger, exchange);
	if (set[1].revents != 0)
		return ROUND_INTERRUPTED;
	if ((set[0].revents & POLLOUT) != 0)
		send_some(pinger, exchange);
	return (set[0].revents & ~POLLOUT) != 0 ? receive_some(pinger, exchange) : ROUND_ANSWERED;
}

enum round_result pinger_echo(struct pinger *pinger)
{
	if (pinger->fd >= 0 && is_ended(pinger))
		pinger_disconnect(pinger);
	enum round_result result = pinger_connect(pinger);
	if (result != ROUND_ANSWERED)
		return result;
	write_message(pinger);
	struct exchange exchange = {.begun_ns = clock_monotonic_ns()};
	send_some(pinger, &exchange);
	while (result == ROUND_ANSWERED && exchange.received < pinger->size_bytes)
		result = turn(pinger, &exchange);
	pinger->rtt_ns = clock_monotonic_ns() - exchange.begun_ns;
	if (result != ROUND_ANSWERED)
		pinger_disconnect(pinger);
	return result;
}
