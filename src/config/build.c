/* SPDX-License-Identifier: MIT */
/* From assignments to a configuration: check each assignment once, then let the deciding ones in.
 */
#include "yodel/config/config.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"
#include "yodel/config/list.h"
#include "yodel/config/validate.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct build {
	const struct assignments *assignments;
	const struct service_schema *schemas;
	struct problems *problems;
	struct config *config;
};

static const struct option_row no_options[] = {OPTION_END};

static const struct option_row *rows_of(const struct service_schema *schema)
{
	return schema != NULL && schema->options != NULL ? schema->options : no_options;
}

static const struct service_schema *find_schema(
	const struct service_schema *schemas, const char *name)
{
	for (; schemas->name != NULL; schemas++)
		if (strcmp(schemas->name, name) == 0)
			return schemas;
	return NULL;
}

static void report(struct build *build, const struct assignment *item, const char *why)
{
	assignment_report(item, build->problems, why);
}

/* Services first: which rows there are depends on them. A bad name is reported where it is checked.
 */
static const struct service_schema *schema_of(const struct build *build, int listener)
{
	const struct option_row *row = option_find(listener_options, "service");
	const struct assignment *item = assignments_decide(
		build->assignments, "service", listener, true);

	return find_schema(build->schemas, item != NULL ? item->text : row->default_value);
}

/* A search through the tables: for what, and the nearest so far where nothing fits exactly. */
struct search {
	const char *path;
	const char *nearest;
	size_t distance;
};

typedef const struct option_row *search_visit(
	const struct option_row *table, struct search *search);

/* Visits each table that an assignment of this scope may use, until a row is found. */
static const struct option_row *search_tables(
	const struct build *build, int scope, search_visit *visit, struct search *search)
{
	const struct config *config = build->config;
	const struct option_row *found;

	if (scope != SCOPE_TOP) {
		found = visit(listener_options, search);
		return found != NULL ? found
				     : visit(rows_of(config->listeners[scope].schema), search);
	}
	found = visit(daemon_options, search);
	if (found == NULL)
		found = visit(listener_options, search);
	for (size_t i = 0; found == NULL && i < config->listener_count; i++)
		found = visit(rows_of(config->listeners[i].schema), search);
	return found;
}

static const struct option_row *visit_exact(const struct option_row *table, struct search *search)
{
	return option_find(table, search->path);
}

static const struct option_row *visit_group(const struct option_row *table, struct search *search)
{
	size_t length = strlen(search->path);

	for (; table->path != NULL; table++)
		if (strncmp(table->path, search->path, length) == 0 && table->path[length] == '.')
			return table;
	return NULL;
}

static const struct option_row *visit_nearest(const struct option_row *table, struct search *search)
{
	for (; table->path != NULL; table++)
		if (text_is_nearer(search->path, table->path, &search->distance))
			search->nearest = table->path;
	return NULL;
}

/* Other services' rows: known, but of no use to this listener. */
static const char *service_with(const struct build *build, const char *path)
{
	for (const struct service_schema *schema = build->schemas; schema->name != NULL; schema++)
		if (option_find(rows_of(schema), path) != NULL)
			return schema->name;
	return NULL;
}

/* The name that was meant, or NULL. "listen" is no row: the file's reader takes the list apart. */
static const char *nearest_to(const struct build *build, const struct assignment *item)
{
	char path[OPTION_WHY_BYTES];
	struct search search = {.path = path, .distance = SIZE_MAX};
	size_t i = 0;

	for (; item->path[i] != '\0' && i + 1 < sizeof path; i++)
		path[i] = (char)tolower((unsigned char)item->path[i]);
	path[i] = '\0';
	search_tables(build, item->listener, visit_nearest, &search);
	if (item->listener == SCOPE_TOP && !item->is_from_command_line &&
		text_is_nearer(path, "listen", &search.distance))
		return "listen";
	return search.nearest;
}

/* Whether it is about the inside of a list: "entries.[2].key". */
static bool is_in_list(const struct build *build, const struct assignment *item)
{
	char path[OPTION_WHY_BYTES];
	struct search search = {.path = path};

	snprintf(path, sizeof path, "%s", item->path);
	char *index = strstr(path, ".[");
	if (index == NULL)
		return false;
	*index = '\0';
	const struct option_row *row = search_tables(build, item->listener, visit_exact, &search);
	return row != NULL && row->type == OPTION_LIST;
}

static void report_unknown(struct build *build, const struct assignment *item)
{
	const char *service = service_with(build, item->path);
	char why[OPTION_WHY_BYTES];

	if (item->listener != SCOPE_TOP && option_find(daemon_options, item->path) != NULL) {
		snprintf(why, sizeof why,
			"expected an option of a listener, got one that stands at the top of the file");
	} else if (service != NULL) {
		snprintf(why, sizeof why,
			"expected an option of the listener's service, got one of service \"%s\"",
			service);
	} else if (is_in_list(build, item)) {
		snprintf(why, sizeof why,
			"expected an option, got a part of a list, which can only be set in the file");
	} else {
		const char *nearest = nearest_to(build, item);

		snprintf(why, sizeof why, "expected a known option, got an unknown name%s%s%s",
			nearest != NULL ? " (did you mean \"" : "", nearest != NULL ? nearest : "",
			nearest != NULL ? "\"?)" : "");
	}
	report(build, item, why);
}

static bool is_service_option(const struct option_row *row)
{
	return row == option_find(listener_options, "service");
}

static void check_service(struct build *build, const struct assignment *item)
{
	const char *names[32];
	size_t count = 0;
	char why[OPTION_WHY_BYTES];

	for (; build->schemas[count].name != NULL && count + 1 < 32; count++)
		names[count] = build->schemas[count].name;
	names[count] = NULL;
	struct option_row choice = {.type = OPTION_CHOICE, .choices = names};
	if (!option_check(&choice, item->kind, item->text, why))
		report(build, item, why);
}

