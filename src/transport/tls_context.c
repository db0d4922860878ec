/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_context.h"

#include "yodel/base/check.h"
#include "yodel/transport/tls_error.h"
#include "yodel/transport/tls_file.h"
#include "yodel/transport/tls_pair.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* What is ours in an SSL_CTX; it lives as long as that does. */
struct content {
	unsigned char *protocols; /* each behind its length, as in RFC 7301 3.1 */
	unsigned protocols_length;
	size_t count;
	struct tls_pair pairs[];
};

static void free_content(
	void *parent, void *value, CRYPTO_EX_DATA *data, int index, long number, void *argument)
{
	struct content *content = value;

	(void)parent, (void)data, (void)index, (void)number, (void)argument;
	if (content == NULL)
		return;
	for (size_t i = 0; i < content->count; i++)
		tls_pair_free(&content->pairs[i]);
	free(content->protocols);
	free(content);
}

static int content_index = -1;

/*
 * OpenSSL must not clean up at exit: a thread that has counted itself out, or is left behind, may
 * still be in it.
 */
static void start_openssl(void)
{
	CHECK(OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) == 1);
	content_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_content);
	CHECK(content_index >= 0);
}

static struct content *content_of(const SSL_CTX *ctx)
{
	return SSL_CTX_get_ex_data(ctx, content_index);
}

/* Makes room for the pairs, which ctx then owns. Returns NULL where memory is short. */
static struct content *add_content(SSL_CTX *ctx, size_t pairs)
{
	struct content *content = calloc(1, sizeof *content + pairs * sizeof *content->pairs);

	if (content == NULL || SSL_CTX_set_ex_data(ctx, content_index, content) == 1)
		return content;
	free(content);
	return NULL;
}

/* --- What clients ask for ---------------------------------------------------------------------- */

/*
 * Of several certificates those for the name that the client has said, else the first. Of two of one kind
 * the one in front stays, for it is laid on last.
 */
static int choose_pairs(SSL *ssl, void *argument)
{
	const struct content *content = argument;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	bool is_first = true;

	for (size_t i = content->count; name != NULL && i-- > 0;) {
		const struct tls_pair *pair = &content->pairs[i];

		if (!tls_pair_has_name(pair, name))
			continue;
		if (is_first)
			SSL_certs_clear(ssl);
		is_first = false;
		if (SSL_use_cert_and_key(ssl, pair->certificate, pair->key, pair->chain, 1) != 1)
			return 0;
	}
	return 1;
}

/* Our list decides. RFC 7301 3.2: without a protocol in common the handshake fails. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *length,
	const unsigned char *offered, unsigned offered_length, void *argument)
{
	const struct content *content = argument;
	unsigned char *found;

	(void)ssl;
	if (SSL_select_next_proto(&found, length, content->protocols, content->protocols_length,
		    offered, offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*chosen = found;
	return SSL_TLSEXT_ERR_OK;
}

/* --- Making one -------------------------------------------------------------------------------- */

static int set_versions(SSL_CTX *ctx, const struct tls_settings *settings, struct error *error)
{
	int least = settings->min_version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

	SSL_CTX_set_security_level(ctx, 2);
	if (SSL_CTX_set_min_proto_version(ctx, least) == 1 &&
		SSL_CTX_set_max_proto_version(ctx, 0) == 1 &&
		SSL_CTX_set_cipher_list(ctx, settings->ciphers) == 1)
		return 0;
	return error_set(error, EX_CONFIG,
		"ciphers \"%s\": expected ciphers of TLS 1.2, as openssl-ciphers(1) has them: %s",
		settings->ciphers, tls_error_take());
}

/*
 * In OpenSSL's order, and no finite fields: those cost a server more than who asks for them
 * (CVE-2002-20001). A list with a curve that the provider lacks, as that of FIPS 140 may, would be
 * refused as a whole, and leave OpenSSL's own.
 */
static int set_curves(SSL_CTX *ctx, struct error *error)
{
	char curves[][sizeof "X25519"] = {"X25519", "P-256", "X448", "P-521", "P-384"};
	char list[64] = "";
	size_t length = 0;

	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (SSL_CTX_set1_groups_list(ctx, curves[i]) == 1)
			length += (size_t)snprintf(list + length, sizeof list - length, "%s%s",
				length > 0 ? ":" : "", curves[i]);
	ERR_clear_error();
	if (length > 0 && SSL_CTX_set1_groups_list(ctx, list) == 1)
		return 0;
	return error_set(error, EX_CONFIG,
		"TLS: expected OpenSSL's providers to have an elliptic curve (X25519, P-256, X448, P-521 or P-384), got none");
}

/* What OpenSSL does not default to, or not for good. */
static void set_manners(SSL_CTX *ctx, const struct tls_settings *settings)
{
	static const unsigned char issuer[] = "yodel";

	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	/* Sessions are resumed by tickets, which the clients keep, or not at all. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_session_id_context(ctx, issuer, sizeof issuer);
	if (settings->has_tickets)
		return;
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	(void)SSL_CTX_set_num_tickets(ctx, 0);
}

static bool is_announced(const SSL_CTX *ctx, const X509_NAME *name)
{
	const STACK_OF(X509_NAME) *names = SSL_CTX_get_client_CA_list(ctx);

	for (int i = 0; i < sk_X509_NAME_num(names); i++)
		if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
			return true;
	return false;
}

/*
 * Clients are told the names of those they may choose a certificate of: once, though an authority
 * with an old key and a new one has two certificates.
 */
static void trust(SSL_CTX *ctx, X509 *authority)
{
	CHECK(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), authority) == 1);
	if (!is_announced(ctx, X509_get_subject_name(authority)))
		CHECK(SSL_CTX_add_client_CA(ctx, authority) == 1);
}

