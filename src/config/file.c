/* SPDX-License-Identifier: MIT */
#include "yodel/config/file.h"

#include "yodel/base/check.h"
#include "yodel/config/literals.h"

#include <errno.h>
#include <libconfig.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { ORIGIN_BYTES = 512, PATH_BYTES = 256, FILE_MAX_BYTES = 1024 * 1024, INCLUDED_MAX = 64 };

struct reading {
	const char *path; /* of the main file, as the caller named it */
	char *folder;     /* that @include is relative to */
	struct assignments *assignments;
	struct problems *problems;
	char *included[INCLUDED_MAX]; /* files that are checked, each once */
	size_t included_count;
	bool is_refused; /* libconfig must not see the text: it would exit or misread it */
};

/* A file's whole content with a NUL behind its length, or NULL with errno. */
static char *read_whole(const char *path, size_t *length)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;

	if (file == NULL)
		return NULL;
	text = malloc(FILE_MAX_BYTES + 1);
	CHECK(text != NULL);
	*length = fread(text, 1, FILE_MAX_BYTES, file);
	int number = ferror(file)                                      ? errno
		     : *length == FILE_MAX_BYTES && fgetc(file) != EOF ? EFBIG
								       : 0;
	text[*length] = '\0';
	fclose(file);
	if (number == 0)
		return text;
	free(text);
	errno = number;
	return NULL;
}

static const char *reason(int number)
{
	return number == EFBIG ? "more than 1 MiB" : error_text(number);
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
		snprintf(text, 64, "%d", config_setting_length(setting));
		break;
	}
}

/* "entries", "entries.[0]", "entries.[0].key". Returns false where it had to be cut. */
static bool write_path(
	char path[PATH_BYTES], const char *prefix, const config_setting_t *setting, int index)
{
	const char *name = config_setting_name(setting), *dot = *prefix != '\0' ? "." : "";
	int length = name != NULL ? snprintf(path, PATH_BYTES, "%s%s%s", prefix, dot, name)
				  : snprintf(path, PATH_BYTES, "%s%s[%d]", prefix, dot, index);

	return length < PATH_BYTES;
}

/*
 * Adds a setting and, for a group or list, all that stands in it. A path that is cut is no option's
 * and ends the way down, which bounds the depth.
 */
static void add_setting(struct reading *reading, const config_setting_t *setting, int listener,
	const char *prefix, int index)
{
	char path[PATH_BYTES], text[64] = "", origin[ORIGIN_BYTES];
	struct assignment item = {
		.path = path, .listener = listener, .text = text, .origin = origin};
	bool is_whole = write_path(path, prefix, setting, index);

	origin_of(reading, setting, origin);
	describe_value(setting, &item, text);
	assignments_add(reading->assignments, &item);
	for (int i = 0; is_whole && i < config_setting_length(setting); i++)
		add_setting(
			reading, config_setting_get_elem(setting, (unsigned)i), listener, path, i);
}

/* How many listeners are read on; more than there may be are a problem. */
static int count_listeners(
	struct reading *reading, const config_setting_t *list, const char *origin)
{
	int count = config_setting_length(list);

	if (count <= LISTENERS_MAX)
		return count;
	problems_add(reading->problems, origin, "listen", "expected at most %d listeners, got %d",
		LISTENERS_MAX, count);
	return LISTENERS_MAX;
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
	int count = count_listeners(reading, list, origin);
	for (int i = 0; i < count; i++) {
		const config_setting_t *entry = config_setting_get_elem(list, (unsigned)i);
		char path[PATH_BYTES];

		if (config_setting_type(entry) != CONFIG_TYPE_GROUP) {
			snprintf(path, sizeof path, "listen.[%d]", i);
			problems_add(reading->problems, origin, path,
				"expected a group { ... }, got something else");
			continue;
		}
		for (int j = 0; j < config_setting_length(entry); j++)
			add_setting(reading, config_setting_get_elem(entry, (unsigned)j), i, "", j);
	}
	reading->assignments->listener_count = (size_t)count;
}

static void add_root(struct reading *reading, const config_setting_t *root)
{
	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);

		if (strcmp(config_setting_name(setting), "listen") == 0)
			add_listeners(reading, setting);
		else
			add_setting(reading, setting, SCOPE_TOP, "", i);
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

