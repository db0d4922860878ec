/* SPDX-License-Identifier: MIT */
/*
 * A connection: one client with its thread. Everything about it that matters is in this one struct,
 * which lives in a slot of the registry. Services read and write through it and get a close reason
 * back. Owns the stream from registry_admit to connection_close. Threads: the client's own, but for
 * the members that the registry guards.
 */
#ifndef YODEL_SESSION_CONNECTION_H
#define YODEL_SESSION_CONNECTION_H

#include "yodel/base/attributes.h"
#include "yodel/config/settings.h"
#include "yodel/session/close_reason.h"
#include "yodel/session/placement.h"
#include "yodel/session/stop_command.h"
#include "yodel/transport/address.h"
#include "yodel/transport/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer_pool;
struct hub;
struct registry;
struct stop_request;

struct connection {
	/* What every message needs comes first, so that it shares few cache lines. */
	struct stream stream;
	uint64_t bytes_in;
	uint64_t bytes_out;
	int64_t lifetime_deadline_ms; /* 0 = none */
	const struct listener_settings *listener;
	struct placement *placement; /* of all connections */
	struct seat seat;
	uint64_t number;        /* 1 for the first of the process; never given twice */
	bool has_asked_to_stop; /* the client has sent listener->stop_command */

	struct buffer_pool *buffers; /* of all connections */
	struct hub *hub;             /* the same */
	struct registry *registry;
	size_t listener_index;
	enum close_reason (*run)(struct connection *connection); /* the service */
	struct address peer;
	int64_t since_ms; /* clock_monotonic_ms at the accept */
	int64_t ready_ms; /* the same, behind PROXY header and handshake: silence counts from here */
	size_t open_at_accept;             /* connections open then, with this one */
	bool is_health_check;              /* the peer is of probe_from */
	bool is_stuck;                     /* the client did not take what we wrote in time */
	struct stop_command stop_command;  /* how far the client is with it */
	struct stop_request *stop_request; /* of all connections */

	/* Guarded by the registry's lock. */
	bool is_peer_counted;
	bool is_listed;                /* its descriptor may be shut down by others */
	enum close_reason shut_reason; /* why it was, or CLOSE_NONE */
	struct connection *next_free;
};

/*
 * Begins in the client's thread: names the thread "LISTENER/NUMBER", hears from the proxy whom it
 * speaks for where the listener has proxies, and logs the accept, unless that one is to be refused
 * (proxy_peer_is_refused).
 * Returns CLOSE_NONE, or why the client is not served.
 */
enum close_reason connection_open(struct connection *connection) MUST_USE;

/*
 * Begins TLS where the listener speaks it, within timeouts.handshake and timeouts.lifetime, and logs
 * what was agreed on.
 * Returns CLOSE_NONE, CLOSE_TLS, CLOSE_CLIENT_FIN, CLOSE_CLIENT_RESET, CLOSE_LIFETIME or CLOSE_ERROR.
 */
enum close_reason connection_secure(struct connection *connection) MUST_USE;

/*
 * Waits for bytes of the client: until its first byte for timeouts.first_byte, then for
 * timeouts.idle, and never beyond timeouts.lifetime. After stop_command there are no more.
 *   dst   capacity bytes; contents undefined unless CLOSE_NONE
 *   got   1 .. capacity, set on CLOSE_NONE
 * Returns CLOSE_NONE, or why there are none: CLOSE_DONE, CLOSE_CLIENT_FIN, CLOSE_CLIENT_RESET, CLOSE_FIRST_BYTE,
 * CLOSE_IDLE, CLOSE_LIFETIME, CLOSE_TLS, CLOSE_ERROR. Borrows dst.
 */
enum close_reason connection_read(
	struct connection *connection, void *dst, size_t capacity, size_t *got) MUST_USE;

/* What connection_wait waits for besides the client's cutting of the connection. */
struct connection_wait {
	int wake_fd;                   /* readable when another thread has something for this one */
	enum stream_interest interest; /* what of the client */
	int64_t silent_since_ms;       /* when timeouts.idle has begun; 0: it does not count now */
	int64_t until_ms;              /* a time of the caller's own; 0 = none */
};

/*
 * Waits for the client and for another thread at once. Times are those of clock_monotonic_ms. Until
 * the client's first byte timeouts.first_byte, if there is one, takes the place of timeouts.idle.
 *   has_bytes   set on CLOSE_NONE: connection_read_pending has something to tell, if only the end
 * Returns CLOSE_NONE, which may also be for nothing, or CLOSE_CLIENT_FIN (for STREAM_END),
 * CLOSE_CLIENT_RESET, CLOSE_FIRST_BYTE, CLOSE_IDLE, CLOSE_LIFETIME, CLOSE_ERROR.
 */
enum close_reason connection_wait(struct connection *connection, const struct connection_wait *wait,
	bool *has_bytes) MUST_USE;

/*
 * The same, but not beyond a deadline of the service's own.
 *   deadline_ms   as clock_monotonic_ms; 0: none
 *   late          what it returns when that has passed
 */
enum close_reason connection_read_before(struct connection *connection, int64_t deadline_ms,
	enum close_reason late, void *dst, size_t capacity, size_t *got) MUST_USE;

/*
 * Reads what is there, without waiting.
 *   dst   capacity bytes; contents undefined beyond got
 *   got   0 .. capacity, always set
 * Returns CLOSE_NONE, or why no more will come: CLOSE_DONE, CLOSE_CLIENT_FIN, CLOSE_CLIENT_RESET, CLOSE_TLS,
 * CLOSE_ERROR. Borrows dst.
 */
enum close_reason connection_read_pending(
	struct connection *connection, void *dst, size_t capacity, size_t *got) MUST_USE;

/*
 * Throws away some of what the client has sent, without waiting for more.
 * Returns CLOSE_NONE, CLOSE_DONE, CLOSE_CLIENT_FIN, CLOSE_CLIENT_RESET, CLOSE_TLS or
 * CLOSE_ERROR.
 */
enum close_reason connection_discard_pending(struct connection *connection) MUST_USE;

/*
 * Writes all of src, for timeouts.write and never beyond timeouts.lifetime.
 * Returns CLOSE_NONE, CLOSE_CLIENT_RESET, CLOSE_WRITE_TIMEOUT, CLOSE_LIFETIME, CLOSE_TLS or
 * CLOSE_ERROR.
 * Borrows src.
 */
enum close_reason connection_write(
	struct connection *connection, const void *src, size_t length) MUST_USE;

/*
 * Ends the connection: our FIN (with TLS behind our close_notify; the client has timeouts.write for
 * each piece before that) and a linger-read of at most timeouts.linger where the reason has one, then off the registry's list, then the descriptor closed, then the log line. The slot stays
 * taken until registry_release.
 */
void connection_close(struct connection *connection, enum close_reason reason);

#endif
