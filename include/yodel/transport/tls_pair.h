/* SPDX-License-Identifier: MIT */
/*
 * A certificate with its chain and its private key, from PEM files.
 * Owns all three. Threads: any, once loaded. Source: PEM_read_bio_X509(3), RFC 7468.
 */
#ifndef YODEL_TRANSPORT_TLS_PAIR_H
#define YODEL_TRANSPORT_TLS_PAIR_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/transport/tls_settings.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <sys/types.h>

struct tls_pair {
	X509 *certificate;
	STACK_OF(X509) * chain; /* what follows the certificate in its file */
	EVP_PKEY *key;
};

/*
 * Reads both. The key's file must belong to owner or to root, and nobody else may read or change it;
 * its group may read it where that is root's, as it is with credentials of systemd.
 * Returns 0, or -1 with error (EX_CONFIG), which names the file; then there is nothing to free.
 */
int tls_pair_load(struct tls_pair *pair, const struct tls_files *files, uid_t owner,
	struct error *error) MUST_USE;

/* Whether the certificate is for this server name. Source: RFC 6125 6.4. */
bool tls_pair_has_name(const struct tls_pair *pair, const char *name) MUST_USE;

/* Frees what is there; a zeroed struct is fine. */
void tls_pair_free(struct tls_pair *pair);

#endif
