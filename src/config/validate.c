/* SPDX-License-Identifier: MIT */
#include "yodel/config/validate.h"

#include "yodel/base/parse.h"
#include "yodel/transport/listener.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct validation {
	const struct config *config;
	const struct assignments *assignments;
	struct problems *problems;
};

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

static void PRINTF_LIKE(4, 5) add(const struct validation *validation, size_t index,
	const char *path, const char *format, ...)
{
	char full[OPTION_WHY_BYTES], why[OPTION_WHY_BYTES];
	va_list arguments;

	if (validation->assignments->listener_count == 0)
		snprintf(full, sizeof full, "%s", path);
	else
		snprintf(full, sizeof full, "listen.[%zu].%s", index, path);
	va_start(arguments, format);
	vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	problems_add(validation->problems, origin_of(validation->assignments, path, index), full,
		"%s", why);
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

static void check_names(const struct validation *validation, struct sorted *sorted)
{
	size_t count = sort(validation->config, sorted, is_name_known, by_name);

	for (size_t i = 1; i < count; i++)
		if (same_name(&sorted[i - 1], &sorted[i]) == 0)
			add(validation, sorted[i].index, "name",
				"expected a name of its own, got \"%s\", which listener %zu has",
				sorted[i].listener->name, sorted[i - 1].index);
}

static void add_clash(
	const struct validation *validation, const struct sorted *later, size_t holder)
{
	if (is_unix(later->listener))
		add(validation, later->index, "host",
			"expected a path of its own, got \"%s\", which listener %zu has",
			later->listener->host, holder);
	else
		add(validation, later->index, "port",
			"expected an address of its own, got \"%s\" port %s, which listener %zu has",
			later->listener->host, later->listener->port, holder);
}

static void check_addresses(const struct validation *validation, struct sorted *sorted)
{
	size_t count = sort(validation->config, sorted, is_address_known, by_address);

	for (size_t i = 1; i < count; i++)
		if (same_address(&sorted[i - 1], &sorted[i]) == 0)
			add_clash(validation, &sorted[i], sorted[i - 1].index);
}

static bool has_file(const struct listener_settings *listener)
{
	const char *path = address_path_of_host(listener->host);

	return path != NULL && path[0] == '/';
}

static bool is_default(const struct assignment *item, const char *path)
{
	return strcmp(item->text, option_find(listener_options, path)->default_value) == 0;
}

/* Adds a problem for each of these options that a listener itself asks for; paths end with NULL. */
static void refuse(const struct validation *validation, size_t index, const char *const *paths,
	const char *why)
{
	for (; *paths != NULL; paths++) {
		const struct assignment *item = assignments_decide(
			validation->assignments, *paths, (int)index, false);

		if (item != NULL && !is_default(item, *paths))
			add(validation, index, *paths, "%s", why);
	}
}

/*
 * Whoever says in a listener who may connect to it expects that to hold. What stands at the top is
 * for those listeners that have a file.
 */
static void check_file(const struct validation *validation, size_t index)
{
	static const char *const paths[] = {"socket.mode", "socket.owner", "socket.group", NULL};
	const struct listener_settings *listener = &validation->config->listeners[index];

	if (listener->host != NULL && !has_file(listener))
		refuse(validation, index, paths,
			"expected a listener whose host is \"unix:/PATH\", for only that has a file");
}

/*
 * What begins or ends a connection is of no use without one. A datagram is a message by itself: only
 * to send it back makes sense.
 */
static void check_protocol(const struct validation *validation, size_t index)
{
	static const char *const paths[] = {"proxy_protocol", "stop_command", NULL};
	const struct listener_settings *listener = &validation->config->listeners[index];

	if (listener->protocol != PROTOCOL_UDP)
		return;
	refuse(validation, index, paths,
		"expected a listener with connections, got one with protocol udp");
	if (listener->host != NULL && is_unix(listener))
		add(validation, index, "protocol", "expected tcp with a Unix socket, got udp");
	if (listener->schema != NULL && strcmp(listener->schema->name, "echo") != 0)
		add(validation, index, "service",
			"expected service echo with protocol udp, got \"%s\"",
			listener->schema->name);
}

/* Behind a proxy, clients may be from anywhere. */
static void check_stop_command(const struct validation *validation, size_t index)
{
	const struct listener_settings *listener = &validation->config->listeners[index];
	const char *command = listener->stop_command;

	if (command == NULL || command[0] == '\0' || listener->schema == NULL)
		return;
	if (!listener->schema->has_lines)
		add(validation, index, "stop_command",
			"expected a service whose clients send lines, got service \"%s\"",
			listener->schema->name);
	if (listener->proxy_protocol != 0)
		add(validation, index, "stop_command",
			"expected a listener without proxy_protocol, whose clients may be from anywhere");
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

	if (item == NULL || is_default(item, path))
		return false;
	return certificate == NULL || certificate->listener == SCOPE_TOP ||
	       item->listener != SCOPE_TOP;
}

static void check_tls_is_meant(const struct validation *validation, size_t index)
{
	static const char *const paths[] = {
		"tls.key", "tls.client_ca", "tls.verify", "tls.min_version", "tls.ciphers"};

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (asks_for_tls(validation->assignments, paths[i], index))
			add(validation, index, paths[i],
				"expected tls.certificate beside it, got none");
}

static void check_tls(const struct validation *validation, size_t index)
{
	const struct listener_settings *listener = &validation->config->listeners[index];
	const struct tls_settings *tls = &listener->tls;

	if (tls->files.certificate == NULL)
		return;
	if (tls_settings_count(tls) == 0)
		check_tls_is_meant(validation, index);
	else if (listener->protocol == PROTOCOL_UDP)
		add(validation, index, "tls.certificate",
			"expected none with protocol udp, which has no TLS");
	else if (tls->verify != TLS_VERIFY_NONE && tls->client_ca != NULL &&
		 tls->client_ca[0] == '\0')
		add(validation, index, "tls.verify", "expected tls.client_ca beside it, got none");
}

/* Only who can gain nothing may confine himself: landlock_restrict_self(2), EPERM. */
static void check_landlock(const struct validation *validation)
{
	static const char path[] = "privileges.no_new_privs";
	const struct config *config = validation->config;

	if (config->privileges.landlock == LANDLOCK_OFF || config->privileges.no_new_privs)
		return;
	const struct assignment *item = config_decide(validation->assignments, path, SCOPE_TOP);
	problems_add(validation->problems, item->origin, path,
		"expected true beside privileges.landlock = \"%s\", got %s",
		landlock_names[config->privileges.landlock], item->text);
}

void validate(const struct config *config, const struct assignments *assignments,
	struct problems *problems)
{
	const struct validation validation = {config, assignments, problems};
	struct sorted *sorted = calloc(config->listener_count, sizeof *sorted);

	if (sorted == NULL) {
		problems_add(problems, "configuration", NULL, "out of memory");
		return;
	}
	check_names(&validation, sorted);
	check_addresses(&validation, sorted);
	free(sorted);
	for (size_t i = 0; i < config->listener_count; i++) {
		check_file(&validation, i);
		check_protocol(&validation, i);
		check_stop_command(&validation, i);
		check_tls(&validation, i);
	}
	check_landlock(&validation);
}
