/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_client.h"

#include "yodel/transport/tls_error.h"
#include "yodel/transport/tls_pair.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { PROTOCOL_MAX_BYTES = 255, ALPN_MAX_BYTES = 1024 };

struct tls_client {
	SSL_CTX *ctx;
	char *server_name; /* to be sent; NULL: none, as for an address (RFC 6066 3) */
};

/* --- ALPN ------------------------------------------------------------------------------------ */

/* Each name behind its length, in place of the comma; wire has room for one byte more than text. */
static bool encode_alpn(const char *text, unsigned char *wire)
{
	for (;;) {
		size_t length = strcspn(text, ",");

		if (length == 0 || length > PROTOCOL_MAX_BYTES)
			return false;
		*wire++ = (unsigned char)length;
		memcpy(wire, text, length);
		wire += length;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

bool tls_client_check_alpn(const char *text, char why[OPTION_WHY_BYTES])
{
	unsigned char wire[ALPN_MAX_BYTES + 1];

	snprintf(why, OPTION_WHY_BYTES,
		"names of protocols of 1 to %d bytes each, with commas between them, at most %d bytes",
		PROTOCOL_MAX_BYTES, ALPN_MAX_BYTES);
	return strlen(text) <= ALPN_MAX_BYTES && encode_alpn(text, wire);
}

static int set_alpn(SSL_CTX *ctx, const char *text, struct error *error)
{
	unsigned char wire[ALPN_MAX_BYTES + 1];

	if (*text == '\0')
		return 0;
	/* Of OpenSSL's functions this is the one that returns 0 for success. */
	if (encode_alpn(text, wire) &&
		SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)strlen(text) + 1) == 0)
		return 0;
	return error_set(error, EX_OSERR, "no memory for the protocols \"%s\"", text);
}

/* --- Who they are, and who we are ------------------------------------------------------------- */

/* "localhost." is the same host; neither certificates nor RFC 6066 3 have the dot. */
static char *without_last_dot(const char *name)
{
	size_t length = strlen(name);

	return strndup(name, length > 1 && name[length - 1] == '.' ? length - 1 : length);
}

static int set_name(struct tls_client *client, const char *name, struct error *error)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(client->ctx);
	bool is_set = true;

	if (*name == '\0')
		return 0;
	if (X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1) {
		client->server_name = without_last_dot(name);
		is_set = client->server_name != NULL &&
			 X509_VERIFY_PARAM_set1_host(param, client->server_name, 0) == 1;
		X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	}
	ERR_clear_error();
	return is_set ? 0 : error_set(error, EX_OSERR, "no memory for the name \"%s\"", name);
}

static int set_trust(SSL_CTX *ctx, const struct tls_client_settings *settings, struct error *error)
{
	SSL_CTX_set_verify(ctx, settings->is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (*settings->ca == '\0') {
		/* Where the system has none, nobody is trusted. */
		(void)SSL_CTX_set_default_verify_paths(ctx);
		ERR_clear_error();
		return 0;
	}
	if (access(settings->ca, R_OK) != 0)
		return error_set_errno(
			error, EX_USAGE, errno, "--ca: cannot read %s", settings->ca);
	if (SSL_CTX_load_verify_file(ctx, settings->ca) == 1)
		return 0;
	return error_set(error, EX_USAGE, "--ca %s: expected certificates in PEM format: %s",
		settings->ca, tls_error_take());
}

static int set_certificate(
	SSL_CTX *ctx, const struct tls_client_settings *settings, struct error *error)
{
	struct tls_pair pair;
	int result = 0;

	if (*settings->files.certificate == '\0')
		return 0;
	if (tls_pair_load(&pair, &settings->files, geteuid(), error) != 0)
		return -1;
	if (SSL_CTX_use_cert_and_key(ctx, pair.certificate, pair.key, pair.chain, 1) != 1)
		result = error_set(error, EX_USAGE, "certificate %s cannot be used: %s",
			settings->files.certificate, tls_error_take());
	tls_pair_free(&pair);
	return result;
}

static void set_manners(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

/* --- All of it ------------------------------------------------------------------------------- */

struct tls_client *tls_client_new(const struct tls_client_settings *settings, struct error *error)
{
	/* Threads may be in OpenSSL when the program ends. */
	bool is_started = OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
	struct tls_client *client = calloc(1, sizeof *client);

	if (client != NULL && is_started)
		client->ctx = SSL_CTX_new(TLS_client_method());
	if (client == NULL || client->ctx == NULL) {
		error_set(error, EX_OSERR, "no memory for TLS: %s", tls_error_take());
	} else {
		set_manners(client->ctx);
		if (set_trust(client->ctx, settings, error) == 0 &&
			set_name(client, settings->name, error) == 0 &&
			set_certificate(client->ctx, settings, error) == 0 &&
			set_alpn(client->ctx, settings->alpn, error) == 0)
			return client;
	}
	tls_client_free(client);
	return NULL;
}

void tls_client_free(struct tls_client *client)
{
	if (client == NULL)
		return;
	SSL_CTX_free(client->ctx);
	free(client->server_name);
	free(client);
}

SSL_CTX *tls_client_context(const struct tls_client *client)
{
	return client->ctx;
}

bool tls_client_prepare(const struct tls_client *client, SSL *ssl)
{
	SSL_set_connect_state(ssl);
	return client->server_name == NULL ||
	       SSL_set_tlsext_host_name(ssl, client->server_name) == 1;
}
