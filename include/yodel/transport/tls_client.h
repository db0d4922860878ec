/* SPDX-License-Identifier: MIT */
/*
 * What all TLS connections of a client have in common: whom it trusts, what it shows of itself, and
 * which names and protocols it asks for. TLS 1.2 and 1.3, nothing is resumed.
 * Owns OpenSSL's SSL_CTX. Threads: new and free one, before and after all others; tls_new_client any.
 * Source: SSL_CTX_new(3), RFC 8446, RFC 6066 3 (server name), RFC 7301 (ALPN), RFC 6125.
 */
#ifndef YODEL_TRANSPORT_TLS_CLIENT_H
#define YODEL_TRANSPORT_TLS_CLIENT_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/base/option.h"
#include "yodel/transport/tls_settings.h"

#include <stdbool.h>

struct ssl_st;     /* OpenSSL's SSL */
struct ssl_ctx_st; /* OpenSSL's SSL_CTX */
struct tls_client;

/* Strings are "" where nothing is said. */
struct tls_client_settings {
	const char *name;       /* who the server must be: a host name or an address; "": anybody */
	const char *ca;         /* file of certificates in PEM; "": those that the system trusts */
	const char *alpn;       /* protocols, the best first, with commas between them */
	struct tls_files files; /* ours; their certificate is "" for none */
	bool is_insecure;       /* whoever it is will do */
};

/*
 * Reads all files. The key's file must be as tls_pair_load asks, its owner root or the user.
 *   settings   borrowed
 * Returns it, or NULL with error (EX_USAGE) that names file and cause.
 */
struct tls_client *tls_client_new(
	const struct tls_client_settings *settings, struct error *error) MUST_USE;

/* Frees it; no connection may outlast it. NULL is fine. */
void tls_client_free(struct tls_client *client);

/* Whether text is a good list of protocols, as the rows of options ask. */
bool tls_client_check_alpn(const char *text, char why[OPTION_WHY_BYTES]);

/* For tls_new_client: what connections are made of; lent. */
struct ssl_ctx_st *tls_client_context(const struct tls_client *client) MUST_USE;

/* For tls_new_client: tells a connection whom to ask for. Returns false where memory is short. */
bool tls_client_prepare(const struct tls_client *client, struct ssl_st *ssl) MUST_USE;

#endif
