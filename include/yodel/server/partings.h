/* SPDX-License-Identifier: MIT */
/*
 * Refused clients that were told why and still have to close: each is read from until it does or
 * its time is up, so that no reset overtakes our words. A few at a time; one more ends the oldest.
 * Owns the descriptors handed to it. Threads: the accepting one.
 */
#ifndef YODEL_SERVER_PARTINGS_H
#define YODEL_SERVER_PARTINGS_H

#include "yodel/base/attributes.h"

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct partings {
	struct parting {
		int fd;
		int64_t deadline_ms;
	} * entries; /* oldest first */
	size_t count;
	size_t capacity;
};

/* Makes room for capacity clients, which may be 0. Returns 0, or -1 where memory is short. */
int partings_init(struct partings *partings, size_t capacity) MUST_USE;

/* Closes all and frees the room. */
void partings_fini(struct partings *partings);

/*
 * Sends text, then our FIN, and waits for the client's until deadline_ms without blocking. Takes fd.
 *   text   length bytes, at least 1; short enough for an empty send buffer
 */
void partings_add(
	struct partings *partings, int fd, const char *text, size_t length, int64_t deadline_ms);

/* Fills count entries of a poll set. */
void partings_fill(const struct partings *partings, struct pollfd *set);

/*
 * Reads from the clients that poll(2) found readable; closes those that have closed and those whose
 * time is up.
 *   set   as partings_fill filled it, after poll(2)
 */
void partings_serve(struct partings *partings, const struct pollfd *set, int64_t now_ms);

/* The first deadline, 0 without any. */
int64_t partings_deadline_ms(const struct partings *partings);

#endif
