/* SPDX-License-Identifier: MIT */
/*
 * One thread of a load: its share of the connections, driven by one epoll.
 * The life of a worker: connect all its connections, say so, wait at the gate, run until the plan
 * stops or its share is done, wait for what is under way, close in order.
 * Threads: the struct is the worker's but for what is said to be shared. Source: epoll(7).
 */
#ifndef YODEL_CLIENT_LOAD_WORKER_H
#define YODEL_CLIENT_LOAD_WORKER_H

#include "yodel/client/load.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_slot;

struct load_worker {
	/* Filled by the one who starts it. */
	const struct load_plan *plan;
	uint64_t number; /* 0 .. threads - 1 */
	int news_fd;     /* eventfd; gets 1 when all is connected, and 1 at the end */
	sem_t *gate;     /* passed before it runs */

	/* Shared, for the progress. */
	_Atomic uint64_t opened_so_far;
	_Atomic uint64_t completed_so_far;

	/* Its own; the result is the starter's once the thread has ended. */
	struct load_result result;
	struct load_slot *slots;
	size_t slot_count;
	struct load_slot *free_slots; /* when connecting */
	struct load_slot *stuck_slot; /* begun, and to be dialled again */
	struct load_slot *due_slots;  /* with messages that are begun and not sent */
	uint64_t first_slot; /* of all threads' slots in a row, the number of its own first */
	size_t connecting;
	size_t alive;       /* slots with a descriptor */
	uint64_t begun;     /* messages */
	uint64_t allowed;   /* messages, by the count */
	uint64_t under_way; /* messages begun and neither whole nor lost */
	uint64_t dials;
	int64_t now_ns;
	int64_t checked_ns;
	int64_t ended_ns;      /* the run, before what was under way was waited for */
	int64_t full_since_ms; /* of dial_may_retry */
	int64_t cpu_begin_ns;  /* -1 until the measuring begins */
	int epoll_fd;
	bool is_closing; /* an end of stream is what we wait for */
	unsigned char *buffer;
};

/* Its share of a number that all workers split. */
uint64_t load_share(uint64_t total, uint64_t threads, uint64_t number);

/* The thread's function; worker is a struct load_worker. Returns NULL. */
void *load_worker_run(void *worker);

#endif
