/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one connection of a load: a pattern goes out, and the same has to come back.
 * Connections begin at different places of the pattern, so that answers which went to the wrong one
 * are noticed. Owns the channel.
 * Threads: load_stream_prepare in the first, before there are others; a struct belongs to one.
 */
#ifndef YODEL_CLIENT_LOAD_STREAM_H
#define YODEL_CLIENT_LOAD_STREAM_H

#include "yodel/base/attributes.h"
#include "yodel/client/channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOAD_BUFFER_BYTES = 256 * 1024 };

struct load_stream {
	struct channel channel;
	uint32_t base; /* where the pattern begins */
	uint64_t goal; /* how many bytes shall be sent so far */
	uint64_t sent;
	uint64_t received;
};

enum load_io {
	LOAD_IO_OK,
	LOAD_IO_AGAIN,    /* the socket takes or has nothing more now */
	LOAD_IO_END,      /* the peer has ended its stream */
	LOAD_IO_MISMATCH, /* received counts the bytes up to the first wrong one */
	LOAD_IO_FAILED,   /* errno tells */
};

/* Fills the pattern. */
void load_stream_prepare(void);

/*
 * Begins a stream on a descriptor, as channel_open does. The channel has to be secured before the
 * first byte.
 *   number   a different one for each stream
 */
void load_stream_open(
	struct load_stream *stream, int fd, const struct request *request, uint64_t number);

/* Closes the channel; a closed one is fine. */
void load_stream_close(struct load_stream *stream);

/* Sends up to the goal. Returns LOAD_IO_OK when all of it is sent, LOAD_IO_AGAIN or LOAD_IO_FAILED. */
enum load_io load_stream_push(struct load_stream *stream) MUST_USE;

/*
 * Receives once, and compares.
 *   buffer   LOAD_BUFFER_BYTES, borrowed
 * Returns LOAD_IO_OK when something came, or one of the others.
 */
enum load_io load_stream_pull(struct load_stream *stream, unsigned char *buffer) MUST_USE;

#endif
