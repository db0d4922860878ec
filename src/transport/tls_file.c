/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_file.h"

#include "yodel/base/check.h"
#include "yodel/transport/tls_error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

BIO *tls_file_open(const char *what, const char *path, struct stat *status, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, status) != 0) {
		error_set_errno(error, EX_CONFIG, errno, "cannot read %s %s", what, path);
	} else if (!S_ISREG(status->st_mode)) {
		error_set(
			error, EX_CONFIG, "%s %s: expected a file, got something else", what, path);
	} else {
		FILE *file = fdopen(fd, "r");
		BIO *bio = file == NULL ? NULL : BIO_new_fp(file, BIO_CLOSE);

		if (bio != NULL)
			return bio;
		if (file != NULL) {
			fclose(file);
			fd = -1;
		}
		error_set(error, EX_CONFIG, "no memory for %s %s", what, path);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Whether the last error is the end of the file. */
static bool is_at_end(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

/* OpenSSL takes a failed read for the end of the file. */
static bool is_broken(BIO *bio)
{
	FILE *file = NULL;

	(void)BIO_get_fp(bio, &file);
	return file != NULL && ferror(file) != 0;
}

int tls_file_refuse(
	const char *what, const char *path, const char *kind, BIO *bio, struct error *error)
{
	int number = errno;

	if (is_broken(bio)) {
		ERR_clear_error();
		return error_set_errno(error, EX_CONFIG, number, "cannot read %s %s", what, path);
	}
	return error_set(error, EX_CONFIG, "%s %s: expected a %s in PEM format, got %s", what, path,
		kind, is_at_end() ? (ERR_clear_error(), "none") : tls_error_take());
}

/* Returns 0 at the end of the file, behind at least one certificate; or -1 with error. */
static int read_all(BIO *bio, const char *what, const char *path, STACK_OF(X509) * certificates,
	struct error *error)
{
	X509 *certificate;

	while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		CHECK(sk_X509_push(certificates, certificate) > 0);
	if (sk_X509_num(certificates) == 0 || is_broken(bio) || !is_at_end())
		return tls_file_refuse(what, path, "certificate", bio, error);
	ERR_clear_error();
	return 0;
}

struct stack_st_X509 *tls_file_read_certificates(
	const char *what, const char *path, struct error *error)
{
	struct stat status;
	BIO *bio = tls_file_open(what, path, &status, error);

	if (bio == NULL)
		return NULL;
	STACK_OF(X509) *certificates = sk_X509_new_null();
	CHECK(certificates != NULL);
	if (read_all(bio, what, path, certificates, error) != 0) {
		sk_X509_pop_free(certificates, X509_free);
		certificates = NULL;
	}
	BIO_free(bio);
	return certificates;
}
