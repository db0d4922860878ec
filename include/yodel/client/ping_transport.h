/* SPDX-License-Identifier: MIT */
/*
 * How the messages of a pinger travel. The pinger connects, keeps the time and waits; a transport
 * sends, receives and judges.
 * Owns nothing. Threads: those of the pinger. Source: RFC 862, udp(7).
 */
#ifndef YODEL_CLIENT_PING_TRANSPORT_H
#define YODEL_CLIENT_PING_TRANSPORT_H

#include "yodel/client/pinger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message that is being sent and awaited. */
struct ping_round {
	int64_t begun_ns;
	size_t sent, received; /* of its bytes */
};

struct ping_transport {
	bool is_connectionless; /* a round that fails is no end; only rounds tell who is there */

	/*
	 * Looks at what has come since the last round, where there is a connection.
	 * Returns false where the peer has ended it: then nothing is lost yet.
	 */
	bool (*look)(struct pinger *pinger);

	/*
	 * Sends, and receives, once, what can be without waiting; not called once all is back.
	 * Return ROUND_ANSWERED as long as nothing is wrong, or else how the round has ended, with
	 * the pinger's failure.
	 */
	enum round_result (*send)(struct pinger *pinger, struct ping_round *round);
	enum round_result (*receive)(struct pinger *pinger, struct ping_round *round);
};

/* The message is a part of a stream, and so is what comes back. */
extern const struct ping_transport ping_stream;

/* The message is a datagram, and so is the answer. Both may get lost, come late or twice. */
extern const struct ping_transport ping_datagram;

#endif