/* Adds a problem that keeps libconfig from reading on. */
static void refuse(struct reading *reading, const char *place, const char *why)
{
	problems_add(reading->problems, place, NULL, "%s", why);
	reading->is_refused = true;
}

static void refuse_include(
	struct reading *reading, const char *place, const char *name, const char *what)
{
	problems_add(reading->problems, place, NULL,
		"expected to include a readable file, got \"%s\": %s", name, what);
	reading->is_refused = true;
}

static bool is_included(const struct reading *reading, const char *name)
{
	for (size_t i = 0; i < reading->included_count; i++)
		if (strcmp(reading->included[i], name) == 0)
			return true;
	return false;
}

static void check_include(void *context, const char *place, const char *name);

static void check_text(struct reading *reading, const char *name, const char *text, size_t length)
{
	const struct literals_visitor visitor = {check_include, reading};
	char place[ORIGIN_BYTES];
	unsigned line = 1;

	if (strlen(text) == length) {
		literals_check(name, text, reading->problems, &visitor);
		return;
	}
	for (; *text != '\0'; text++)
		line += *text == '\n';
	snprintf(place, sizeof place, "%.480s:%u", name, line);
	refuse(reading, place, "expected text, got a NUL byte");
}

/* Whether a pipe or a folder stands there: libconfig reads the file again, and exits on a folder. */
static bool is_other_than_file(const char *name)
{
	struct stat status;

	return stat(name, &status) == 0 && !S_ISREG(status.st_mode);
}

static void check_included_file(struct reading *reading, const char *place, const char *file)
{
	char name[ORIGIN_BYTES];
	size_t length;

	snprintf(name, sizeof name, "%s/%s", reading->folder, file);
	if (is_other_than_file(name)) {
		refuse_include(reading, place, name, "not a regular file");
		return;
	}
	char *text = read_whole(name, &length);
	if (text == NULL) {
		refuse_include(reading, place, name, reason(errno));
		return;
	}
	check_text(reading, name, text, length);
	free(text);
}

/* Each file once: that also ends the circle of files that include each other. */
static void check_include(void *context, const char *place, const char *name)
{
	struct reading *reading = context;

	if (strpbrk(name, "\\\n") != NULL) {
		refuse_include(reading, place, name, "expected a name without backslashes");
	} else if (name[0] == '/') {
		refuse_include(
			reading, place, name, "expected a path relative to the folder of the file");
	} else if (is_included(reading, name)) {
		return;
	} else if (reading->included_count == INCLUDED_MAX) {
		refuse_include(reading, place, name, "more than 64 included files");
	} else {
		char *copy = strdup(name);

		CHECK(copy != NULL);
		reading->included[reading->included_count++] = copy;
		check_included_file(reading, place, name);
	}
}

static void parse(struct reading *reading, const char *text)
{
	config_t parsed;

	config_init(&parsed);
	config_set_include_dir(&parsed, reading->folder);
	if (config_read_string(&parsed, text) == CONFIG_TRUE)
		add_root(reading, config_root_setting(&parsed));
	else
		report_syntax(reading, &parsed);
	config_destroy(&parsed);
}

static int exit_code_of(int number)
{
	switch (number) {
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EFBIG:
		return EX_NOINPUT;
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	default:
		return EX_OSERR;
	}
}

int config_file_read(const char *path, struct assignments *assignments, struct problems *problems,
	struct error *error)
{
	size_t length;
	char *text = read_whole(path, &length);

	if (text == NULL)
		return error_set(error, exit_code_of(errno),
			"cannot read configuration file \"%s\": %s", path, reason(errno));
	char *path_copy = strdup(path);
	CHECK(path_copy != NULL);
	struct reading reading = {
		.path = path,
		.folder = dirname(path_copy),
		.assignments = assignments,
		.problems = problems,
	};

	check_text(&reading, path, text, length);
	if (!reading.is_refused)
		parse(&reading, text);
	for (size_t i = 0; i < reading.included_count; i++)
		free(reading.included[i]);
	free(path_copy);
	free(text);
	return 0;
}
