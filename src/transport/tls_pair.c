/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_pair.h"

#include "yodel/transport/tls_error.h"
#include "yodel/transport/tls_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

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

static int read_certificates(struct tls_pair *pair, const char *path, struct error *error)
{
	pair->chain = tls_file_read_certificates("certificate", path, error);
	if (pair->chain == NULL)
		return -1;
	pair->certificate = sk_X509_shift(pair->chain);
	return 0;
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
	BIO *bio = tls_file_open("key", path, &status, error);

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
			result = tls_file_refuse("key", path, "key", bio, error);
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
