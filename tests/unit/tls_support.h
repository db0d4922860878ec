/* SPDX-License-Identifier: MIT */
/* Certificates in a folder of the test's, and the client's end of a TLS connection. */
#ifndef YODEL_TESTS_UNIT_TLS_SUPPORT_H
#define YODEL_TESTS_UNIT_TLS_SUPPORT_H

#include "support.h"

#include "yodel/transport/tls_context.h"

#include <openssl/ssl.h>

enum { TLS_PATH_BYTES = 128 };

/*
 * Makes a certificate that signs itself, and its key, in one file that only its owner may read.
 *   kind   "rsa" or "ec"
 *   path   set to FOLDER/NAME
 */
void tls_make_pair(
	const char *folder, const char *name, const char *kind, char path[TLS_PATH_BYTES]);

/*
 * Makes a context and loads it with that file as certificate, and as authority of clients where
 * verify is so. Returns what tls_context_load does.
 */
int tls_load_context(struct tls_context *context, char *path, enum tls_verify verify,
	struct error *error) MUST_USE;

/* The same, and asserts that it is loaded. */
void tls_make_context(struct tls_context *context, char *path, enum tls_verify verify);

/*
 * A client's end over a connected socket, after its handshake; TLS 1.3. Any thread.
 *   path   its certificate and key, or NULL
 * Returns NULL where the handshake failed.
 */
SSL *tls_connect(int fd, const char *path);

#endif
