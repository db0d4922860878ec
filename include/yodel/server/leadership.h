/* SPDX-License-Identifier: MIT */
/*
 * Threads that take turns in leading. One of them leads until it has found work; then a follower
 * leads, and it does that work itself. Afterwards it follows, or ends where enough threads do.
 * Owns its threads, which are detached. Threads: main's, where not said otherwise.
 * Source: Schmidt et al., "Pattern-Oriented Software Architecture" 2, Leader/Followers.
 */
#ifndef YODEL_SERVER_LEADERSHIP_H
#define YODEL_SERVER_LEADERSHIP_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/base/lock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* What the threads are for. */
struct leadership_task {
	const char *thread_name; /* while it leads or follows: at most 15 characters */
	/*
	 * Finds work, in one thread at a time; that has called leadership_ensure_follower before it
	 * returns any. NULL: there will be no more, and all threads end.
	 */
	void *(*lead)(void *context);
	void (*work)(void *context, void *found);
	void *context;
};

struct leadership {
	struct leadership_task task;
	pthread_attr_t thread_attributes;
	int event_fd; /* readable when the last thread has ended */

	struct lock lock;
	pthread_cond_t lead_is_free;
	/* Guarded by lock. */
	bool is_led;
	bool is_over;
	size_t followers; /* threads that wait for the lead, or are on their way to */
	size_t threads;
};

/*
 * Makes the first thread, which waits for leadership_begin.
 *   task          its context is lent until the last thread has ended
 *   stack_bytes   of each thread
 *   event_fd      an eventfd, lent until leadership_fini
 * Returns 0, or -1 with error (EX_OSERR) and nothing to free.
 */
int leadership_init(struct leadership *leadership, const struct leadership_task *task,
	size_t stack_bytes, int event_fd, struct error *error) MUST_USE;

/* Has a thread lead from now on. */
void leadership_begin(struct leadership *leadership) EXCLUDES(leadership->lock);

/*
 * Sees to it that somebody can lead when the caller does not any more. Threads: the leader's.
 * Returns 0, or an errno value where there is no follower and none can be made.
 */
int leadership_ensure_follower(struct leadership *leadership) MUST_USE EXCLUDES(leadership->lock);

/* Whether all threads have ended. */
bool leadership_is_empty(struct leadership *leadership) EXCLUDES(leadership->lock);

/* Frees it where all threads have ended. */
void leadership_fini(struct leadership *leadership) EXCLUDES(leadership->lock);

#endif
