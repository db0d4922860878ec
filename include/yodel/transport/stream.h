/* SPDX-License-Identifier: MIT */
/*
 * A connected socket as two byte streams with timeouts. The one place that calls recv(2) and
 * send(2). A timeout is armed in the kernel (SO_RCVTIMEO, SO_SNDTIMEO) and only when it changes, so
 * that a steady exchange costs one system call a read and one a write, and no look at the clock.
 * Owns the descriptor from stream_init to stream_close. Threads: one per stream.
 * Source: recv(2), send(2), socket(7), RFC 9293 3.6.
 */
#ifndef YODEL_TRANSPORT_STREAM_H
#define YODEL_TRANSPORT_STREAM_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum io {
	IO_OK,
	IO_EOF,     /* the peer has closed its side */
	IO_TIMEOUT, /* the time given ran out first */
	IO_RESET,   /* the peer has cut the connection */
	IO_ERROR,   /* anything else; the errno is in stream.error_number */
};

struct stream {
	int fd;
	int error_number;
	bool is_unix;              /* a Unix socket: see stream_write_all */
	int64_t read_timeout_ms;   /* as armed in the kernel; 0 = none */
	int64_t write_timeout_ms;  /* the same */
	int64_t write_deadline_ms; /* the caller's: no write waits beyond it; 0 = none */
};

enum { STREAM_PIECE_BYTES = 16 * 1024 }; /* what a write timeout is for: see stream_write_all */

/* Takes a connected, blocking descriptor: TCP, or a Unix stream socket. */
void stream_init(struct stream *stream, int fd);

/*
 * Reads what is there, at least one byte, at most capacity.
 *   dst          capacity bytes; contents undefined unless IO_OK
 *   timeout_ms   the longest wait; 0 waits for ever
 *   got          set on IO_OK, otherwise left alone
 * Returns IO_OK, IO_EOF, IO_TIMEOUT, IO_RESET or IO_ERROR. Borrows dst.
 */
enum io stream_read_some(struct stream *stream, void *dst, size_t capacity, int64_t timeout_ms,
	size_t *got) MUST_USE;

/*
 * Like stream_read_some, but does not wait: IO_TIMEOUT where nothing is there now.
 */
enum io stream_read_pending(
	struct stream *stream, void *dst, size_t capacity, size_t *got) MUST_USE;

/*
 * Waits for the peer and for another thread at once.
 *   wants_bytes   whether a byte of the peer, or the end of its stream, ends the wait
 *   wake_fd       another thread's word; is left as it is
 *   timeout_ms    the longest wait; 0 does not wait, less than 0 waits for ever
 *   has_bytes     set on IO_OK: stream_read_pending has something to tell, if only the end
 * Returns IO_OK, where wake_fd is readable, too; IO_TIMEOUT; IO_RESET, also where both directions were
 * shut down; IO_ERROR. Source: poll(2).
 */
enum io stream_wait(struct stream *stream, bool wants_bytes, int wake_fd, int timeout_ms,
	bool *has_bytes) MUST_USE;

/*
 * Writes all of src, or as much as the peer takes in the time.
 *   src          length bytes, at least 1
 *   timeout_ms   in which the peer must take STREAM_PIECE_BYTES, or as many bytes as are left of
 *                src, of this or of what was written before; 0 waits for ever
 *   sent         how many bytes were handed to the kernel, always set
 * Of a Unix socket the kernel tells only when the peer has taken all of what one send(2) gave it. So
 * it is given pieces, and the end of any of them counts: a peer that takes STREAM_PIECE_BYTES in the
 * time is waited for there, too, and one that takes nothing is not.
 * Returns IO_OK (all of it), IO_TIMEOUT, IO_RESET or IO_ERROR. Borrows src.
 */
enum io stream_write_all(struct stream *stream, const void *src, size_t length, int64_t timeout_ms,
	size_t *sent) MUST_USE;

/* Says that we send no more (FIN, behind everything written); reading goes on. */
void stream_finish(struct stream *stream);

/* Whether the peer has yet to take something that was written. Source: tcp(7) SIOCOUTQ. */
bool stream_has_unsent(const struct stream *stream);

/* The processor that dealt with the last packet from the peer, -1 where it is not known. Source:
 * socket(7) SO_INCOMING_CPU. */
int stream_incoming_cpu(const struct stream *stream);

/*
 * Closes the descriptor; the kernel still delivers what was written. Fine on a closed stream.
 *   delivery_ms   how long it may try while the peer takes nothing; 0 leaves that to the kernel, which
 *                 may hold the bytes for many minutes. Source: tcp(7) TCP_USER_TIMEOUT, RFC 5482.
 */
void stream_close(struct stream *stream, int64_t delivery_ms);

/*
 * Closes the descriptor with a reset; what was written and not yet taken is dropped, so that a peer
 * that does not read leaves no memory behind in the kernel. Source: socket(7) SO_LINGER.
 */
void stream_abort(struct stream *stream);

#endif
