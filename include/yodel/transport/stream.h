/* SPDX-License-Identifier: MIT */
/*
 * A connected socket as two byte streams with timeouts, in the clear or with TLS; who reads and
 * writes need not know. In the clear, the one place that calls recv(2) and send(2); with TLS,
 * tls_stream.h does. A timeout is armed in the kernel (SO_RCVTIMEO, SO_SNDTIMEO) and only when it
 * changes, so that a steady exchange costs one system call a read and one a write, and, in the clear,
 * no look at the clock.
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
	IO_TLS,     /* TLS has failed, or has ended without close_notify: see stream_tls_failure */
	IO_ERROR,   /* anything else; the errno is in stream.error_number */
};

struct tls;
struct tls_context;

struct stream {
	int fd;
	int error_number;
	struct tls *tls;           /* NULL in the clear */
	bool is_unix;              /* a Unix socket: see stream_write_all */
	int64_t read_timeout_ms;   /* as armed in the kernel; 0 = none */
	int64_t write_timeout_ms;  /* the same */
	int64_t write_deadline_ms; /* the caller's: no write waits beyond it; 0 = none */
};

enum { STREAM_PIECE_BYTES = 16 * 1024 }; /* what a write timeout is for: see stream_write_all */

/* Takes a connected, blocking descriptor: TCP, or a Unix stream socket. */
void stream_init(struct stream *stream, int fd);

/*
 * Begins TLS as its server, before the first byte.
 *   context      loaded; borrowed
 *   timeout_ms   for all of the handshake, however the peer trickles; 0 waits for ever
 * Returns IO_OK; IO_TLS, also after the time; IO_EOF where the peer has left without a word; IO_RESET
 * or IO_ERROR.
 */
enum io stream_secure(
	struct stream *stream, struct tls_context *context, int64_t timeout_ms) MUST_USE;

/* What has failed, after IO_TLS: a static text, like "no shared cipher". */
const char *stream_tls_failure(const struct stream *stream);

/*
 * Reads what is there, at least one byte, at most capacity. With TLS the time is for a whole record,
 * and one without bytes for us does not begin it anew. After IO_TLS what comes is dropped: IO_OK with
 * *got = 0.
 *   dst          capacity bytes; contents undefined unless IO_OK
 *   timeout_ms   the longest wait; 0 waits for ever
 *   got          set on IO_OK, otherwise left alone
 * Returns IO_OK, IO_EOF, IO_TIMEOUT, IO_RESET, IO_TLS or IO_ERROR. Borrows dst.
 */
enum io stream_read_some(struct stream *stream, void *dst, size_t capacity, int64_t timeout_ms,
	size_t *got) MUST_USE;

/*
 * Like stream_read_some, but does not wait: IO_TIMEOUT where nothing is there now.
 */
enum io stream_read_pending(
	struct stream *stream, void *dst, size_t capacity, size_t *got) MUST_USE;

/* What of the peer ends a wait, besides its cutting of the connection. */
enum stream_interest {
	STREAM_BYTES, /* its next bytes, or the end of its stream */
	STREAM_END,   /* the end of its stream, though bytes before it may not be read */
	STREAM_CUT, /* nothing else: that end is known; a Unix socket's peer can tell no more then */
};

/*
 * Waits for the peer and for another thread at once.
 *   wake_fd       another thread's word; is left as it is
 *   timeout_ms    the longest wait; 0 does not wait, less than 0 waits for ever
 *   has_bytes     set on IO_OK: stream_read_pending has something to tell, if only the end; with
 *                 TLS it may turn out to be no more than a part of a record
 * Returns IO_OK, where wake_fd is readable, too; IO_EOF for STREAM_END; IO_TIMEOUT; IO_RESET, also where
 * both directions were shut down; IO_ERROR. Source: poll(2).
 */
enum io stream_wait(struct stream *stream, enum stream_interest interest, int wake_fd,
	int timeout_ms, bool *has_bytes) MUST_USE;

/*
 * Writes all of src, or as much as the peer takes in the time.
 *   src          length bytes, at least 1
 *   timeout_ms   in which the peer must take STREAM_PIECE_BYTES, or as many bytes as are left of
 *                src, of this or of what was written before; 0 waits for ever
 *   sent         how many bytes were handed to the kernel, always set; with TLS, in whole records
 * Of a Unix socket the kernel tells only when the peer has taken all of what one send(2) gave it. So
 * it is given pieces, and the end of any of them counts: a peer that takes STREAM_PIECE_BYTES in the
 * time is waited for there, too, and one that takes nothing is not.
 * Returns IO_OK (all of it), IO_TIMEOUT, IO_RESET, IO_TLS or IO_ERROR. Borrows src.
 */
enum io stream_write_all(struct stream *stream, const void *src, size_t length, int64_t timeout_ms,
	size_t *sent) MUST_USE;

/*
 * Says that we send no more (with TLS close_notify; then FIN, behind everything written); reading goes
 * on. Where TLS has failed there is only the FIN, which the peer can tell from an orderly end.
 *   timeout_ms   in which the peer must take STREAM_PIECE_BYTES of what is before the close_notify, or
 *                all of it; 0 waits for ever
 * Returns IO_OK, or IO_TIMEOUT where the peer did not take what was before it.
 */
enum io stream_finish(struct stream *stream, int64_t timeout_ms) MUST_USE;

/* Whether the peer has yet to take something that was written. Source: tcp(7) SIOCOUTQ. */
bool stream_has_unsent(const struct stream *stream);

/* The processor that dealt with the last packet from the peer, -1 where it is not known. Source:
 * socket(7) SO_INCOMING_CPU. */
int stream_incoming_cpu(const struct stream *stream);

/*
 * Closes the descriptor; the kernel still delivers what was written. Fine on a closed stream. With
 * TLS, only stream_finish before it makes an orderly end.
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
