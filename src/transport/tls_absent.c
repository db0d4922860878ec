/* SPDX-License-Identifier: MIT */
/* Stands for what needs OpenSSL in a build without it: a TLS listener is refused, and so is --tls. */
#include "yodel/base/check.h"
#include "yodel/transport/tls_client.h"
#include "yodel/transport/tls_context.h"
#include "yodel/transport/tls_selfsigned.h"
#include "yodel/transport/tls_stream.h"

#include <sysexits.h>

void tls_context_init(struct tls_context *context)
{
	*context = (struct tls_context){.current = NULL};
	lock_init(&context->lock);
}

void tls_context_fini(struct tls_context *context)
{
	lock_fini(&context->lock);
}

int tls_context_load(struct tls_context *context, const struct tls_settings *settings, uid_t owner,
	struct error *error)
{
	(void)context, (void)owner;
	return error_set(error, EX_CONFIG,
		"certificate %s: this yodeld was built without TLS (-DYODEL_TLS=OFF)",
		tls_settings_files(settings, 0)->certificate);
}

struct tls_client *tls_client_new(const struct tls_client_settings *settings, struct error *error)
{
	(void)settings;
	error_set(error, EX_USAGE, "--tls: this yodel was built without TLS (-DYODEL_TLS=OFF)");
	return NULL;
}

bool tls_client_check_alpn(const char *text, char why[OPTION_WHY_BYTES])
{
	(void)text, (void)why;
	return true;
}

void tls_client_free(struct tls_client *client)
{
	CHECK(client == NULL);
}

bool tls_selfsigned_check_name(const char *text, char why[OPTION_WHY_BYTES])
{
	(void)text, (void)why;
	return true;
}

int tls_selfsigned_write(const char *const *names, size_t count, int64_t days, FILE *certificate,
	FILE *key, struct error *error)
{
	(void)names, (void)count, (void)days, (void)certificate, (void)key;
	return error_set(error, EX_UNAVAILABLE,
		"cannot make a certificate: this yodel was built without TLS (-DYODEL_TLS=OFF)");
}

/* No context is ever loaded and no client made, and so none of the following called. */

struct tls *tls_new_client(struct tls_client *client, int fd)
{
	(void)fd;
	CHECK(client != NULL);
	return NULL;
}

void tls_describe_peer(const struct tls *tls, struct tls_peer *peer)
{
	(void)tls;
	*peer = (struct tls_peer){.fault = ""};
}

void tls_context_describe(
	const struct tls_context *context, size_t index, struct tls_certificate *certificate)
{
	(void)index, (void)certificate;
	CHECK(context->is_loaded);
}

struct tls *tls_new_server(struct tls_context *context, int fd)
{
	(void)fd;
	CHECK(context->is_loaded);
	return NULL;
}

enum io tls_handshake(struct tls *tls)
{
	CHECK(tls != NULL);
	return IO_TLS;
}

enum io tls_read(struct tls *tls, void *dst, size_t capacity, int flags, size_t *got)
{
	(void)dst, (void)capacity, (void)flags, (void)got;
	return tls_handshake(tls);
}

enum io tls_write(struct tls *tls, const void *src, size_t length, int flags, size_t *sent)
{
	(void)src, (void)length, (void)flags, (void)sent;
	return tls_handshake(tls);
}

enum io tls_finish(struct tls *tls, int flags)
{
	(void)flags;
	return tls_handshake(tls);
}

bool tls_has_pending(const struct tls *tls)
{
	return tls != NULL;
}

bool tls_has_failed(const struct tls *tls)
{
	return tls != NULL;
}

bool tls_wants_write(const struct tls *tls)
{
	return tls != NULL;
}

uint64_t tls_wire_bytes(const struct tls *tls)
{
	return tls != NULL;
}

int tls_errno(const struct tls *tls)
{
	return tls != NULL;
}

void tls_give_up(struct tls *tls, const char *why)
{
	(void)tls, (void)why;
}

const char *tls_failure(const struct tls *tls)
{
	(void)tls;
	return "";
}

void tls_summarize(const struct tls *tls, struct tls_summary *summary)
{
	(void)tls;
	*summary = (struct tls_summary){.version = "", .cipher = ""};
}

void tls_free(struct tls *tls)
{
	(void)tls;
}