static void check_value(
	struct build *build, const struct assignment *item, const struct option_row *row)
{
	char why[OPTION_WHY_BYTES];

	if (is_service_option(row))
		check_service(build, item);
	else if (!option_check(row, item->kind, item->text, why))
		report(build, item, why);
	else if (row->type == OPTION_LIST)
		list_check(build->assignments, item, row, build->problems);
}

static void check_group(struct build *build, const struct assignment *item)
{
	if (item->kind != VALUE_GROUP)
		report(build, item, "expected a group of options { ... }, got something else");
}

/* Checks one; returns whether what stands inside it is still worth a look. */
static bool check_assignment(struct build *build, const struct assignment *item)
{
	struct search search = {.path = item->path};
	const struct option_row *row = search_tables(build, item->listener, visit_exact, &search);

	if (row != NULL) {
		check_value(build, item, row);
		return false;
	}
	if (search_tables(build, item->listener, visit_group, &search) != NULL) {
		check_group(build, item);
		return true;
	}
	report_unknown(build, item);
	return false;
}

/* Each assignment is checked, also one that another overrides: a wrong line is wrong anyway. */
static void check_assignments(struct build *build)
{
	const struct assignment *done = NULL; /* with all that stands inside it */

	for (size_t i = 0; i < build->assignments->count; i++) {
		const struct assignment *item = &build->assignments->items[i];

		if (done != NULL && assignment_is_inside(item, done))
			continue;
		if (!check_assignment(build, item))
			done = item;
	}
}

const struct assignment *config_decide(
	const struct assignments *assignments, const char *path, int listener)
{
	bool is_daemons = option_find(daemon_options, path) != NULL;

	return assignments_decide(
		assignments, path, listener, listener == SCOPE_TOP || !is_daemons);
}

/* A value that was found wrong leaves no string: the rules between values pass over what is not there. */
static void store_value(struct build *build, const struct assignment *item,
	const struct option_row *row, void *base)
{
	char why[OPTION_WHY_BYTES];

	if (!option_check(row, item->kind, item->text, why))
		option_free_value(row, base);
	else if (row->type == OPTION_LIST)
		list_store(build->assignments, item, row, base);
	else
		option_store(row, item->text, base);
}

static void store_table(
	struct build *build, const struct option_row *table, int listener, void *base)
{
	option_store_defaults(table, base);
	for (const struct option_row *row = table; row->path != NULL; row++) {
		const struct assignment *item = config_decide(
			build->assignments, row->path, listener);

		if (item != NULL)
			store_value(build, item, row, base);
	}
}

static void store_listener(struct build *build, int index)
{
	struct listener_settings *listener = &build->config->listeners[index];

	store_table(build, listener_options, index, listener);
	if (listener->schema == NULL || listener->schema->settings_bytes == 0)
		return;
	listener->service_settings = calloc(1, listener->schema->settings_bytes);
	CHECK(listener->service_settings != NULL);
	store_table(build, rows_of(listener->schema), index, listener->service_settings);
}

static bool is_name_taken(const struct listener_settings *listeners, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (listeners[i].name != NULL && strcmp(listeners[i].name, name) == 0)
			return true;
	return false;
}

void config_name_listeners(struct listener_settings *listeners, size_t count)
{
	char name[64];

	for (size_t i = 0; i < count; i++) {
		struct listener_settings *listener = &listeners[i];

		if (listener->name == NULL || listener->service == NULL ||
			listener->name[0] != '\0')
			continue;
		snprintf(name, sizeof name, "%.32s", listener->service);
		for (int number = 2; is_name_taken(listeners, count, name); number++)
			snprintf(name, sizeof name, "%.32s-%d", listener->service, number);
		free(listener->name);
		listener->name = strdup(name);
		CHECK(listener->name != NULL);
	}
}

static void store_all(struct build *build)
{
	struct config *config = build->config;

	store_table(build, daemon_options, SCOPE_TOP, config);
	for (size_t i = 0; i < config->listener_count; i++)
		store_listener(build, (int)i);
	config_name_listeners(config->listeners, config->listener_count);
}

static struct config *new_config(const struct assignments *assignments)
{
	struct config *config = calloc(1, sizeof *config);

	CHECK(config != NULL);
	config->listener_count = assignments->listener_count != 0 ? assignments->listener_count : 1;
	config->listeners = calloc(config->listener_count, sizeof *config->listeners);
	CHECK(config->listeners != NULL);
	return config;
}

struct config *config_build(const struct assignments *assignments,
	const struct service_schema *schemas, struct problems *problems)
{
	struct build build = {
		.assignments = assignments,
		.schemas = schemas,
		.problems = problems,
		.config = new_config(assignments),
	};

	for (size_t i = 0; i < build.config->listener_count; i++)
		build.config->listeners[i].schema = schema_of(&build, (int)i);
	check_assignments(&build);
	store_all(&build);
	validate(build.config, assignments, problems);
	if (problems->count == 0)
		return build.config;
	config_free(build.config);
	return NULL;
}

bool config_has_service(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (strcmp(config->listeners[i].service, name) == 0)
			return true;
	return false;
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->listener_count; i++) {
		struct listener_settings *listener = &config->listeners[i];

		option_free_values(listener_options, listener);
		if (listener->service_settings != NULL)
			option_free_values(rows_of(listener->schema), listener->service_settings);
		free(listener->service_settings);
	}
	free(config->listeners);
	option_free_values(daemon_options, config);
	free(config);
}
