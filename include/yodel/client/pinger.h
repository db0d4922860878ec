/* SPDX-License-Identifier: MIT */
/*
 * One round trip after the other: a message out, the same bytes back, over a connection or as
 * datagrams; or a TCP handshake alone. Each message differs from those before, so that an answer that
 * is stale or shifted is noticed.
 * Owns its connection and its message. Threads: one per struct.
 */
#ifndef YODEL_CLIENT_PINGER_H
#define YODEL_CLIENT_PINGER_H

#include "yodel/base/attributes.h"
#include "yodel/client/channel.h"
#include "yodel/client/dial.h"
#include "yodel/client/failure.h"
#include "yodel/client/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ping_transport;

enum round_result {
	ROUND_ANSWERED,    /* rtt_ns says when */
	ROUND_LOST,        /* no connection, no answer in time, or the connection ended */
	ROUND_MISMATCHED,  /* something else came back */
	ROUND_INTERRUPTED, /* it says nothing; the interrupt is still pending */
};

enum { PINGER_REMEMBERED = 64 }; /* rounds, of which an answer is known to be the first or not */

struct pinger {
	const struct request *request;
	struct target target; /* once there is a peer, its address alone */
	int interrupt_fd;
	size_t size_bytes;
	bool has_peer; /* somebody has connected, or answered a datagram */
	struct address peer;
	uint64_t connects;   /* that succeeded; of datagrams none */
	uint64_t duplicates; /* answers to a datagram behind the first */
	uint64_t late;       /* other answers that no round awaited any more */

	/* Of the last round. */
	int64_t rtt_ns;
	int64_t connect_ns;     /* of the connection that it made; 0: none */
	struct failure failure; /* unless answered or interrupted */

	/* Its own. */
	const struct ping_transport *transport;
	struct channel channel; /* closed: not connected; or a datagram socket */
	uint64_t dials;         /* connects that were tried */
	uint64_t number, seed;
	char *message;                        /* of this number */
	uint64_t answered[PINGER_REMEMBERED]; /* numbers of datagrams, each at its remainder */
};

/*
 * Prepares for messages of so many bytes, at least one.
 *   target         copied
 *   interrupt_fd   of interrupt.h; borrowed until pinger_fini
 */
void pinger_init(struct pinger *pinger, const struct request *request, const struct target *target,
	int interrupt_fd, size_t size_bytes);

/* Connects, if it is not connected. The time is that of the handshakes; datagrams have none. */
enum round_result pinger_connect(struct pinger *pinger) MUST_USE;

/*
 * Sends a message and awaits it back, for at most the request's timeout. Connects where there is no
 * connection, or the peer has ended it; any other end than an answer ends the connection, too. A
 * datagram that nobody takes goes to the next address, as long as none has answered.
 */
enum round_result pinger_echo(struct pinger *pinger) MUST_USE;

/* Counts the answers that have come since the last round. */
void pinger_count_strays(struct pinger *pinger);

/* Closes the connection, if there is one. */
void pinger_disconnect(struct pinger *pinger);

/* Disconnects and frees the message. */
void pinger_fini(struct pinger *pinger);

#endif
