/* SPDX-License-Identifier: MIT */
/* Stands for tls_context.c and tls_stream.c in a build without OpenSSL: a TLS listener is refused. */
#include "yodel/base/check.h"
#include "yodel/transport/tls_context.h"
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

/* No context is ever loaded, and so none of the following called. */

void tls_context_describe(
	const struct tls_context *context, size_t index, struct tls_certificate *certificate)
{
	(void)index, (void)certificate;
	CHECK(context->is_loaded);
}

struct tls *tls_new(struct tls_context *context, int fd)
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
