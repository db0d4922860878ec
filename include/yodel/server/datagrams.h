/* SPDX-License-Identifier: MIT */
/*
 * The echo of datagrams: a thread for each UDP socket, which sends back what it receives, unless the
 * guard or the rate of its peer forbids it. What is not answered is counted, and logged as refused
 * clients are.
 * Owns the threads; borrows the sockets. Threads: the functions below are main's. Source: RFC 862.
 */
#ifndef YODEL_SERVER_DATAGRAMS_H
#define YODEL_SERVER_DATAGRAMS_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"
#include "yodel/server/datagram_guard.h"
#include "yodel/server/listening.h"
#include "yodel/session/close_reason.h"

#include <stddef.h>
#include <stdint.h>

struct datagrams {
	const struct config *config;
	struct datagram_guard guard; /* constant while there are threads */
	int stop_fd; /* an eventfd, readable when the threads have to end; -1: none */
	struct datagram_echo *echoes; /* one a socket */
	size_t count;
	size_t started; /* of these, those that run */
};

struct datagram_totals {
	uint64_t in;
	uint64_t out;
	uint64_t by_reason[CLOSE_REASON_COUNT]; /* not answered */
};

/*
 * Prepares an echo for each UDP socket; none is fine.
 *   config, listening   lent until datagrams_fini and datagrams_stop
 * Returns 0, or -1 with error (EX_OSERR) and nothing held.
 */
int datagrams_init(struct datagrams *datagrams, const struct config *config,
	const struct listening *listening, struct error *error) MUST_USE;

/* From now on datagrams are answered. Returns 0, or -1 with error (EX_OSERR) and no thread. */
int datagrams_start(struct datagrams *datagrams, struct error *error) MUST_USE;

/* Has the threads answer what has arrived, and waits for their end, which no peer can delay. */
void datagrams_stop(struct datagrams *datagrams);

/* What the threads have done since the start; also while they run. */
struct datagram_totals datagrams_totals(const struct datagrams *datagrams);

/* Frees everything; the threads are stopped. */
void datagrams_fini(struct datagrams *datagrams);

#endif