static int set_client_check(SSL_CTX *ctx, const struct tls_settings *settings, struct error *error)
{
	static const int modes[] = {
		[TLS_VERIFY_NONE] = SSL_VERIFY_NONE,
		[TLS_VERIFY_OPTIONAL] = SSL_VERIFY_PEER,
		[TLS_VERIFY_REQUIRE] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
	};

	if (settings->verify == TLS_VERIFY_NONE)
		return 0;
	STACK_OF(X509) *authorities = tls_file_read_certificates(
		"client_ca", settings->client_ca, error);
	if (authorities == NULL)
		return -1;
	for (int i = 0; i < sk_X509_num(authorities); i++)
		trust(ctx, sk_X509_value(authorities, i));
	sk_X509_pop_free(authorities, X509_free);
	SSL_CTX_set_verify(ctx, modes[settings->verify], NULL);
	return 0;
}

static int set_protocols(SSL_CTX *ctx, struct content *content, const struct tls_settings *settings,
	struct error *error)
{
	char *const *names = settings->alpn.items;
	unsigned char *end;
	size_t bytes = 0;

	if (settings->alpn.count == 0)
		return 0;
	for (size_t i = 0; i < settings->alpn.count; i++)
		bytes += 1 + strlen(names[i]);
	content->protocols = end = malloc(bytes);
	if (end == NULL)
		return error_set(error, EX_OSERR, "no memory for alpn");
	for (size_t i = 0; i < settings->alpn.count; i++) {
		size_t length = strlen(names[i]);

		*end++ = (unsigned char)length;
		memcpy(end, names[i], length);
		end += length;
	}
	content->protocols_length = (unsigned)bytes;
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, content);
	return 0;
}

static int use_pair(
	SSL_CTX *ctx, const struct tls_pair *pair, const char *file, struct error *error)
{
	if (SSL_CTX_use_cert_and_key(ctx, pair->certificate, pair->key, pair->chain, 1) == 1)
		return 0;
	return error_set(
		error, EX_CONFIG, "certificate %s cannot be used: %s", file, tls_error_take());
}

/* A certificate other than the first is set at a handshake: whether it can be is tried here. */
static int try_pair(const struct tls_pair *pair, const char *file, struct error *error)
{
	SSL_CTX *trial = SSL_CTX_new(TLS_server_method());

	if (trial == NULL)
		return error_set(error, EX_OSERR, "no memory for certificate %s", file);
	SSL_CTX_set_security_level(trial, 2);
	int result = use_pair(trial, pair, file, error);
	SSL_CTX_free(trial);
	return result;
}

static int set_pairs(SSL_CTX *ctx, struct content *content, const struct tls_settings *settings,
	uid_t owner, struct error *error)
{
	for (size_t i = 0; i < tls_settings_count(settings); i++) {
		const struct tls_files *files = tls_settings_files(settings, i);
		struct tls_pair *pair = &content->pairs[i];

		if (tls_pair_load(pair, files, owner, error) != 0)
			return -1;
		content->count++;
		if ((i == 0 ? use_pair(ctx, pair, files->certificate, error)
			    : try_pair(pair, files->certificate, error)) != 0)
			return -1;
	}
	if (content->count > 1)
		SSL_CTX_set_cert_cb(ctx, choose_pairs, content);
	return 0;
}

static SSL_CTX *make(const struct tls_settings *settings, uid_t owner, struct error *error)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	struct content *content = ctx == NULL ? NULL
					      : add_content(ctx, tls_settings_count(settings));

	if (content == NULL) {
		error_set(error, EX_OSERR, "no memory for TLS: %s", tls_error_take());
	} else {
		set_manners(ctx, settings);
		if (set_curves(ctx, error) == 0 && set_versions(ctx, settings, error) == 0 &&
			set_pairs(ctx, content, settings, owner, error) == 0 &&
			set_client_check(ctx, settings, error) == 0 &&
			set_protocols(ctx, content, settings, error) == 0)
			return ctx;
	}
	SSL_CTX_free(ctx);
	return NULL;
}

/* --- The context of a listener ----------------------------------------------------------------- */

void tls_context_init(struct tls_context *context)
{
	*context = (struct tls_context){.current = NULL};
	lock_init(&context->lock);
}

void tls_context_fini(struct tls_context *context)
{
	SSL_CTX_free(context->current);
	lock_fini(&context->lock);
}

int tls_context_load(struct tls_context *context, const struct tls_settings *settings, uid_t owner,
	struct error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	CHECK(pthread_once(&once, start_openssl) == 0);
	ERR_clear_error();
	SSL_CTX *made = make(settings, owner, error);
	if (made == NULL)
		return -1;
	lock_take(&context->lock);
	SSL_CTX *before = context->current;
	context->current = made;
	lock_give(&context->lock);
	if (before == NULL)
		context->is_loaded = true;
	SSL_CTX_free(before);
	return 0;
}

void tls_context_describe(
	const struct tls_context *context, size_t index, struct tls_certificate *certificate)
{
	const struct content *content = content_of(context->current);

	CHECK(index < content->count);
	tls_certificate_read(content->pairs[index].certificate, certificate);
}

SSL_CTX *tls_context_take(struct tls_context *context)
{
	lock_take(&context->lock);
	SSL_CTX *ctx = context->current;
	CHECK(ctx != NULL && SSL_CTX_up_ref(ctx) == 1);
	lock_give(&context->lock);
	return ctx;
}
