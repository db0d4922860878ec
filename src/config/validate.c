/* SPDX-License-Identifier: MIT */
#include "yodel/config/validate.h"

#include "yodel/base/parse.h"
#include "yodel/transport/listener.h"

#include <stdlib.h>
#include <string.h>

/* The order of the listeners, sorted by what must be unique; ties keep the first in front. */
struct sorted {
	const struct listener_settings *listener;
	size_t index;
};

/* Where the option was set, or, if it is a default, anything else of that listener. */
static const char *origin_of(const struct assignments *assignments, const char *path, size_t index)
{
	const struct assignment *item = assignments_decide(assignments, path, (int)index, true);

	for (size_t i = 0; item == NULL && i < assignments->count; i++)
		if (assignments->items[i].listener == (int)index)
			item = &assignments->items[i];
	return item != NULL ? item->origin : "default";
}

static void add(struct problems *problems, const struct assignments *assignments, size_t index,
	const char *path, const char *why)
{
	char full[OPTION_WHY_BYTES];

	if (assignments->listener_count == 0)
		snprintf(full, sizeof full, "%s", path);
	else
		snprintf(full, sizeof full, "listen.[%zu].%s", index, path);
	problems_add(problems, origin_of(assignments, path, index), full, "%s", why);
}

static int tie(const struct sorted *one, const struct sorted *other)
{
	return (one->index > other->index) - (one->index < other->index);
}

static int same_name(const struct sorted *one, const struct sorted *other)
{
	return strcmp(one->listener->name, other->listener->name);
}

static bool is_unix(const struct listener_settings *listener)
{
	return address_path_of_host(listener->host) != NULL;
}

/* Protocol, host and port; of a Unix socket the path alone, whose case matters. */
static int same_address(const struct sorted *one, const struct sorted *other)
{
	const struct listener_settings *first = one->listener, *second = other->listener;

	if (is_unix(first) && is_unix(second))
		return strcmp(first->host, second->host);
	if (first->protocol != second->protocol)
		return first->protocol - second->protocol;
	int order = strcasecmp(first->host, second->host);
	return order != 0 ? order : strcmp(first->port, second->port);
}

static int by_name(const void *one, const void *other)
{
	int order = same_name(one, other);

	return order != 0 ? order : tie(one, other);
}

static int by_address(const void *one, const void *other)
{
	int order = same_address(one, other);

	return order != 0 ? order : tie(one, other);
}

/* With port 0 the kernel gives every listener a port of its own. */
static bool is_port_chosen(const struct listener_settings *listener)
{
	int64_t number;

	return listener_inherited_name(listener->host) == NULL && !is_unix(listener) &&
	       parse_integer(listener->port, &number) && number == 0;
}

/* Sorts the listeners that have what the order looks at; returns how many. */
static size_t sort(const struct config *config, struct sorted *sorted,
	bool (*is_known)(const struct listener_settings *listener),
	int (*order)(const void *one, const void *other))
{
	size_t count = 0;

	for (size_t i = 0; i < config->listener_count; i++)
		if (is_known(&config->listeners[i]))
			sorted[count++] = (struct sorted){&config->listeners[i], i};
	qsort(sorted, count, sizeof *sorted, order);
	return count;
}

static bool is_name_known(const struct listener_settings *listener)
{
	return listener->name != NULL && listener->name[0] != '\0';
}

static bool is_address_known(const struct listener_settings *listener)
{
	return listener->host != NULL && listener->port != NULL && !is_port_chosen(listener);
}

static void check_names(const struct config *config, const struct assignments *assignments,
	struct problems *problems, struct sorted *sorted)
{
	size_t count = sort(config, sorted, is_name_known, by_name);
	char why[OPTION_WHY_BYTES];

