/* SPDX-License-Identifier: MIT */
#include "yodel/client/ping_message.h"
#include "yodel/client/ping_transport.h"

#include <errno.h>

enum { PIECE_BYTES = 64 * 1024 };

static bool look(struct pinger *pinger)
{
	return !channel_is_ended(&pinger->channel);
}

/* Where nothing more can be sent, receiving tells why. */
static enum round_result send_some(struct pinger *pinger, struct ping_round *round)
{
	ssize_t count = channel_send(
		&pinger->channel, pinger->message + round->sent, pinger->size_bytes - round->sent);

	if (count >= 0)
		round->sent += (size_t)count;
	else if (errno != EAGAIN)
		round->sent = pinger->size_bytes;
	return ROUND_ANSWERED;
}

static enum round_result say_ended(
	struct pinger *pinger, const struct ping_round *round, int number)
{
	char peer[ADDRESS_TEXT_BYTES];

	address_format(&pinger->peer, peer);
	if (number == 0)
		failure_set(&pinger->failure, FAILURE_RESET,
			"%s closed the connection when %zu of %zu bytes had come back", peer,
			round->received, pinger->size_bytes);
	else
		failure_set_why(&pinger->failure, number, channel_error(&pinger->channel, number),
			"the connection to %s broke when %zu of %zu bytes had come back", peer,
			round->received, pinger->size_bytes);
	return ROUND_LOST;
}

static enum round_result receive_some(struct pinger *pinger, struct ping_round *round)
{
	char piece[PIECE_BYTES];
	size_t left = pinger->size_bytes - round->received;
	/* One byte more than the message is one too many. */
	ssize_t count = channel_receive(
		&pinger->channel, piece, left < sizeof piece ? left + 1 : sizeof piece);

	if (count < 0 && errno == EAGAIN)
		return ROUND_ANSWERED;
	if (count <= 0)
		return say_ended(pinger, round, count == 0 ? 0 : errno);
	bool is_right = ping_message_matches(pinger->message, pinger->size_bytes, round->received,
		piece, (size_t)count, &pinger->failure);
	round->received += (size_t)count;
	return is_right ? ROUND_ANSWERED : ROUND_MISMATCHED;
}

const struct ping_transport ping_stream = {
	.look = look,
	.send = send_some,
	.receive = receive_some,
};
