/* SPDX-License-Identifier: MIT */
/*
 * Takes clients off a listening socket: accepts, admits, or turns away.
 * Owns the reserve descriptor and the refused clients that have yet to leave.
 * Threads: the accepting one. Source: accept(2) "Error handling".
 */
#ifndef YODEL_SERVER_ACCEPTOR_H
#define YODEL_SERVER_ACCEPTOR_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/settings.h"
#include "yodel/server/listening.h"
#include "yodel/server/partings.h"
#include "yodel/server/refusals.h"
#include "yodel/session/registry.h"

#include <stddef.h>
#include <stdint.h>

enum accept_result {
	ACCEPT_OK,    /* one client was taken off the queue */
	ACCEPT_EMPTY, /* nobody waits */
	ACCEPT_RETRY, /* this client is gone, or a signal came: ask again */
	ACCEPT_PAUSE, /* no descriptor, memory or thread: do not ask again for a while */
	ACCEPT_FATAL, /* the socket is broken; errno says how */
};

struct acceptor {
	struct registry *registry;
	int reserve_fd; /* given up for a moment to close clients there is no descriptor for */
	struct partings partings;
	struct refusals refusals;
	int64_t paused_until_ms;
};

/*
 * Prepares to accept.
 *   registry       lent until acceptor_fini
 *   max_partings   refused clients to wait for at once
 * Returns 0, or -1 with error (EX_OSERR).
 */
int acceptor_init(struct acceptor *acceptor, struct registry *registry, size_t max_partings,
	struct error *error) MUST_USE;

/* Closes what the acceptor owns. */
void acceptor_fini(struct acceptor *acceptor);

/*
 * Takes at most one client off a listening socket, which must not block.
 *   entry      the socket, and what it serves
 *   listener   its settings
 *   client     set where ACCEPT_OK is returned: for acceptor_admit, which takes its descriptor
 */
enum accept_result acceptor_accept(struct acceptor *acceptor, const struct listening_entry *entry,
	const struct listener_settings *listener, struct admission *client) MUST_USE;

/* Lets a client in, or refuses it for a limit. Returns its connection, or NULL where refused. */
struct connection *acceptor_admit(struct acceptor *acceptor,
	const struct listener_settings *listener, const struct admission *client) MUST_USE;

/*
 * Takes an admission back, because its proxy has announced somebody who may not be here, and refuses
 * the client as if it had come itself.
 *   connection   it is gone afterwards
 *   reason       CLOSE_DENIED or CLOSE_LIMIT_PEER
 */
void acceptor_refuse_late(
	struct acceptor *acceptor, struct connection *connection, enum close_reason reason);

/*
 * Takes an admission back, because nobody could accept while the client is served: closes it and
 * pauses.
 *   connection       as acceptor_admit returned it; it is gone afterwards
 *   thread_failure   the errno value for which there is no thread
 */
void acceptor_turn_away(struct acceptor *acceptor, const struct admission *client,
	struct connection *connection, int thread_failure);

/* What an errno of accept4(2) means for the loop. */
enum accept_result accept_classify(int error_number);

#endif
