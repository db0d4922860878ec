/* SPDX-License-Identifier: MIT */
/*
 * The TLS of one stream: what stream.h calls in place of recv(2) and send(2) where a stream has it.
 * It waits as those do: a call waits at most once, for as long as the socket's timeouts say, or with
 * MSG_DONTWAIT not at all; the caller goes on until its time is over. Bytes are counted as the
 * service sees them, not as they are on the wire.
 * Owns OpenSSL's SSL; borrows the descriptor. Threads: one per stream; shutdown(2) from any.
 * Source: SSL_read(3), SSL_write(3), SSL_shutdown(3), BIO_meth_new(3), RFC 8446 6.1.
 */
#ifndef YODEL_TRANSPORT_TLS_STREAM_H
#define YODEL_TRANSPORT_TLS_STREAM_H

#include "yodel/base/attributes.h"
#include "yodel/transport/stream.h"
#include "yodel/transport/tls_certificate.h"
#include "yodel/transport/tls_client.h"
#include "yodel/transport/tls_context.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls;

/* TLS as a server for a connected socket; tls_handshake comes first. NULL where memory is short. */
struct tls *tls_new_server(struct tls_context *context, int fd) MUST_USE;

/* The same as a client, for a socket that may still be connecting. The client outlives it. */
struct tls *tls_new_client(struct tls_client *client, int fd) MUST_USE;

/*
 * Goes on with the handshake.
 * Returns IO_OK when it is over, IO_TIMEOUT where a wait was too short or there is one more to come,
 * IO_EOF where the peer has left without a word, IO_TLS, or IO_ERROR with tls_errno.
 */
enum io tls_handshake(struct tls *tls) MUST_USE;

/*
 * Reads bytes of one record. After IO_TLS, bytes are dropped as they are on the wire, and IO_OK
 * comes with *got = 0: so a linger-read works to the end.
 *   flags   MSG_DONTWAIT, and MSG_PEEK to leave the bytes where they are, or 0
 * Returns IO_OK, IO_EOF (the peer's close_notify), IO_TIMEOUT (also after a record without bytes for
 * us), IO_TLS (also at an end without close_notify), or IO_ERROR with tls_errno.
 */
enum io tls_read(struct tls *tls, void *dst, size_t capacity, int flags, size_t *got) MUST_USE;

/*
 * Writes one record of at most 16 KiB; after IO_TIMEOUT the next call must be for the same bytes, or
 * more behind them.
 *   sent   how many bytes went out, set on IO_OK
 * Returns IO_OK, IO_TIMEOUT, IO_TLS, or IO_ERROR with tls_errno.
 */
enum io tls_write(
	struct tls *tls, const void *src, size_t length, int flags, size_t *sent) MUST_USE;

/*
 * Writes our close_notify; not where TLS has failed, or a record is stuck. In the middle of a message of
 * the protocol's own it has to read on first. Returns as tls_write.
 */
enum io tls_finish(struct tls *tls, int flags) MUST_USE;

/* Whether a read would not have to wait, for decrypted bytes are there. */
bool tls_has_pending(const struct tls *tls);

/* Whether TLS has failed for good, or was given up. */
bool tls_has_failed(const struct tls *tls);

/* Whether the last call has ended because the kernel took no more. */
bool tls_wants_write(const struct tls *tls);

/* How many bytes the kernel has taken, as they are on the wire. */
uint64_t tls_wire_bytes(const struct tls *tls);

/* The errno value of the last IO_ERROR. */
int tls_errno(const struct tls *tls);

/* Gives up: no more TLS is spoken. why: a static text, for tls_failure. */
void tls_give_up(struct tls *tls, const char *why);

/* What failed, after IO_TLS: a static text, like "no shared cipher". */
const char *tls_failure(const struct tls *tls);

enum { TLS_NAME_BYTES = 256 };

/* What a handshake has come to; texts are "" where there is none, and bytes of the peer. */
struct tls_summary {
	const char *version; /* "TLSv1.3"; static */
	const char *cipher;  /* static */
	char server_name[TLS_NAME_BYTES];
	char protocol[TLS_NAME_BYTES]; /* ALPN; protocol_length bytes */
	size_t protocol_length;
	bool is_resumed;
	char subject[TLS_SUBJECT_BYTES]; /* of the peer's certificate */
	char sha256[TLS_DIGEST_BYTES];   /* the same */
};

/* Sums up a handshake that is over. */
void tls_summarize(const struct tls *tls, struct tls_summary *summary);

enum { TLS_CHAIN_MAX = 10 };

/* What the peer has shown of itself. */
struct tls_peer {
	const char *fault; /* why it is not trusted, a static text; NULL: it is */
	size_t count;      /* 0: no certificate was seen */
	size_t more;       /* certificates that the chain has no room for */
	struct tls_certificate chain[TLS_CHAIN_MAX]; /* its own first */
};

/* Tells of the peer of a client, behind a handshake that is over or has failed. */
void tls_describe_peer(const struct tls *tls, struct tls_peer *peer);

/* Frees it; says nothing to the peer. NULL is fine. */
void tls_free(struct tls *tls);

#endif
