/* SPDX-License-Identifier: MIT */
#include "yodel/config/file.h"

#include "yodel/base/check.h"
#include "yodel/config/literals.h"

#include <errno.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

enum { ORIGIN_BYTES = 512, PATH_BYTES = 256, FILE_MAX_BYTES = 1024 * 1024, INCLUDED_MAX = 64 };

struct reading {
	const char *path; /* of the main file, as the caller named it */
	char *folder;     /* that @include is relative to */
	struct assignments *assignments;
	struct problems *problems;
	const char *included
		[INCLUDED_MAX]; /* files whose literals are checked; beyond these, once more */
	size_t included_count;
};

/* A file's whole content, or NULL with errno. */
static char *read_whole(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;

	if (file == NULL)
		return NULL;
	text = malloc(FILE_MAX_BYTES + 1);
	CHECK(text != NULL);
	size_t length = fread(text, 1, FILE_MAX_BYTES, file);
	text[length] = '\0';
	if (ferror(file) || !feof(file)) {
		errno = ferror(file) ? errno : EFBIG;
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

/* The name of a file as the reader of a message can open it: an included one is relative to the main one. */
static void file_name(const struct reading *reading, const char *file, char name[ORIGIN_BYTES])
{
	bool is_as_given = file == NULL || file[0] == '/' || strcmp(file, reading->path) == 0;

	if (is_as_given || strcmp(reading->folder, ".") == 0)
		snprintf(name, ORIGIN_BYTES, "%s", file != NULL ? file : reading->path);
	else
		snprintf(name, ORIGIN_BYTES, "%s/%s", reading->folder, file);
}

static void origin_of(
	const struct reading *reading, const config_setting_t *setting, char origin[ORIGIN_BYTES])
{
	char name[ORIGIN_BYTES];

	file_name(reading, config_setting_source_file(setting), name);
	snprintf(origin, ORIGIN_BYTES, "%.480s:%u", name, config_setting_source_line(setting));
}

static void describe_value(const config_setting_t *setting, struct assignment *item, char text[64])
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
		item->kind = VALUE_INTEGER;
		snprintf(text, 64, "%d", config_setting_get_int(setting));
		break;
	case CONFIG_TYPE_INT64:
		item->kind = VALUE_INTEGER;
		snprintf(text, 64, "%lld", config_setting_get_int64(setting));
		break;
	case CONFIG_TYPE_BOOL:
		item->kind = VALUE_BOOL;
		snprintf(text, 64, "%s", config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_FLOAT:
		item->kind = VALUE_FLOAT;
		snprintf(text, 64, "%g", config_setting_get_float(setting));
		break;
	case CONFIG_TYPE_STRING:
		item->kind = VALUE_STRING;
		item->text = config_setting_get_string(setting);
		break;
	case CONFIG_TYPE_GROUP:
		item->kind = VALUE_GROUP;
		break;
	default:
		item->kind = VALUE_LIST;
		break;
	}
}

/* Adds a setting and, for a group, all its members. */
static void add_setting(
	struct reading *reading, const config_setting_t *setting, int listener, const char *prefix)
{
	char path[PATH_BYTES], text[64] = "", origin[ORIGIN_BYTES];
	struct assignment item = {
		.path = path, .listener = listener, .text = text, .origin = origin};

	snprintf(path, sizeof path, "%s%s%s", prefix, *prefix != '\0' ? "." : "",
		config_setting_name(setting));
	origin_of(reading, setting, origin);
	describe_value(setting, &item, text);
	assignments_add(reading->assignments, &item);
	for (int i = 0; item.kind == VALUE_GROUP && i < config_setting_length(setting); i++)
		add_setting(reading, config_setting_get_elem(setting, (unsigned)i), listener, path);
}

static void add_listeners(struct reading *reading, const config_setting_t *list)
{
	char origin[ORIGIN_BYTES];

	origin_of(reading, list, origin);
	if (config_setting_type(list) != CONFIG_TYPE_LIST || config_setting_length(list) == 0) {
		problems_add(reading->problems, origin, "listen",
			"expected a list of one or more groups ( { ... }, { ... } ), got something else");
		return;
	}
	for (int i = 0; i < config_setting_length(list); i++) {
		const config_setting_t *entry = config_setting_get_elem(list, (unsigned)i);
		char path[PATH_BYTES];

		if (config_setting_type(entry) != CONFIG_TYPE_GROUP) {
			snprintf(path, sizeof path, "listen.[%d]", i);
			problems_add(reading->problems, origin, path,
				"expected a group { ... }, got something else");
			continue;
		}
		for (int j = 0; j < config_setting_length(entry); j++)
			add_setting(reading, config_setting_get_elem(entry, (unsigned)j), i, "");
	}
	reading->assignments->listener_count = (size_t)config_setting_length(list);
}

static void add_root(struct reading *reading, const config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);

		if (strcmp(config_setting_name(setting), "listen") == 0)
			add_listeners(reading, setting);
		else
			add_setting(reading, setting, SCOPE_TOP, "");
	}
}

