/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_stream.h"

#include "yodel/base/check.h"
#include "yodel/transport/tls_certificate.h"
#include "yodel/transport/tls_error.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct tls {
	SSL *ssl;
	int fd;
	int flags; /* of the next recv(2) or send(2) */
	int error_number;
	bool has_heard;      /* a byte of the peer */
	bool is_cut;         /* recv(2) has met the end of the stream */
	bool is_finished;    /* our close_notify is sent */
	uint64_t wire_bytes; /* that the kernel has taken */
	const char *failure; /* NULL while TLS works */
};

/* --- OpenSSL's way to the socket --------------------------------------------------------------- */

static int fail_with_errno(struct tls *tls, BIO *bio, int retry)
{
	if (errno == EAGAIN)
		BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
	else
		tls->error_number = errno;
	return -1;
}

/* What has moved something does not wait again: the caller looks at the time in between. */
static int receive(BIO *bio, char *dst, int capacity)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t count;

	BIO_clear_retry_flags(bio);
	do
		count = recv(tls->fd, dst, (size_t)capacity, tls->flags);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return fail_with_errno(tls, bio, BIO_FLAGS_READ);
	tls->flags |= MSG_DONTWAIT;
	tls->is_cut = count == 0;
	tls->has_heard |= count > 0;
	return (int)count;
}

/* What OpenSSL would answer to new keys behind our close_notify is nobody's: RFC 8446 6.1. */
static int transmit(BIO *bio, const char *src, int length)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t count;

	BIO_clear_retry_flags(bio);
	if (tls->is_finished)
		return length;
	do
		count = send(tls->fd, src, (size_t)length, tls->flags | MSG_NOSIGNAL);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return fail_with_errno(tls, bio, BIO_FLAGS_WRITE);
	tls->flags |= MSG_DONTWAIT;
	tls->wire_bytes += (uint64_t)count;
	return (int)count;
}

/* Not BIO_CTRL_EOF: after it OpenSSL would not let us send our close_notify. */
static long control(BIO *bio, int command, long number, void *argument)
{
	(void)bio, (void)number, (void)argument;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *socket_method;

static void make_socket_method(void)
{
	socket_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	CHECK(socket_method != NULL && BIO_meth_set_read(socket_method, receive) == 1 &&
		BIO_meth_set_write(socket_method, transmit) == 1 &&
		BIO_meth_set_ctrl(socket_method, control) == 1);
}

static BIO *new_bio(struct tls *tls)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	CHECK(pthread_once(&once, make_socket_method) == 0);
	BIO *bio = BIO_new(socket_method);
	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	return bio;
}

/* --- Its life ---------------------------------------------------------------------------------- */

static struct tls *make(SSL_CTX *ctx, int fd)
{
	struct tls *tls = calloc(1, sizeof *tls);
	SSL *ssl = SSL_new(ctx);
	BIO *bio = tls == NULL ? NULL : new_bio(tls);

	if (ssl == NULL || bio == NULL) {
		BIO_free(bio);
		SSL_free(ssl);
		free(tls);
		ERR_clear_error();
		return NULL;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	/* A record without bytes for us ends a read, so that its time can be looked at. */
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
	*tls = (struct tls){.ssl = ssl, .fd = fd};
	return tls;
}

struct tls *tls_new_server(struct tls_context *context, int fd)
{
	SSL_CTX *ctx = tls_context_take(context);
	struct tls *tls = make(ctx, fd);

	SSL_CTX_free(ctx);
	if (tls != NULL)
		SSL_set_accept_state(tls->ssl);
	return tls;
}

struct tls *tls_new_client(struct tls_client *client, int fd)
{
	struct tls *tls = make(tls_client_context(client), fd);

	if (tls != NULL && !tls_client_prepare(client, tls->ssl)) {
		tls_free(tls);
		ERR_clear_error();
		return NULL;
	}
	return tls;
}

void tls_free(struct tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	free(tls);
}

/* --- Reading and writing ----------------------------------------------------------------------- */

void tls_give_up(struct tls *tls, const char *why)
{
	if (tls->failure == NULL)
		tls->failure = why;
}

/* A certificate that was refused has a reason of its own, which tells more than OpenSSL's error. */
static const char *failure_of(const struct tls *tls)
{
	unsigned long code = ERR_peek_last_error();
	long verdict = SSL_get_verify_result(tls->ssl);
	const char *text = tls_error_take();

	if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
		ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
		return X509_verify_cert_error_string(verdict);
	return text;
}

static void begin(struct tls *tls, int flags)
{
	ERR_clear_error();
	tls->flags = flags;
	tls->error_number = 0;
	tls->is_cut = false;
}

/* Why a call of OpenSSL has not done what it was called for. */
static enum io outcome(struct tls *tls, int result)
{
	int error = SSL_get_error(tls->ssl, result);

