/* SPDX-License-Identifier: MIT */
/*
 * What certificates say, as text for the log. Bytes of theirs come out as they are written there:
 * the log escapes them. Owns nothing. Threads: any. Source: RFC 4514, RFC 3339.
 */
#ifndef YODEL_TRANSPORT_TLS_TEXT_H
#define YODEL_TRANSPORT_TLS_TEXT_H

#include "yodel/transport/tls_context.h"
#include "yodel/transport/tls_stream.h"

#include <openssl/x509.h>

/* Whom it is for, like "CN=client,O=Example"; cut where it is longer. */
void tls_text_subject(const X509 *certificate, char text[TLS_SUBJECT_BYTES]);

/* The SHA-256 of the certificate as DER, in lower-case hexadecimal digits. */
void tls_text_sha256(const X509 *certificate, char text[TLS_DIGEST_BYTES]);

/* A time of it, "2026-11-20T12:00:00Z"; "" where it has none that is well-formed. */
void tls_text_time(const ASN1_TIME *time, char text[TLS_TIME_BYTES]);

#endif
