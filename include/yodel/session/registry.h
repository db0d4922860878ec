/* SPDX-License-Identifier: MIT */
/*
 * The registry: a fixed table of slots, one for each connection that is served, and the limits on
 * them. A slot goes admit -> unlist -> release. Between admit and unlist the registry may shut its
 * descriptor down; the descriptor is closed only after unlist, so a shutdown never hits a reused
 * number. Owns the slots and all counts; borrows descriptors. Threads: any, after registry_init;
 * one lock guards all. Admission comes from one thread at a time.
 */
#ifndef YODEL_SESSION_REGISTRY_H
#define YODEL_SESSION_REGISTRY_H

#include "yodel/base/attributes.h"
#include "yodel/base/lock.h"
#include "yodel/config/settings.h"
#include "yodel/session/connection.h"
#include "yodel/session/peer_table.h"
#include "yodel/session/token_bucket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the process has done since its start. */
struct totals {
	uint64_t accepted;
	uint64_t refused;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t by_reason[CLOSE_REASON_COUNT]; /* closed and refused */
};

struct registry_settings {
	size_t capacity; /* slots: the limit on all connections */
	struct limits limits;
	unsigned peer_prefix_v4_bits;
	unsigned peer_prefix_v6_bits;
	const struct listener_settings *listeners; /* lent until registry_fini */
	size_t listener_count;
	/* Handed on to every connection; lent until registry_fini. */
	struct buffer_pool *buffers;
	struct placement *placement;
	struct stop_request *stop_request;
	struct hub *hub;
	struct tls_context *tls_contexts; /* one for each listener; NULL: none speaks TLS */
};

struct registry {
	struct registry_settings settings;
	struct lock lock;
	/* Guarded by lock. */
	struct connection *slots;
	struct connection *free_slots; /* released ones, the last on top */
	size_t used_slots;             /* those from here on were never taken */
	struct listener_count *by_listener;
	struct token_bucket bucket;
	struct peer_table peers;
	uint64_t last_number;
	size_t taken;           /* slots, until released */
	size_t open;            /* connections, until unlisted */
	int64_t empty_since_ms; /* while no slot is taken: clock_monotonic_ms when it became so */
	struct totals totals;
};

/* What asks to be let in. */
struct admission {
	int fd;
	struct address peer; /* normalized */
	size_t listener_index;
	enum close_reason (*run)(struct connection *connection);
	int64_t now_ms;
};

/* Makes an empty registry with all its memory. Returns 0, or -1 where memory is short. */
int registry_init(struct registry *registry, const struct registry_settings *settings) MUST_USE;

/* Frees a registry that has no slot taken. */
void registry_fini(struct registry *registry) EXCLUDES(registry->lock);

/*
 * Lets a client in, or says why not: CLOSE_PROXY_HEADER (not from a proxy), CLOSE_DENIED, CLOSE_LIMIT_TOTAL, CLOSE_LIMIT_LISTENER, CLOSE_LIMIT_PEER,
 * CLOSE_RATE. A refusal is counted, and costs the rate limits nothing.
 *   connection   set if CLOSE_NONE is returned; the registry takes admission->fd then
 */
enum close_reason registry_admit(struct registry *registry, const struct admission *admission,
	struct connection **connection) EXCLUDES(registry->lock) MUST_USE;

/*
 * Makes peer the connection's, which a proxy has announced: counts it, and says where it may not be:
 * CLOSE_DENIED, CLOSE_LIMIT_PEER. Once for each connection of a listener with proxy_protocol, which
 * is not counted for a peer before.
 *   peer   as it came; IPv4 may be mapped into IPv6
 */
enum close_reason registry_announce(struct registry *registry, struct connection *connection,
	const struct address *peer) EXCLUDES(registry->lock) MUST_USE;

/* Takes an admission back, as if it were refused for reason; the caller closes the descriptor. */
void registry_retract(struct registry *registry, struct connection *connection,
	enum close_reason reason) EXCLUDES(registry->lock);

/* Counts a client that was turned away before it could ask. */
void registry_count_refusal(struct registry *registry, enum close_reason reason)
	EXCLUDES(registry->lock);

/*
 * Takes a connection off the list and counts its bytes and its end; its descriptor may be closed
 * from now on.
 *   reason   in: what the thread says; out: the reason it was shut down for, if it was
 * Returns the number of connections that are still open.
 */
size_t registry_unlist(struct registry *registry, struct connection *connection,
	enum close_reason *reason) EXCLUDES(registry->lock) MUST_USE;

/* Gives the slot back: connection is not the caller's any more. */
void registry_release(struct registry *registry, struct connection *connection)
	EXCLUDES(registry->lock);

/*
 * Calls shutdown(2) on every listed connection and notes why.
 *   how   SHUT_RD: what has arrived is still read; SHUT_RDWR: a waiting write ends, too
 */
void registry_shut_all(struct registry *registry, int how, enum close_reason reason)
	EXCLUDES(registry->lock);

/* The number of open connections now. */
size_t registry_open_count(struct registry *registry) EXCLUDES(registry->lock);

/* Whether no slot is taken. */
bool registry_is_empty(struct registry *registry) EXCLUDES(registry->lock);

/* Since when no slot has been taken, as clock_monotonic_ms has it; 0 while one is. */
int64_t registry_empty_since_ms(struct registry *registry) EXCLUDES(registry->lock);

/* A copy of the totals. */
struct totals registry_totals(struct registry *registry) EXCLUDES(registry->lock);

#endif
