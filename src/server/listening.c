/* SPDX-License-Identifier: MIT */
#include "yodel/server/listening.h"

#include "yodel/base/check.h"
#include "yodel/base/log.h"
#include "yodel/server/kernel_limits.h"
#include "yodel/server/notify.h"
#include "yodel/transport/listener.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

/* The name of the inherited sockets that a listener takes: said in its host, or its own. */
static const char *inherited_name(const struct listener_settings *settings, bool *is_required)
{
	const char *name = listener_inherited_name(settings->host);

	*is_required = name != NULL;
	return *is_required ? name : settings->name;
}

static int adopt_all(struct listener *listener, const struct listener_settings *settings,
	const char *name, struct inherited *inherited, struct error *error)
{
	int fd;

	while ((fd = inherited_take(inherited, name)) >= 0) {
		if (listener_adopt(listener, (enum protocol)settings->protocol, fd,
			    &settings->socket, error) != 0) {
			close(fd);
			listener_close(listener);
			return -1;
		}
	}
	return 0;
}

static int open_one(struct listener *listener, const struct listener_settings *settings,
	struct inherited *inherited, struct error *error)
{
	bool is_required;
	const char *name = inherited_name(settings, &is_required);

	if (adopt_all(listener, settings, name, inherited, error) != 0)
		return -1;
	if (listener->count > 0)
		return 0;
	if (is_required)
		return error_set(error, EX_UNAVAILABLE,
			"cannot listen on %s: no inherited socket has this name", settings->host);
	return listener_open(listener, (enum protocol)settings->protocol, settings->host,
		settings->port, &settings->socket, error);
}

static void name_in_error(const struct listener_settings *settings, struct error *error)
{
	struct error plain = *error;

	error_set(error, plain.exit_code, "listener %s: %s", settings->name, plain.message);
}

static size_t count_sockets(const struct listening *listening)
{
	size_t sockets = 0;

	for (size_t i = 0; i < listening->listener_count; i++)
		sockets += listening->listeners[i].count;
	return sockets;
}

/* Lists the sockets of all listeners flat, for the accept loop. */
static int list_sockets(
	struct listening *listening, const struct config *config, struct error *error)
{
	size_t sockets = count_sockets(listening);

	CHECK(sockets > 0);
	listening->entries = calloc(sockets, sizeof *listening->entries);
	if (listening->entries == NULL)
		return error_set(error, EX_OSERR, "no memory for %zu sockets", sockets);
	for (size_t i = 0; i < listening->listener_count; i++)
		for (size_t j = 0; j < listening->listeners[i].count; j++)
			listening->entries[listening->count++] = (struct listening_entry){
				.fd = listening->listeners[i].sockets[j].fd,
				.listener_index = i,
				.is_datagram = config->listeners[i].protocol == PROTOCOL_UDP,
				.run = service_find(config->listeners[i].service),
				.address = listening->listeners[i].sockets[j].address,
			};
	return 0;
}

static void warn_of_somaxconn(const struct config *config)
{
	int64_t somaxconn = kernel_limits_read("/proc/sys/net/core/somaxconn");

	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].backlog > somaxconn)
			log_message(LOG_LEVEL_WARN, "start",
				"listener %s: backlog = %" PRId64
				" is cut to net.core.somaxconn = %" PRId64,
				config->listeners[i].name, config->listeners[i].backlog, somaxconn);
}

/* Who may connect from elsewhere must not be able to stop the daemon. */
static int check_stop_command(const struct listener *listener,
	const struct listener_settings *settings, struct error *error)
{
	char text[ADDRESS_TEXT_BYTES];

	if (settings->stop_command[0] == '\0' || settings->protocol == PROTOCOL_UDP)
		return 0;
	for (size_t i = 0; i < listener->count; i++) {
		const struct address *address = &listener->sockets[i].address;

		if (address_is_local(address))
			continue;
		address_format(address, text);
		return error_set(error, EX_CONFIG,
			"stop_command = \"%s\": expected a loopback address or a Unix socket, got %s",
			settings->stop_command, text);
	}
	return 0;
}

static int open_all(struct listening *listening, const struct config *config,
	struct inherited *inherited, struct error *error)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *settings = &config->listeners[i];

		if (open_one(&listening->listeners[i], settings, inherited, error) != 0 ||
			check_stop_command(&listening->listeners[i], settings, error) != 0) {
			name_in_error(settings, error);
			return -1;
		}
	}
	return list_sockets(listening, config, error);
}

int listening_open(struct listening *listening, const struct config *config, struct error *error)
{
	struct inherited inherited;

	*listening = (struct listening){
		.listeners = calloc(config->listener_count, sizeof *listening->listeners),
		.listener_count = config->listener_count,
	};
	if (inherited_find(&inherited) != 0 || listening->listeners == NULL) {
		listening->listener_count = 0;
		listening_close(listening);
		inherited_fini(&inherited);
		return error_set(
			error, EX_OSERR, "no memory for %zu listeners", config->listener_count);
	}
	int result = open_all(listening, config, &inherited, error);
	if (result != 0)
		listening_close(listening);
	inherited_fini(&inherited);
	return result;
}

int listening_start(struct listening *listening, const struct config *config, struct error *error)
{
	for (size_t i = 0; i < listening->listener_count; i++) {
		const struct listener_settings *settings = &config->listeners[i];

		if (settings->protocol == PROTOCOL_UDP)
			continue;
		if (listener_listen(&listening->listeners[i], (int)settings->backlog,
			    &settings->socket, error) != 0) {
			name_in_error(settings, error);
			return -1;
		}
	}
	warn_of_somaxconn(config);
	return 0;
}

void listening_close(struct listening *listening)
{
	for (size_t i = 0; i < listening->listener_count; i++)
		listener_close(&listening->listeners[i]);
	free(listening->listeners);
	free(listening->entries);
	*listening = (struct listening){.count = 0};
}