	if (tls->error_number != 0)
		return IO_ERROR;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return IO_TIMEOUT;
	if (error == SSL_ERROR_ZERO_RETURN)
		return IO_EOF;
	if (!tls->is_cut)
		tls_give_up(tls, failure_of(tls));
	return IO_TLS;
}

enum io tls_handshake(struct tls *tls)
{
	begin(tls, 0);
	int result = SSL_do_handshake(tls->ssl);
	if (result == 1)
		return IO_OK;
	enum io io = outcome(tls, result);
	if (!tls->is_cut)
		return io;
	tls_give_up(tls, "the peer has closed in the handshake");
	return tls->has_heard ? IO_TLS : IO_EOF;
}

/* What comes after a failure means nothing any more. */
static enum io drop(struct tls *tls, void *dst, size_t capacity, int flags, size_t *got)
{
	ssize_t count;

	do
		count = recv(tls->fd, dst, capacity, flags);
	while (count < 0 && errno == EINTR);
	if (count == 0)
		return IO_EOF;
	if (count < 0) {
		tls->error_number = errno;
		return IO_ERROR;
	}
	*got = 0;
	return IO_OK;
}

enum io tls_read(struct tls *tls, void *dst, size_t capacity, int flags, size_t *got)
{
	if (tls->failure != NULL)
		return drop(tls, dst, capacity, flags, got);
	int length = capacity > INT_MAX ? INT_MAX : (int)capacity;
	begin(tls, flags & ~MSG_PEEK);
	int result = (flags & MSG_PEEK) != 0 ? SSL_peek(tls->ssl, dst, length)
					     : SSL_read(tls->ssl, dst, length);
	if (result <= 0)
		return outcome(tls, result);
	*got = (size_t)result;
	return IO_OK;
}

enum io tls_write(struct tls *tls, const void *src, size_t length, int flags, size_t *sent)
{
	if (tls->failure != NULL)
		return IO_TLS;
	begin(tls, flags);
	int result = SSL_write(tls->ssl, src, length > INT_MAX ? INT_MAX : (int)length);
	if (result <= 0)
		return outcome(tls, result);
	*sent = (size_t)result;
	return IO_OK;
}

enum io tls_finish(struct tls *tls, int flags)
{
	if (tls->failure != NULL)
		return IO_TLS;
	begin(tls, flags);
	int result = SSL_in_init(tls->ssl) ? SSL_do_handshake(tls->ssl) : 1;
	if (result == 1) {
		result = SSL_shutdown(tls->ssl);
		tls->is_finished = result >= 0; /* 0: the peer's is yet to come */
	}
	if (tls->is_finished)
		return IO_OK;
	enum io io = outcome(tls, result);
	return io == IO_EOF ? IO_TLS : io;
}

bool tls_has_pending(const struct tls *tls)
{
	return SSL_pending(tls->ssl) > 0;
}

bool tls_has_failed(const struct tls *tls)
{
	return tls->failure != NULL;
}

bool tls_wants_write(const struct tls *tls)
{
	return SSL_want_write(tls->ssl);
}

uint64_t tls_wire_bytes(const struct tls *tls)
{
	return tls->wire_bytes;
}

int tls_errno(const struct tls *tls)
{
	return tls->error_number;
}

const char *tls_failure(const struct tls *tls)
{
	return tls->failure != NULL ? tls->failure : "the stream has ended without close_notify";
}

/* --- What was agreed on ------------------------------------------------------------------------ */

void tls_summarize(const struct tls *tls, struct tls_summary *summary)
{
	const char *server_name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
	X509 *certificate = SSL_get1_peer_certificate(tls->ssl);
	const unsigned char *protocol;
	unsigned length;

	SSL_get0_alpn_selected(tls->ssl, &protocol, &length);
	*summary = (struct tls_summary){
		.version = SSL_get_version(tls->ssl),
		.cipher = SSL_get_cipher_name(tls->ssl),
		.protocol_length = length,
		.is_resumed = SSL_session_reused(tls->ssl) == 1,
	};
	CHECK(length < TLS_NAME_BYTES);
	if (length > 0)
		memcpy(summary->protocol, protocol, length);
	snprintf(summary->server_name, sizeof summary->server_name, "%s",
		server_name != NULL ? server_name : "");
	if (certificate == NULL)
		return;
	tls_certificate_subject(certificate, summary->subject);
	tls_certificate_sha256(certificate, summary->sha256);
	X509_free(certificate);
}

void tls_describe_peer(const struct tls *tls, struct tls_peer *peer)
{
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(tls->ssl);
	long verdict = SSL_get_verify_result(tls->ssl);

	peer->fault = verdict == X509_V_OK ? NULL : X509_verify_cert_error_string(verdict);
	size_t length = chain != NULL ? (size_t)sk_X509_num(chain) : 0;
	peer->count = length < TLS_CHAIN_MAX ? length : TLS_CHAIN_MAX;
	peer->more = length - peer->count;
	for (size_t i = 0; i < peer->count; i++)
		tls_certificate_read(sk_X509_value(chain, (int)i), &peer->chain[i]);
}
