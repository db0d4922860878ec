/* SPDX-License-Identifier: MIT */
/*
 * Streams in both directions of one connection at once, in constant memory: what one function gives
 * goes out, what comes in goes to another. Neither direction waits for the other, so no peer that
 * reads and writes can deadlock it.
 * Borrows its channel and descriptors. Threads: one per struct.
 */
#ifndef YODEL_CLIENT_DUPLEX_H
#define YODEL_CLIENT_DUPLEX_H

#include "yodel/base/attributes.h"
#include "yodel/client/channel.h"
#include "yodel/client/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { DUPLEX_PIECE_BYTES = 128 * 1024 };

enum duplex_end {
	DUPLEX_CLOSED,      /* the peer has ended its stream */
	DUPLEX_STOPPED,     /* give or take said so; they know why */
	DUPLEX_INTERRUPTED, /* the interrupt's descriptor became readable */
	DUPLEX_FAILED,      /* see the failure */
};

enum { DUPLEX_NOTHING_YET = -1, DUPLEX_STOP = -2 };

struct duplex {
	/* Filled by the caller. */
	const struct request *request;
	struct channel *channel; /* established */
	int input_fd;            /* readable before give is asked; -1: it always has something */
	int interrupt_fd;        /* of interrupt.h, or -1 */
	bool keeps_open;         /* no half-close at the end of what is given */
	void *context;           /* of the functions */
	/*
	 * Gives the next bytes: stores where they are, lent until the next call, and returns how
	 * many; 0 at the end; DUPLEX_NOTHING_YET, with the wake_ms to be asked again at (without an
	 * input_fd); DUPLEX_STOP.
	 */
	ssize_t (*give)(void *context, const char **bytes);
	/* Takes what came. Returns 0, or DUPLEX_STOP. */
	int (*take)(void *context, const char *bytes, size_t length);
	/* Called now and then, at least ten times a second while it is set; may be NULL. */
	void (*tick)(void *context);
	int64_t wake_ms; /* monotonic; 0: now */

	/* Its own; zero at first. */
	const char *out;
	size_t out_length;
	bool is_given; /* nothing comes after out */
	bool is_ended; /* our FIN is sent, or the peer takes no more */
	uint64_t sent, received;
};

/*
 * Runs until one of the ends. No answer for the request's timeout, while there is nothing that the
 * caller is waited for, is a failure.
 */
enum duplex_end duplex_run(struct duplex *duplex, struct failure *failure) MUST_USE;

/*
 * Behind DUPLEX_CLOSED: the peer has ended its stream, but may still read. Sends what waits, and the
 * input for as long as it does not pause for half a second, each piece within the request's timeout; then ends our
 * stream. Returns whether all of the input was sent.
 */
bool duplex_send_rest(struct duplex *duplex) MUST_USE;

#endif
