/* SPDX-License-Identifier: MIT */
#include "yodel/client/datagram.h"
#include "yodel/client/ping_message.h"
#include "yodel/client/ping_transport.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ANSWER_MAX_BYTES = 64 * 1024,
	AT_ONCE = 1024, /* answers that are read before the clock is looked at */
};

/* Notes that a message is back. Returns whether it was before. */
static bool note_answer(struct pinger *pinger, uint64_t number)
{
	uint64_t *noted = &pinger->answered[number % PINGER_REMEMBERED];
	bool was_answered = *noted == number;

	*noted = number;
	return was_answered;
}

/* The number of the message that an answer is, byte for byte; 0 where it is none of ours. */
static uint64_t number_of(const struct pinger *pinger, const char *answer, size_t length)
{
	char message[DATAGRAM_MAX_BYTES];

	if (length != pinger->size_bytes)
		return 0;
	uint64_t age = ping_message_age(answer, length, pinger->number);
	if (age >= pinger->number)
		return 0;
	ping_message_write(message, length, pinger->seed, pinger->number - age);
	return memcmp(answer, message, length) == 0 ? pinger->number - age : 0;
}

/* Counts an answer that no round awaits. */
static void count_stray(struct pinger *pinger, uint64_t number)
{
	if (number != 0 && note_answer(pinger, number))
		pinger->duplicates++;
	else
		pinger->late++;
}

/* Also takes what ICMP tells of earlier rounds, so that the next is not blamed for it. */
static bool look(struct pinger *pinger)
{
	char answer[ANSWER_MAX_BYTES];

	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t count = recv(pinger->channel.fd, answer, sizeof answer, 0);

		if (count >= 0)
			count_stray(pinger, number_of(pinger, answer, (size_t)count));
		else if (errno == EAGAIN)
			break;
	}
	return true;
}

static enum round_result say_undelivered(struct pinger *pinger, int number)
{
	datagram_fail(pinger->request, &pinger->peer, number, &pinger->failure);
	return ROUND_LOST;
}

static enum round_result send_message(struct pinger *pinger, struct ping_round *round)
{
	if (send(pinger->channel.fd, pinger->message, pinger->size_bytes, 0) >= 0)
		round->sent = pinger->size_bytes;
	else if (errno != EAGAIN && errno != EINTR)
		return say_undelivered(pinger, errno);
	return ROUND_ANSWERED;
}

static enum round_result say_wrong(struct pinger *pinger, const char *answer, size_t length)
{
	if (ping_message_matches(
		    pinger->message, pinger->size_bytes, 0, answer, length, &pinger->failure))
		failure_set(&pinger->failure, FAILURE_OTHER,
			"expected the message back, got its first %zu of %zu bytes", length,
			pinger->size_bytes);
	return ROUND_MISMATCHED;
}

static enum round_result receive(struct pinger *pinger, struct ping_round *round)
{
	char answer[ANSWER_MAX_BYTES];

	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t count = recv(pinger->channel.fd, answer, sizeof answer, 0);

		if (count < 0)
			return errno == EAGAIN || errno == EINTR ? ROUND_ANSWERED
								 : say_undelivered(pinger, errno);
		uint64_t number = number_of(pinger, answer, (size_t)count);
		if (number == 0)
			return say_wrong(pinger, answer, (size_t)count);
		if (number == pinger->number) {
			note_answer(pinger, number);
			round->received = pinger->size_bytes;
			break;
		}
		count_stray(pinger, number);
	}
	return ROUND_ANSWERED;
}

const struct ping_transport ping_datagram = {
	.is_connectionless = true,
	.look = look,
	.send = send_message,
	.receive = receive,
};
