/* SPDX-License-Identifier: MIT */
/*
 * The accept loop: who leads in it waits for clients and admits one, hands the lead on, and serves
 * that client itself. So a client is served by the thread that accepted it.
 * Owns the acceptor, its poll set and the threads. Threads: the functions below are main's.
 */
#ifndef YODEL_SERVER_ACCEPT_LOOP_H
#define YODEL_SERVER_ACCEPT_LOOP_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"
#include "yodel/server/acceptor.h"
#include "yodel/server/late_refusals.h"
#include "yodel/server/leadership.h"
#include "yodel/server/listening.h"
#include "yodel/server/status.h"
#include "yodel/session/registry.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* In this order; only the leader goes past ACCEPT_LOOP_FINISHING. */
enum accept_loop_stage {
	ACCEPT_LOOP_OPEN,
	ACCEPT_LOOP_FINISHING, /* lets in who is already connected */
	ACCEPT_LOOP_CLOSED,    /* the sockets are not used any more; refused clients still leave */
};

struct accept_loop {
	const struct config *config;
	const struct listening *listening; /* until the loop is closed */
	size_t socket_count;
	bool has_proxies; /* who say later whom a client is */
	int event_fd;     /* readable when the loop is closed and when the last thread has ended */
	struct leadership leadership;
	atomic_int stage;      /* enum accept_loop_stage */
	atomic_bool is_broken; /* a listening socket is */

	struct late_refusals late_refusals; /* with a lock of its own */

	/* The leader's own. */
	struct acceptor acceptor;
	struct status status;
	int wake_fd; /* an eventfd: the others' word to the leader */
	struct pollfd *poll_set;
	size_t next_socket;
	size_t accepts_left;     /* before the others in the poll set have their turn */
	size_t last_turns_left;  /* while finishing */
	int64_t admissions_left; /* of exit.max_accepts; 0: no limit, or none are left */
};

/*
 * Prepares the loop and makes the first thread, which waits for accept_loop_begin.
 *   config, registry, event_fd   lent until accept_loop_fini; event_fd is an eventfd
 *   listening                    lent until ACCEPT_LOOP_CLOSED
 *   max_partings                 refused clients to wait for at once
 * Returns 0, or -1 with error (EX_OSERR).
 */
int accept_loop_init(struct accept_loop *loop, const struct config *config,
	const struct listening *listening, struct registry *registry, size_t max_partings,
	int event_fd, struct error *error) MUST_USE;

/* From now on clients are accepted; the service manager is told. */
void accept_loop_begin(struct accept_loop *loop);

/* Has the leader let in those who are connected already, and then leave the sockets alone. */
void accept_loop_finish(struct accept_loop *loop);

/* How far it is. Without accept_loop_finish it is closed by a rule of exit, or broken. */
enum accept_loop_stage accept_loop_stage(struct accept_loop *loop);

/* Whether a listening socket has failed, so that none is used any more. */
bool accept_loop_is_broken(struct accept_loop *loop);

/* Whether it is over and all threads have ended. */
bool accept_loop_is_empty(struct accept_loop *loop);

/* Frees a loop that is empty. */
void accept_loop_fini(struct accept_loop *loop);

#endif
