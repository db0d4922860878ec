/* SPDX-License-Identifier: MIT */
/*
 * Takes clients off a listening socket: accepts, admits, gives each its thread, or turns it away.
 * Owns the reserve descriptor, the thread attributes and the refused clients that have yet to leave.
 * Threads: the accepting one. Source: accept(2) "Error handling", pthread_create(3).
 */
#ifndef YODEL_SERVER_ACCEPTOR_H
#define YODEL_SERVER_ACCEPTOR_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/settings.h"
#include "yodel/server/partings.h"
#include "yodel/server/refusals.h"
#include "yodel/session/registry.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

enum accept_result {
	ACCEPT_OK,    /* one client was taken off the queue, served or refused */
	ACCEPT_EMPTY, /* nobody waits */
	ACCEPT_RETRY, /* this client is gone, or a signal came: ask again */
	ACCEPT_PAUSE, /* no descriptor, memory or thread: do not ask again for a while */
	ACCEPT_FATAL, /* the socket is broken; errno says how */
};

struct acceptor {
	struct registry *registry;
	pthread_attr_t thread_attributes;
	int reserve_fd; /* given up for a moment to close clients there is no descriptor for */
	struct partings partings;
	struct refusals refusals;
	int64_t paused_until_ms;
};

/*
 * Prepares to accept.
 *   registry             lent until acceptor_fini
 *   thread_stack_bytes   of each client's thread
 *   max_partings         refused clients to wait for at once
 * Returns 0, or -1 with error (EX_OSERR).
 */
int acceptor_init(struct acceptor *acceptor, struct registry *registry, size_t thread_stack_bytes,
	size_t max_partings, struct error *error) MUST_USE;

/* Closes what the acceptor owns. Threads that it started go on. */
void acceptor_fini(struct acceptor *acceptor);

/*
 * Takes at most one client off a listening socket, which must not block.
 *   listener         its settings: name, limits, refuse_text
 *   listener_index   its number in the registry
 *   run              its service
 */
enum accept_result acceptor_accept(struct acceptor *acceptor, int listening_fd,
	const struct listener_settings *listener, size_t listener_index,
	enum close_reason (*run)(struct connection *connection)) MUST_USE;

/* What an errno of accept4(2) means for the loop. */
enum accept_result accept_classify(int error_number);

#endif
