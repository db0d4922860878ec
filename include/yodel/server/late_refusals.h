/* SPDX-License-Identifier: MIT */
/*
 * Clients that were let in before their proxy announced who they are, and may not stay: their threads
 * hand them to the one that leads the accept loop, which turns them away as it does the others. So
 * neither a thread nor a slot waits for them to leave, and their log lines are held back alike.
 * Owns the list; borrows connections. Threads: main for init and fini, else any; one lock guards all.
 */
#ifndef YODEL_SERVER_LATE_REFUSALS_H
#define YODEL_SERVER_LATE_REFUSALS_H

#include "yodel/base/attributes.h"
#include "yodel/base/lock.h"
#include "yodel/session/close_reason.h"
#include "yodel/session/connection.h"

#include <stdbool.h>
#include <stddef.h>

struct late_refusal {
	struct connection *connection;
	enum close_reason reason;
};

struct late_refusals {
	struct lock lock;
	/* Guarded by lock. */
	struct late_refusal *entries;
	size_t count;
};

/* Makes an empty list for as many connections as there can be. Returns 0, or -1 where memory is short. */
int late_refusals_init(struct late_refusals *late, size_t capacity) MUST_USE;

/* Frees an empty list. */
void late_refusals_fini(struct late_refusals *late) EXCLUDES(late->lock);

/* Hands a connection over, with its slot and its descriptor. */
void late_refusals_add(struct late_refusals *late, struct connection *connection,
	enum close_reason reason) EXCLUDES(late->lock);

/* Takes one. Returns false where there is none. */
bool late_refusals_take(struct late_refusals *late, struct late_refusal *refusal)
	EXCLUDES(late->lock) MUST_USE;

#endif
