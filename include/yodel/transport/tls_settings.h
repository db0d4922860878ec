/* SPDX-License-Identifier: MIT */
/*
 * How a listener speaks TLS: plain values, as the configuration has them.
 * Owned by struct config, constant once built. Threads: any, for reading.
 */
#ifndef YODEL_TRANSPORT_TLS_SETTINGS_H
#define YODEL_TRANSPORT_TLS_SETTINGS_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether clients are asked for a certificate, and may do without. */
enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_OPTIONAL, TLS_VERIFY_REQUIRE };

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* A certificate with its chain, and its private key: names of PEM files. */
struct tls_files {
	char *certificate; /* "" for none */
	char *key;         /* "": it is in the file of the certificate */
};

struct tls_settings {
	struct tls_files files;          /* the default; its certificate is "" for none */
	struct option_list certificates; /* of struct tls_files: more of them, by server name */
	char *client_ca;                 /* "" for none */
	int verify;                      /* enum tls_verify */
	int min_version;                 /* enum tls_version */
	char *ciphers;                   /* of TLS 1.2 */
	struct option_list alpn; /* of char *: protocols, the best first; none: not spoken */
	bool has_tickets;
};

/* How many certificates there are; 0 where TLS is off. */
size_t tls_settings_count(const struct tls_settings *settings) MUST_USE;

/*
 * The files of a certificate.
 *   index   below tls_settings_count; 0 is the default
 * Lent, as long as settings.
 */
const struct tls_files *tls_settings_files(
	const struct tls_settings *settings, size_t index) MUST_USE;

#endif
