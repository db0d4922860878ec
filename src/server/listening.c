/* SPDX-License-Identifier: MIT */
#include "yodel/server/listening.h"

#include "yodel/base/log.h"
#include "yodel/server/notify.h"
#include "yodel/transport/listener.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char systemd_prefix[] = "systemd:";

/* The name of the inherited sockets that a listener takes: said in its host, or its own. */
static const char *inherited_name(const struct listener_settings *settings, bool *is_required)
{
	size_t length = strlen(systemd_prefix);

	*is_required = strncmp(settings->host, systemd_prefix, length) == 0;
	return *is_required ? settings->host + length : settings->name;
}

static int adopt_all(struct listener *listener, const struct listener_settings *settings,
	const char *name, struct inherited *inherited, struct error *error)
{
	int fd;

	while ((fd = inherited_take(inherited, name)) >= 0) {
		if (listener_adopt(listener, fd, &settings->socket, error) != 0) {
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
	return listener_open(listener, settings->host, settings->port, &settings->socket, error);
}

static void name_in_error(const struct listener_settings *settings, struct error *error)
{
	struct error plain = *error;

	error_set(error, plain.exit_code, "listener %s: %s", settings->name, plain.message);
}

static size_t count_sockets(const struct listener *listeners, size_t count)
{
	size_t sockets = 0;

	for (size_t i = 0; i < count; i++)
		sockets += listeners[i].count;
	return sockets;
}

/* Moves the sockets of all listeners into one flat list. */
static int flatten(struct listening *listening, const struct config *config,
	const struct listener *listeners, struct error *error)
{
	size_t sockets = count_sockets(listeners, config->listener_count);

	*listening = (struct listening){.entries = calloc(sockets, sizeof *listening->entries)};
	if (listening->entries == NULL)
		return error_set(error, EX_OSERR, "no memory for %zu sockets", sockets);
	for (size_t i = 0; i < config->listener_count; i++)
		for (size_t j = 0; j < listeners[i].count; j++)
			listening->entries[listening->count++] = (struct listening_entry){
				.fd = listeners[i].sockets[j].fd,
				.listener_index = i,
				.run = service_find(config->listeners[i].service),
				.address = listeners[i].sockets[j].address,
			};
	return 0;
}

static int64_t read_somaxconn(void)
{
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
	int64_t value = INT64_MAX;

	if (file == NULL)
		return value;
	if (fscanf(file, "%" SCNd64, &value) != 1)
		value = INT64_MAX;
	fclose(file);
	return value;
}

static void warn_of_somaxconn(const struct config *config)
{
	int64_t somaxconn = read_somaxconn();

	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].backlog > somaxconn)
			log_message(LOG_LEVEL_WARN, "start",
				"listener %s: backlog = %" PRId64
				" is cut to net.core.somaxconn = %" PRId64,
				config->listeners[i].name, config->listeners[i].backlog, somaxconn);
}

static int open_all(struct listener *listeners, const struct config *config,
	struct inherited *inherited, struct error *error)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (open_one(&listeners[i], &config->listeners[i], inherited, error) != 0) {
			name_in_error(&config->listeners[i], error);
			return -1;
		}
	for (size_t i = 0; i < config->listener_count; i++)
		if (listener_listen(&listeners[i], (int)config->listeners[i].backlog, error) != 0) {
			name_in_error(&config->listeners[i], error);
			return -1;
		}
	return 0;
}

int listening_open(struct listening *listening, const struct config *config, struct error *error)
{
	struct listener *listeners = calloc(config->listener_count, sizeof *listeners);
	struct inherited inherited;
	int result = -1;

	*listening = (struct listening){.count = 0};
	if (inherited_find(&inherited) != 0 || listeners == NULL) {
		error_set(error, EX_OSERR, "no memory for %zu listeners", config->listener_count);
		goto out;
	}
	if (open_all(listeners, config, &inherited, error) == 0)
		result = flatten(listening, config, listeners, error);
	if (result == 0)
		warn_of_somaxconn(config);
	else
		for (size_t i = 0; i < config->listener_count; i++)
			listener_close(&listeners[i]);
out:
	inherited_fini(&inherited);
	free(listeners);
	return result;
}

size_t listening_fill(const struct listening *listening, struct pollfd *set)
{
	for (size_t i = 0; i < listening->count; i++)
		set[i] = (struct pollfd){.fd = listening->entries[i].fd, .events = POLLIN};
	return listening->count;
}

void listening_close(struct listening *listening)
{
	for (size_t i = 0; i < listening->count; i++)
		close(listening->entries[i].fd);
	free(listening->entries);
	*listening = (struct listening){.count = 0};
}
