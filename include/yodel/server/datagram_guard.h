/* SPDX-License-Identifier: MIT */
/*
 * Which datagrams an echo must not answer: those whose answer would be answered, again and again,
 * and those whose answer would go to many, or come from many.
 * Owns nothing. Threads: any, once its ports are in.
 * Source: RFC 862, RFC 1122 3.2.1.3 and 4.1.3.5; CERT advisory CA-1996-01.
 */
#ifndef YODEL_SERVER_DATAGRAM_GUARD_H
#define YODEL_SERVER_DATAGRAM_GUARD_H

#include "yodel/session/close_reason.h"
#include "yodel/transport/datagram_batch.h"

#include <stdint.h>

struct datagram_guard {
	uint8_t ports[65536 / 8]; /* a bit each: from there, nothing is answered */
};

/* Makes a guard with the ports of echo, daytime, quote of the day, chargen and time. */
void datagram_guard_init(struct datagram_guard *guard);

/* Adds a port that answers: one that we have ourselves. So two of us do not answer each other. */
void datagram_guard_add_port(struct datagram_guard *guard, unsigned port);

/*
 * CLOSE_NONE where a datagram may be answered; or why not: CLOSE_OVERSIZE, CLOSE_MULTICAST,
 * CLOSE_NO_REPLY, CLOSE_LOOP.
 */
enum close_reason datagram_guard_check(
	const struct datagram_guard *guard, const struct datagram *datagram);

#endif