static void report_syntax(struct reading *reading, const config_t *parsed)
{
	char name[ORIGIN_BYTES], origin[ORIGIN_BYTES];

	file_name(reading, config_error_file(parsed), name);
	snprintf(origin, sizeof origin, "%.480s:%d", name, config_error_line(parsed));
	problems_add(reading->problems, origin, NULL, "expected libconfig syntax, got a %s",
		config_error_text(parsed));
}

static void check_included(struct reading *reading, const char *file)
{
	char name[ORIGIN_BYTES];

	file_name(reading, file, name);
	char *text = read_whole(name);
	if (text == NULL) {
		problems_add(reading->problems, name, NULL, "expected a readable file, got: %s",
			error_text(errno));
		return;
	}
	literals_check(name, text, reading->problems);
	free(text);
}

/* Whether a file's literals are still to be checked; libconfig names the file of every setting. */
static bool is_new_file(struct reading *reading, const char *file)
{
	if (file == NULL || strcmp(file, reading->path) == 0)
		return false;
	for (size_t i = 0; i < reading->included_count; i++)
		if (strcmp(reading->included[i], file) == 0)
			return false;
	if (reading->included_count < INCLUDED_MAX)
		reading->included[reading->included_count++] = file;
	return true;
}

static void check_includes(struct reading *reading, const config_setting_t *setting)
{
	const char *file = config_setting_source_file(setting);

	if (is_new_file(reading, file))
		check_included(reading, file);
	for (int i = 0; config_setting_is_aggregate(setting) && i < config_setting_length(setting);
		i++)
		check_includes(reading, config_setting_get_elem(setting, (unsigned)i));
}

static void parse(struct reading *reading)
{
	config_t parsed;

	config_init(&parsed);
	config_set_include_dir(&parsed, reading->folder);
	if (config_read_file(&parsed, reading->path) == CONFIG_TRUE) {
		check_includes(reading, config_root_setting(&parsed));
		add_root(reading, config_root_setting(&parsed));
	} else {
		report_syntax(reading, &parsed);
	}
	config_destroy(&parsed);
}

int config_file_read(const char *path, struct assignments *assignments, struct problems *problems,
	struct error *error)
{
	char *text = read_whole(path);

	if (text == NULL) {
		int code = errno == ENOENT || errno == ENOTDIR ? EX_NOINPUT
			   : errno == EACCES                   ? EX_NOPERM
							       : EX_OSERR;
		return error_set_errno(
			error, code, errno, "cannot read configuration file \"%s\"", path);
	}
	char *path_copy = strdup(path);
	CHECK(path_copy != NULL);
	struct reading reading = {
		.path = path,
		.folder = dirname(path_copy),
		.assignments = assignments,
		.problems = problems,
	};

	literals_check(path, text, problems);
	parse(&reading);
	free(path_copy);
	free(text);
	return 0;
}
