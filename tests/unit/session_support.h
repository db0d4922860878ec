/* SPDX-License-Identifier: MIT */
/*
 * One connection as a client's thread sees it: a TCP client over the loopback, admitted to a
 * registry of its own with one listener.
 */
#ifndef YODEL_TESTS_UNIT_SESSION_SUPPORT_H
#define YODEL_TESTS_UNIT_SESSION_SUPPORT_H

#include "support.h"

#include "yodel/session/buffer_pool.h"
#include "yodel/session/hub.h"
#include "yodel/session/registry.h"

#include <pthread.h>

struct session {
	struct listener_settings listener;
	struct registry registry;
	struct buffer_pool buffers;
	struct placement placement;
	struct hub hub;
	struct connection *connection;
	int client; /* -1 once closed */
	int fd;     /* of the other end, which the connection owns */
	pthread_t thread;
	enum close_reason reason; /* of the service, once session_join has returned */
};

/* A session whose listener is called "test" and has no timeouts, for session_open. */
void session_init(struct session *session);

/* Connects and admits a client. buffer_bytes: as for tcp_pair_small, 0 for the kernel's. */
void session_open(
	struct session *session, enum close_reason (*run)(struct connection *), int buffer_bytes);

/* Runs connection->run in a thread of its own, then connection_close. */
void session_start(struct session *session);

/* Waits for the thread's end and returns what run returned. */
enum close_reason session_join(struct session *session);

/* Closes what is open and frees the registry. The log lines go nowhere. */
void session_fini(struct session *session);

/* How many connections have ended for a reason, as the registry has counted it. */
uint64_t session_ended(struct session *session, enum close_reason reason);

#endif
