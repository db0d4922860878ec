/* SPDX-License-Identifier: MIT */
/*
 * Datagrams, several at a time: received with both their addresses, and sent back from the address
 * that they were sent to. The one place that calls recvmmsg(2) and sendmmsg(2).
 * Owns the buffers, borrows the socket. Threads: one per batch.
 * Source: recvmmsg(2), udp(7), ip(7) IP_PKTINFO, ipv6(7), RFC 3542 6.
 */
#ifndef YODEL_TRANSPORT_DATAGRAM_BATCH_H
#define YODEL_TRANSPORT_DATAGRAM_BATCH_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/transport/address.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	DATAGRAM_BATCH_MAX = 32,
	DATAGRAM_BYTES_MAX = 65536, /* more than UDP over IPv4 (65507) or IPv6 (65527) carries */
};

struct datagram {
	struct address source;      /* normalized */
	struct address destination; /* normalized, without a port */
	bool is_for_many;           /* sent to a broadcast or multicast address */
	bool is_cut;                /* there was more of it than DATAGRAM_BYTES_MAX */
	/* For the answer: */
	bool is_wanted;   /* set by the caller */
	int error_number; /* 0, or why it could not be sent */
};

struct datagram_batch {
	struct datagram items[DATAGRAM_BATCH_MAX];
	size_t count;
	int fd;
	struct datagram_memory *memory;
};

/* Has the kernel tell where datagrams were sent to. Returns 0, or -1 with error (EX_OSERR). */
int datagram_batch_prepare_socket(int fd, struct error *error) MUST_USE;

/*
 * Makes a batch.
 *   fd   a socket that datagram_batch_prepare_socket has prepared; lent until datagram_batch_fini
 * Returns 0, or -1 where memory is short.
 */
int datagram_batch_init(struct datagram_batch *batch, int fd) MUST_USE;

/* Frees the buffers. Fine on a zeroed batch. */
void datagram_batch_fini(struct datagram_batch *batch);

/*
 * Takes what is there, without waiting: items[0 .. count-1], none of them wanted.
 * Returns 0, also where nothing was there, or an errno value with a count of 0.
 */
int datagram_batch_receive(struct datagram_batch *batch) MUST_USE;

/*
 * Sends those that are wanted back to their sources, whole and as they are, without waiting: what
 * finds no room has EAGAIN or ENOBUFS for its error_number.
 */
void datagram_batch_answer(struct datagram_batch *batch);

#endif
