/* SPDX-License-Identifier: MIT */
/*
 * The connections of a worker, and the messages on them: dialling, sending, comparing, counting, and
 * every way that a connection ends. A slot is used again and again when each message has a
 * connection of its own.
 * A slot owns its descriptor, and the worker its slots. Threads: the worker's.
 */
#ifndef YODEL_CLIENT_LOAD_SLOT_H
#define YODEL_CLIENT_LOAD_SLOT_H

#include "yodel/client/load_stream.h"
#include "yodel/client/load_worker.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* A connection, and the messages on it. */
struct load_slot {
	struct load_stream stream;
	bool is_connecting;
	bool is_securing; /* when connecting: TLS has begun, if there is to be any */
	bool wants_out;   /* something waits for room */
	uint32_t watched; /* what epoll tells of */
	int64_t dialled_ns;
	int64_t moved_ns;            /* the last time that something came */
	uint64_t begun, completed;   /* messages on this connection */
	int64_t *due_ns;             /* a ring of depth: when each that is under way was due */
	struct load_slot *next_free; /* when connecting: of the slots without a connection */
	struct load_slot *next_due;  /* of those that have got something to send */
	bool is_due;                 /* stands in that list */
};

/* How many entries the ring of due times has. */
uint64_t load_slot_ring(const struct load_worker *worker);

/* When a message of this connection was due, of those that are not complete. */
int64_t load_slot_due_ns(
	const struct load_worker *worker, const struct load_slot *slot, uint64_t message);

/* Counts a message as begun; what it adds to the stream is the caller's. due_ns: monotonic. */
void load_slot_begin(struct load_worker *worker, struct load_slot *slot, int64_t due_ns);

/* Counts as lost what was begun and is not complete. */
void load_slot_lose(struct load_worker *worker, struct load_slot *slot);

/* Closes the connection, however it went; what was begun is lost. */
void load_slot_end(struct load_worker *worker, struct load_slot *slot);

/* The same, and counts and keeps a failure: an errno value, and what the connection did. */
void load_slot_fail(
	struct load_worker *worker, struct load_slot *slot, int number, const char *what);

/* Begins to connect. Returns false where that has to be done again: a full Unix socket. */
bool load_slot_dial(struct load_worker *worker, struct load_slot *slot);

/* Sends what is begun, as far as there is room; the connection may have ended then. */
void load_slot_push(struct load_worker *worker, struct load_slot *slot);

/* Begins as many messages as the depth allows where nothing paces them, and sends them. */
void load_slot_go_on(struct load_worker *worker, struct load_slot *slot);

/* Does what an event of epoll asks for. */
void load_slot_handle(struct load_worker *worker, const struct epoll_event *event);

/* Ends our stream; from now on the server's end of its stream is all that is waited for. */
void load_slot_finish(struct load_worker *worker, struct load_slot *slot);

#endif
