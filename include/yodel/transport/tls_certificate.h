/* SPDX-License-Identifier: MIT */
/*
 * What certificates say, as text. Subjects come out as they are written there: whoever prints them
 * escapes them. Owns nothing. Threads: any.
 * Source: RFC 5280, RFC 4514 (names), RFC 3339 (times).
 */
#ifndef YODEL_TRANSPORT_TLS_CERTIFICATE_H
#define YODEL_TRANSPORT_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

struct x509_st; /* OpenSSL's X509 */

enum {
	TLS_SUBJECT_BYTES = 256,
	TLS_NAMES_BYTES = 4096,
	TLS_TIME_BYTES = sizeof "2026-11-20T12:00:00Z",
	TLS_DIGEST_BYTES = 2 * 32 + 1,
};

/* Texts are cut where they are longer. */
struct tls_certificate {
	char subject[TLS_SUBJECT_BYTES]; /* whom it is for, like "CN=client,O=Example" */
	char issuer[TLS_SUBJECT_BYTES];  /* who has signed it */
	/* Hosts and addresses with blanks between them, printable: "localhost 127.0.0.1", or "". */
	char names[TLS_NAMES_BYTES];
	char expires[TLS_TIME_BYTES];  /* "" where that is not well-formed */
	char sha256[TLS_DIGEST_BYTES]; /* of it as DER, in lower-case hexadecimal digits */
	int64_t days_left;             /* whole days; less than 0 where it has expired */
	bool is_early;                 /* not valid yet */
	bool is_expired;
};

/* Reads all that stands there. */
void tls_certificate_read(const struct x509_st *x509, struct tls_certificate *certificate);

/* The subject alone. */
void tls_certificate_subject(const struct x509_st *x509, char text[TLS_SUBJECT_BYTES]);

/* The digest alone. */
void tls_certificate_sha256(const struct x509_st *x509, char text[TLS_DIGEST_BYTES]);

#endif
