/* SPDX-License-Identifier: MIT */
#include "tls_support.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static EVP_PKEY *make_key(const char *kind)
{
	EVP_PKEY *key = strcmp(kind, "rsa") == 0 ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	assert_non_null(key);
	return key;
}

static X509 *make_certificate(EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
				 (const unsigned char *)name, -1, -1, 0),
		1);
	assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

void tls_make_pair(
	const char *folder, const char *name, const char *kind, char path[TLS_PATH_BYTES])
{
	EVP_PKEY *key = make_key(kind);
	X509 *certificate = make_certificate(key, name);

	snprintf(path, TLS_PATH_BYTES, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, certificate), 1);
	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

int tls_load_context(
	struct tls_context *context, char *path, enum tls_verify verify, struct error *error)
{
	char none[] = "", ciphers[] = "ECDHE+AESGCM";
	struct tls_settings settings = {
		.files = {.certificate = path, .key = none},
		.client_ca = path,
		.verify = (int)verify,
		.ciphers = ciphers,
		.has_tickets = true,
	};

	tls_context_init(context);
	return tls_context_load(context, &settings, geteuid(), error);
}

void tls_make_context(struct tls_context *context, char *path, enum tls_verify verify)
{
	struct error error;

	if (tls_load_context(context, path, verify, &error) != 0)
		fail_msg("%s", error.message);
}

SSL *tls_connect(int fd, const char *path)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	bool is_good = ctx != NULL;

	if (path != NULL)
		is_good = is_good && SSL_CTX_use_certificate_chain_file(ctx, path) == 1 &&
			  SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) == 1;
	SSL *ssl = is_good ? SSL_new(ctx) : NULL;
	SSL_CTX_free(ctx);
	if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1)
		return ssl;
	SSL_free(ssl);
	return NULL;
}