	for (size_t i = 1; i < count; i++) {
		if (same_name(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		snprintf(why, sizeof why,
			"expected a name of its own, got \"%s\", which listener %zu has",
			sorted[i].listener->name, sorted[i - 1].index);
		add(problems, assignments, sorted[i].index, "name", why);
	}
}

static void describe_clash(
	const struct listener_settings *listener, size_t holder, char why[OPTION_WHY_BYTES])
{
	if (is_unix(listener))
		snprintf(why, OPTION_WHY_BYTES,
			"expected a path of its own, got \"%s\", which listener %zu has",
			listener->host, holder);
	else
		snprintf(why, OPTION_WHY_BYTES,
			"expected an address of its own, got \"%s\" port %s, which listener %zu has",
			listener->host, listener->port, holder);
}

static void check_addresses(const struct config *config, const struct assignments *assignments,
	struct problems *problems, struct sorted *sorted)
{
	size_t count = sort(config, sorted, is_address_known, by_address);
	char why[OPTION_WHY_BYTES];

	for (size_t i = 1; i < count; i++) {
		if (same_address(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		describe_clash(sorted[i].listener, sorted[i - 1].index, why);
		add(problems, assignments, sorted[i].index,
			is_unix(sorted[i].listener) ? "host" : "port", why);
	}
}

static bool has_file(const struct listener_settings *listener)
{
	const char *path = address_path_of_host(listener->host);

	return path != NULL && path[0] == '/';
}

/* Whether a listener itself asks for more than the default. */
static bool is_asked_for(const struct assignments *assignments, const char *path, size_t index)
{
	const struct assignment *item = assignments_decide(assignments, path, (int)index, false);

	return item != NULL &&
	       strcmp(item->text, option_find(listener_options, path)->default_value) != 0;
}

/*
 * Whoever says in a listener who may connect to it expects that to hold. What stands at the top is
 * for those listeners that have a file.
 */
static void check_files(const struct config *config, const struct assignments *assignments,
	struct problems *problems)
{
	static const char *const paths[] = {"socket.mode", "socket.owner", "socket.group"};

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		if (listener->host == NULL || has_file(listener))
			continue;
		for (size_t j = 0; j < sizeof paths / sizeof *paths; j++)
			if (is_asked_for(assignments, paths[j], i))
				add(problems, assignments, i, paths[j],
					"expected a listener whose host is \"unix:/PATH\", for only that has a file");
	}
}

/* What begins or ends a connection is of no use without one. */
static void check_datagram_options(
	const struct assignments *assignments, size_t index, struct problems *problems)
{
	static const char *const paths[] = {"proxy_protocol", "stop_command"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (is_asked_for(assignments, paths[i], index))
			add(problems, assignments, index, paths[i],
				"expected a listener with connections, got one with protocol udp");
}

/* A datagram is a message by itself: only to send it back makes sense without a connection. */
static void check_protocols(const struct config *config, const struct assignments *assignments,
	struct problems *problems)
{
	char why[OPTION_WHY_BYTES];

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		if (listener->protocol != PROTOCOL_UDP)
			continue;
		check_datagram_options(assignments, i, problems);
		if (listener->host != NULL && is_unix(listener))
			add(problems, assignments, i, "protocol",
				"expected tcp with a Unix socket, got udp");
		if (listener->schema == NULL || strcmp(listener->schema->name, "echo") == 0)
			continue;
		snprintf(why, sizeof why, "expected service echo with protocol udp, got \"%s\"",
			listener->schema->name);
		add(problems, assignments, i, "service", why);
	}
}

/* Behind a proxy, clients may be from anywhere. */
static void check_stop_command(const struct config *config, const struct assignments *assignments,
	struct problems *problems)
{
	char why[OPTION_WHY_BYTES];

	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *listener = &config->listeners[i];
		const char *command = listener->stop_command;

		if (command == NULL || command[0] == '\0' || listener->schema == NULL)
			continue;
		snprintf(why, sizeof why,
			"expected a service whose clients send lines, got service \"%s\"",
			listener->schema->name);
		if (!listener->schema->has_lines)
			add(problems, assignments, i, "stop_command", why);
		if (listener->proxy_protocol != 0)
			add(problems, assignments, i, "stop_command",
				"expected a listener without proxy_protocol, whose clients may be from anywhere");
	}
}

/*
 * Whether a value asks for TLS, though there is no certificate. A listener that says certificate = ""
 * wants none, whatever the top has.
 */
static bool asks_for_tls(const struct assignments *assignments, const char *path, size_t index)
{
	const struct assignment *item = assignments_decide(assignments, path, (int)index, true);
	const struct assignment *certificate = assignments_decide(
		assignments, "tls.certificate", (int)index, true);

	if (item == NULL ||
		strcmp(item->text, option_find(listener_options, path)->default_value) == 0)
		return false;
	return certificate == NULL || certificate->listener == SCOPE_TOP ||
	       item->listener != SCOPE_TOP;
}

static void check_tls_is_meant(
	const struct assignments *assignments, size_t index, struct problems *problems)
{
	static const char *const paths[] = {
		"tls.key", "tls.client_ca", "tls.verify", "tls.min_version", "tls.ciphers"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (asks_for_tls(assignments, paths[i], index))
			add(problems, assignments, index, paths[i],
				"expected tls.certificate beside it, got none");
}

static void check_tls(const struct config *config, const struct assignments *assignments,
	struct problems *problems)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct tls_settings *tls = &config->listeners[i].tls;

		if (tls->files.certificate == NULL)
			continue;
		if (tls_settings_count(tls) == 0)
			check_tls_is_meant(assignments, i, problems);
		else if (config->listeners[i].protocol == PROTOCOL_UDP)
			add(problems, assignments, i, "tls.certificate",
				"expected none with protocol udp, which has no TLS");
		else if (tls->verify != TLS_VERIFY_NONE && tls->client_ca != NULL &&
			 tls->client_ca[0] == '\0')
			add(problems, assignments, i, "tls.verify",
				"expected tls.client_ca beside it, got none");
	}
}

void validate(const struct config *config, const struct assignments *assignments,
	struct problems *problems)
{
	struct sorted *sorted = calloc(config->listener_count, sizeof *sorted);

	if (sorted == NULL) {
		problems_add(problems, "configuration", NULL, "out of memory");
		return;
	}
	check_names(config, assignments, problems, sorted);
	check_addresses(config, assignments, problems, sorted);
	check_files(config, assignments, problems);
	check_protocols(config, assignments, problems);
	check_stop_command(config, assignments, problems);
	check_tls(config, assignments, problems);
	free(sorted);
}
