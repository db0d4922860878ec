/* SPDX-License-Identifier: MIT */
/*
 * What a TLS listener has for all its clients: certificates with their keys, and how it speaks TLS.
 * It can be loaded anew while it is in use: whoever has begun keeps what it began with.
 * Owns OpenSSL's SSL_CTX. Threads: init, load and fini one, before and after all others or beside
 * them; certificates of it the same one; take any.
 * Source: SSL_CTX_new(3), RFC 8446, RFC 5246, RFC 6066 3 (server name), RFC 7301 (ALPN), RFC 9325.
 */
#ifndef YODEL_TRANSPORT_TLS_CONTEXT_H
#define YODEL_TRANSPORT_TLS_CONTEXT_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/base/lock.h"
#include "yodel/transport/tls_certificate.h"
#include "yodel/transport/tls_settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

struct tls_context {
	struct lock lock;
	struct ssl_ctx_st *current; /* guarded by lock; NULL until loaded */
	bool is_loaded;             /* constant once there are other threads */
};

/* Makes an empty context. */
void tls_context_init(struct tls_context *context);

/* Frees it; connections may outlast it. */
void tls_context_fini(struct tls_context *context) EXCLUDES(context->lock);

/*
 * Reads all files and takes them for connections that begin from now on.
 *   settings   with a certificate; borrowed
 *   owner      a user who may own the files of keys, beside root
 * Returns 0, or -1 with error (EX_CONFIG) that names file and cause; then what was loaded before
 * stays.
 */
int tls_context_load(struct tls_context *context, const struct tls_settings *settings, uid_t owner,
	struct error *error) EXCLUDES(context->lock) MUST_USE;

/*
 * Tells about one of the certificates that are in effect.
 *   index   as for tls_settings_files, of the settings that were loaded last
 */
void tls_context_describe(
	const struct tls_context *context, size_t index, struct tls_certificate *certificate);

/* The context for a connection that begins now: SSL_CTX_free is the caller's to call. */
struct ssl_ctx_st *tls_context_take(struct tls_context *context) EXCLUDES(context->lock) MUST_USE;

#endif
