/* SPDX-License-Identifier: MIT */
#include "yodel/config/validate.h"

#include "yodel/base/parse.h"

#include <stdlib.h>
#include <string.h>

/* The order of the listeners, sorted by what must be unique; ties keep the first in front. */
struct sorted {
	const struct listener_settings *listener;
	size_t index;
};

static const char *origin_of(const struct assignments *assignments, const char *path, size_t index)
{
	const struct assignment *item = assignments_decide(assignments, path, (int)index, true);

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

static int same_address(const struct sorted *one, const struct sorted *other)
{
	int order = strcasecmp(one->listener->host, other->listener->host);

	return order != 0 ? order : strcmp(one->listener->port, other->listener->port);
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

static bool is_inherited(const struct listener_settings *listener)
{
	return strncmp(listener->host, "systemd:", 8) == 0;
}

/* With port 0 the kernel gives every listener a port of its own. */
static bool is_port_chosen(const struct listener_settings *listener)
{
	int64_t number;

	return !is_inherited(listener) && parse_integer(listener->port, &number) && number == 0;
}

static void check_unique(const struct config *config, const struct assignments *assignments,
	struct problems *problems, struct sorted *sorted)
{
	char why[OPTION_WHY_BYTES];

	qsort(sorted, config->listener_count, sizeof *sorted, by_name);
	for (size_t i = 1; i < config->listener_count; i++) {
		if (same_name(&sorted[i - 1], &sorted[i]) != 0)
			continue;
		snprintf(why, sizeof why,
			"expected a name of its own, got \"%s\", which listener %zu has",
			sorted[i].listener->name, sorted[i - 1].index);
		add(problems, assignments, sorted[i].index, "name", why);
	}
	qsort(sorted, config->listener_count, sizeof *sorted, by_address);
	for (size_t i = 1; i < config->listener_count; i++) {
		if (same_address(&sorted[i - 1], &sorted[i]) != 0 ||
			is_port_chosen(sorted[i].listener))
			continue;
		snprintf(why, sizeof why,
			"expected an address of its own, got \"%s\" port %s, which listener %zu has",
			sorted[i].listener->host, sorted[i].listener->port, sorted[i - 1].index);
		add(problems, assignments, sorted[i].index, "port", why);
	}
}

static void check_seconds(const struct config *config, const struct assignments *assignments,
	struct problems *problems, size_t index)
{
	const struct socket_options *socket = &config->listeners[index].socket;
	const struct {
		const char *path;
		int64_t ms;
	} rows[] = {
		{"socket.keepalive_idle", socket->keepalive_idle_ms},
		{"socket.keepalive_interval", socket->keepalive_interval_ms},
		{"socket.defer_accept", socket->defer_accept_ms},
	};
	char why[OPTION_WHY_BYTES], text[PARSE_TEXT_BYTES];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].ms % 1000 == 0)
			continue;
		format_duration(text, rows[i].ms);
		snprintf(why, sizeof why, "expected whole seconds, got %s", text);
		add(problems, assignments, index, rows[i].path, why);
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
	for (size_t i = 0; i < config->listener_count; i++) {
		sorted[i] = (struct sorted){&config->listeners[i], i};
		check_seconds(config, assignments, problems, i);
	}
	check_unique(config, assignments, problems, sorted);
	free(sorted);
}
