/* SPDX-License-Identifier: MIT */
/*
 * PEM files of certificates and keys, which may be anything when they are read again.
 * Owns nothing. Threads: any. Source: PEM_read_bio_X509(3), RFC 7468, open(2).
 */
#ifndef YODEL_TRANSPORT_TLS_FILE_H
#define YODEL_TRANSPORT_TLS_FILE_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <sys/stat.h>

/*
 * Opens a file, which must be a regular one, without waiting for it.
 *   what     names it in the error: "key"
 *   status   as by fstat(2)
 * Returns what OpenSSL reads with, for BIO_free, or NULL with error (EX_CONFIG) naming file and cause.
 */
BIO *tls_file_open(
	const char *what, const char *path, struct stat *status, struct error *error) MUST_USE;

/*
 * Reads all certificates of a file.
 * Returns a STACK_OF(X509) with at least one, which the caller owns, or NULL with error (EX_CONFIG)
 * naming file and cause.
 */
struct stack_st_X509 *tls_file_read_certificates(
	const char *what, const char *path, struct error *error) MUST_USE;

/*
 * Says that a file does not hold what it should, by OpenSSL's last error, or cannot be read, by errno.
 *   kind   what it should: "key"
 *   bio    what it was read with
 * Returns -1.
 */
int tls_file_refuse(
	const char *what, const char *path, const char *kind, BIO *bio, struct error *error);

#endif
