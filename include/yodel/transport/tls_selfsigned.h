/* SPDX-License-Identifier: MIT */
/*
 * Makes a certificate that signs itself, with its key, to try TLS with: an elliptic curve (P-256), for
 * servers and for clients, and for nobody else to be signed by.
 * Owns nothing. Threads: any. Source: RFC 5280 4.2.1, X509_sign(3).
 */
#ifndef YODEL_TRANSPORT_TLS_SELFSIGNED_H
#define YODEL_TRANSPORT_TLS_SELFSIGNED_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/base/option.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Whether text is a name for a certificate: a host's, "*.example.com", or an address. */
bool tls_selfsigned_check_name(const char *text, char why[OPTION_WHY_BYTES]);

/*
 * Writes both as PEM.
 *   names   count good ones, at least 1; the first is that of the subject, too
 *   days    how long it is valid from now on, at least 1
 * Returns 0, or -1 with error (EX_OSERR, EX_IOERR); what the files then have is of no use.
 */
int tls_selfsigned_write(const char *const *names, size_t count, int64_t days, FILE *certificate,
	FILE *key, struct error *error) MUST_USE;

#endif
