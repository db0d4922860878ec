/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_pair.h"

#include "yodel/base/check.h"
#include "yodel/transport/tls_error.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Returns what OpenSSL reads with, or NULL with error; status as by fstat(2). */
static BIO *open_file(const char *what, const char *path, struct stat *status, struct error *error)
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

/* The key might be anybody's that may read it. */
static int check_secrecy(
	const char *path, const struct stat *status, uid_t owner, struct error *error)
{
	mode_t forbidden = S_IWGRP | S_IXGRP | S_IRWXO | (status->st_gid != 0 ? S_IRGRP : 0U);

	if ((status->st_mode & forbidden) != 0)
		return error_set(error, EX_CONFIG,
			"key %s: expected a file that only its owner may read, as with mode 0600, got mode %04o",
			path, (unsigned)status->st_mode & 07777);
	if (status->st_uid != owner && status->st_uid != 0)
		return error_set(error, EX_CONFIG,
			"key %s: expected a file of user %u or of root, got one of user %u", path,
			(unsigned)owner, (unsigned)status->st_uid);
	return 0;
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

static int no_pem(const char *what, const char *path, BIO *bio, struct error *error)
{
	int number = errno;

	if (is_broken(bio)) {
		ERR_clear_error();
		return error_set_errno(error, EX_CONFIG, number, "cannot read %s %s", what, path);
	}
	return error_set(error, EX_CONFIG, "%s %s: expected a %s in PEM format, got %s", what, path,
		what, is_at_end() ? (ERR_clear_error(), "none") : tls_error_take());
}

/* The certificates behind the first one. */
static int read_chain(struct tls_pair *pair, BIO *bio, const char *path, struct error *error)
{
	X509 *link;

	while ((link = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		CHECK(sk_X509_push(pair->chain, link) > 0);
	if (is_broken(bio) || !is_at_end())
		return no_pem("certificate", path, bio, error);
	ERR_clear_error();
	return 0;
}

static int read_certificates(struct tls_pair *pair, const char *path, struct error *error)
{
	struct stat status;
	BIO *bio = open_file("certificate", path, &status, error);

	if (bio == NULL)
		return -1;
	pair->chain = sk_X509_new_null();
	pair->certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	int result = pair->certificate == NULL || pair->chain == NULL
			     ? no_pem("certificate", path, bio, error)
			     : read_chain(pair, bio, path, error);
	BIO_free(bio);
	return result;
}

/* Nobody is there to be asked for a passphrase. */
static int has_passphrase(char *text, int capacity, int is_written, void *asked)
{
	(void)text;
	(void)capacity;
	(void)is_written;
	*(bool *)asked = true;
	return -1;
}

static int read_key(struct tls_pair *pair, const char *path, uid_t owner, struct error *error)
{
	struct stat status;
	bool is_encrypted = false;
	BIO *bio = open_file("key", path, &status, error);

	if (bio == NULL)
		return -1;
	int result = check_secrecy(path, &status, owner, error);
	if (result == 0) {
		pair->key = PEM_read_bio_PrivateKey(bio, NULL, has_passphrase, &is_encrypted);
		if (is_encrypted)
			result = error_set(error, EX_CONFIG,
				"key %s: expected a key without a passphrase, got an encrypted one",
				path);
		else if (pair->key == NULL)
			result = no_pem("key", path, bio, error);
	}
	ERR_clear_error();
	BIO_free(bio);
	return result;
}

static int read_both(
	struct tls_pair *pair, const struct tls_files *files, uid_t owner, struct error *error)
{
	const char *key = files->key[0] != '\0' ? files->key : files->certificate;

	if (read_certificates(pair, files->certificate, error) != 0 ||
		read_key(pair, key, owner, error) != 0)
		return -1;
	if (X509_check_private_key(pair->certificate, pair->key) == 1)
		return 0;
	return error_set(error, EX_CONFIG, "key %s does not belong to certificate %s: %s", key,
		files->certificate, tls_error_take());
}

int tls_pair_load(
	struct tls_pair *pair, const struct tls_files *files, uid_t owner, struct error *error)
{
	struct tls_pair read = {.key = NULL};

	ERR_clear_error();
	if (read_both(&read, files, owner, error) != 0) {
		tls_pair_free(&read);
		return -1;
	}
	*pair = read;
	return 0;
}

bool tls_pair_has_name(const struct tls_pair *pair, const char *name)
{
	return X509_check_host(pair->certificate, name, strlen(name),
		       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}

void tls_pair_free(struct tls_pair *pair)
{
	X509_free(pair->certificate);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
	*pair = (struct tls_pair){.key = NULL};
}
