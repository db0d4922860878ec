/* SPDX-License-Identifier: MIT */
/*
 * Where and how the kernel runs clients' threads. Two things help a thread per connection:
 *
 * SCHED_BATCH: a thread that is woken by a message does not push the one aside that runs, so several
 * messages are dealt with at a stretch.
 *
 * Following: a thread that runs on the processor where its client's packets come in finds them in
 * the cache, and nobody has to wake another processor. But where all packets come in on one of
 * several, because they have one sender or one queue, all threads would crowd there while others
 * idle. So each connection says now and then where it comes in, and threads follow only as long as
 * successive connections tend to differ in that, or there is but one.
 *
 * Owns nothing beyond itself. Threads: placement_init before there are others, the rest any.
 * Source: sched(7), sched_setaffinity(2), socket(7) SO_INCOMING_CPU; glibc manual "Restartable
 * Sequences".
 */
#ifndef YODEL_SESSION_PLACEMENT_H
#define YODEL_SESSION_PLACEMENT_H

#include "yodel/base/lock.h"
#include "yodel/config/settings.h"
#include "yodel/transport/stream.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct placement {
	enum affinity affinity;
	cpu_set_t allowed; /* what the process was started with */
	unsigned cpu_count;
	struct lock lock;
	/* Guarded by lock: what connections said, in the order in which they did. */
	uint64_t last_connection;
	int last_cpu;
	unsigned votes;           /* of this round */
	unsigned pairs;           /* successive ones of different connections */
	unsigned agreeing;        /* of these, those on the same processor */
	unsigned contrary_rounds; /* in a row, that spoke against is_following */
	bool is_following;
};

/* Where one connection's thread is. All zero at first. */
struct seat {
	unsigned messages;
	int cpu_plus_1; /* 0: wherever the kernel likes */
};

/*
 * Sets the policy of this thread, which those that it makes inherit, and begins to watch. Also gives
 * up the restartable sequences that glibc registers: the kernel would write to a thread's memory
 * after every switch, for nothing.
 * A policy other than SCHED_OTHER that the process was started with stays.
 * Returns 0, or an errno value where the kernel refuses the policy; the rest works all the same.
 */
int placement_init(struct placement *placement, enum scheduling scheduling, enum affinity affinity);

/* Ends it; no thread uses it any more. */
void placement_fini(struct placement *placement);

/* A connection has received a message; its thread moves if it should. Called by that thread. */
void placement_count(struct placement *placement, struct seat *seat, uint64_t connection,
	const struct stream *stream) EXCLUDES(placement->lock);

/* The connection ends: its thread may run anywhere again. Called by that thread. */
void placement_leave(const struct placement *placement, struct seat *seat);

/*
 * A connection says where it comes in. Returns whether threads should follow.
 *   cpu   0 or more
 */
bool placement_vote(struct placement *placement, uint64_t connection, int cpu)
	EXCLUDES(placement->lock);

#endif
