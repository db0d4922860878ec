/* SPDX-License-Identifier: MIT */
#include "yodel/server/certificates.h"

#include "yodel/base/account.h"
#include "yodel/base/check.h"
#include "yodel/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

/* Whoever serves in the end, which may not be who reads now. */
static uid_t owner_of(const struct config *config)
{
	uid_t owner = geteuid();

	if (config->privileges.user[0] != '\0')
		CHECK(account_read_user(config->privileges.user, &owner));
	return owner;
}

static size_t count_of(const struct listener_settings *listener)
{
	return tls_settings_count(&listener->tls);
}

int certificates_load(
	struct certificates *certificates, const struct config *config, struct error *error)
{
	struct tls_context *contexts = calloc(config->listener_count, sizeof *contexts);
	struct error cause;

	if (contexts == NULL)
		return error_set(
			error, EX_OSERR, "no memory for %zu listeners", config->listener_count);
	*certificates = (struct certificates){
		.config = config, .contexts = contexts, .owner = owner_of(config)};
	for (size_t i = 0; i < config->listener_count; i++)
		tls_context_init(&contexts[i]);
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		if (count_of(listener) == 0 || tls_context_load(&contexts[i], &listener->tls,
						       certificates->owner, &cause) == 0)
			continue;
		certificates_fini(certificates);
		return error_set(
			error, cause.exit_code, "listener %s: %s", listener->name, cause.message);
	}
	return 0;
}

static void report_one(
	const struct listener_settings *listener, const struct tls_context *context, size_t index)
{
	struct tls_certificate certificate;
	struct log_line line;

	tls_context_describe(context, index, &certificate);
	bool is_valid = !certificate.is_early && !certificate.is_expired;
	log_begin(&line, is_valid ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "certificate");
	log_text(&line, "listener", listener->name);
	log_text(&line, "file", tls_settings_files(&listener->tls, index)->certificate);
	log_text(&line, "subject", certificate.subject);
	log_text(&line, "expires", certificate.expires);
	if (!is_valid)
		log_text(&line, "message",
			certificate.is_expired ? "has expired" : "is not valid yet");
	log_end(&line);
}

static void report_listener(const struct certificates *certificates, size_t index)
{
	const struct listener_settings *listener = &certificates->config->listeners[index];

	for (size_t i = 0; i < count_of(listener); i++)
		report_one(listener, &certificates->contexts[index], i);
}

void certificates_report(const struct certificates *certificates)
{
	for (size_t i = 0; i < certificates->config->listener_count; i++)
		report_listener(certificates, i);
}

/* The kernel does not say which of its rules a file has met. */
static void report_failure(
	const struct config *config, const char *listener, const struct error *error)
{
	bool may_be_landlock = error->number == EACCES &&
			       config->privileges.landlock != LANDLOCK_OFF;

	log_message(LOG_LEVEL_ERROR, "reload",
		"listener %s: %s%s; the certificates from before stay in use", listener,
		error->message,
		may_be_landlock
			? "; privileges.landlock may be why: it denies directories that have come since the start"
			: "");
}

void certificates_reload(struct certificates *certificates)
{
	struct error error;

	for (size_t i = 0; i < certificates->config->listener_count; i++) {
		const struct listener_settings *listener = &certificates->config->listeners[i];

		if (count_of(listener) == 0)
			continue;
		if (tls_context_load(&certificates->contexts[i], &listener->tls,
			    certificates->owner, &error) == 0) {
			log_message(LOG_LEVEL_INFO, "reload",
				"listener %s: certificates read again", listener->name);
			report_listener(certificates, i);
		} else {
			report_failure(certificates->config, listener->name, &error);
		}
	}
}

void certificates_fini(struct certificates *certificates)
{
	for (size_t i = 0; i < certificates->config->listener_count; i++)
		tls_context_fini(&certificates->contexts[i]);
	free(certificates->contexts);
}

void certificates_check(const struct config *config, struct problems *problems)
{
	struct tls_context context;
	struct error error;
	char origin[64];
	uid_t owner = owner_of(config);

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		snprintf(origin, sizeof origin, "listener %s", listener->name);
		tls_context_init(&context);
		if (count_of(listener) > 0 &&
			tls_context_load(&context, &listener->tls, owner, &error) != 0)
			problems_add(problems, origin, NULL, "%s", error.message);
		tls_context_fini(&context);
	}
}
