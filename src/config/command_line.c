/* SPDX-License-Identifier: MIT */
#include "yodel/config/command_line.h"

#include "yodel/base/check.h"
#include "yodel/base/flags.h"
#include "yodel/base/text.h"
#include "yodel/config/config.h"
#include "yodel/transport/listener.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* The flags, in the order of the help. */
enum {
	FLAG_CONFIG,
	FLAG_OPTION,
	FLAG_LISTEN,
	FLAG_TEST,
	FLAG_SHOW,
	FLAG_READY,
	FLAG_ONCE,
	FLAG_MAX_ACCEPTS,
	FLAG_EXIT_IDLE,
	FLAG_DIE_WITH_PARENT,
	FLAG_CONSOLE,
	FLAG_VERBOSE,
	FLAG_QUIET,
	FLAG_VERSION,
	FLAG_HELP,
	FLAG_COUNT,
};

static const struct flag flags[FLAG_COUNT] = {
	[FLAG_CONFIG] = {'c', "config", "FILE",
		"read this file; without, the default file if there is one"},
	[FLAG_OPTION] = {'o', "option", "PATH=VALUE",
		"set an option; wins over the file; may be repeated"},
	[FLAG_LISTEN] = {'l', "listen", "HOST:PORT[=SERVICE]",
		"listen here instead of where the file says; may be repeated"},
	[FLAG_TEST] = {'t', "test", NULL,
		"check the configuration, print \"configuration OK\" and exit"},
	[FLAG_SHOW] = {'T', "show", NULL, "print every effective value with its origin and exit"},
	[FLAG_READY] = {'1', "ready", NULL,
		"print each bound address on stdout once all listen, then close stdout"},
	[FLAG_ONCE] = {'\0', "once", NULL, "exit after one client, as --max-accepts 1"},
	[FLAG_MAX_ACCEPTS] = {'\0', "max-accepts", "NUMBER",
		"exit after so many clients, as -o exit.max_accepts=NUMBER"},
	[FLAG_EXIT_IDLE] = {'\0', "exit-idle", "TIME",
		"exit after so long without a client, as -o exit.idle=TIME"},
	[FLAG_DIE_WITH_PARENT] = {'\0', "die-with-parent", NULL,
		"stop with the parent process, as -o exit.with_parent=true"},
	[FLAG_CONSOLE] = {'\0', "console", NULL,
		"answer the clients of service talk from this terminal; log at level warn unless another is set"},
	[FLAG_VERBOSE] = {'v', "verbose", NULL, "log at level debug, as -o log.level=debug"},
	[FLAG_QUIET] = {'q', "quiet", NULL, "log at level warn, as -o log.level=warn"},
	[FLAG_VERSION] = {'V', "version", NULL, "print the version and exit"},
	[FLAG_HELP] = {'h', "help", NULL,
		"print this help and all options of the configuration, and exit"},
};

/* Flags that stand for an option. value: NULL for the flag's argument. */
static const struct shorthand {
	const char *origin, *path, *value;
} shorthands[FLAG_COUNT] = {
	[FLAG_ONCE] = {"--once", "exit.max_accepts", "1"},
	[FLAG_MAX_ACCEPTS] = {"--max-accepts", "exit.max_accepts", NULL},
	[FLAG_EXIT_IDLE] = {"--exit-idle", "exit.idle", NULL},
	[FLAG_DIE_WITH_PARENT] = {"--die-with-parent", "exit.with_parent", "true"},
	[FLAG_VERBOSE] = {"-v", "log.level", "debug"},
	[FLAG_QUIET] = {"-q", "log.level", "warn"},
};

static struct assignment item_of(
	const char *origin, int listener, const char *path, const char *value)
{
	return (struct assignment){
		.path = path,
		.listener = listener,
		.kind = VALUE_WORD,
		.text = value,
		.origin = origin,
		.is_from_command_line = true,
	};
}

static void add(struct assignments *assignments, const char *origin, int listener, const char *path,
	const char *value)
{
	struct assignment item = item_of(origin, listener, path, value);

	assignments_add(assignments, &item);
}

/* A terminal that is talked at wants no line for each client, unless somebody says so. */
static void calm_log(struct assignments *assignments)
{
	struct assignment item = item_of("--console", SCOPE_TOP, "log.level", "warn");

	item.is_weak = true;
	assignments_add(assignments, &item);
}

/* Reads the escapes that a string in the file may have; any other backslash stays, as libconfig leaves it. */
static void read_escapes(char *text)
{
	char *to = text;

	while (*text != '\0') {
		unsigned char byte = 0;
		size_t length = 0;

		if (text[0] == '\\' && text[1] != '\0' && strchr("nrtf\\\"x", text[1]) != NULL)
			length = text_read_escape(text + 1, &byte);
		if (length > 0 && byte != '\0') {
			*to++ = (char)byte;
			text += 1 + length;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

/* -o PATH=VALUE */
static int read_option(struct command_line *line, const char *argument, struct error *error)
{
	char *path = strdup(argument);

	CHECK(path != NULL);
	char *value = strchr(path, '=');
	if (value == NULL || value == path) {
		free(path);
		return error_set(error, EX_USAGE, "-o: expected PATH=VALUE, got \"%s\"", argument);
	}
	*value++ = '\0';
	read_escapes(value);
	bool is_to_listener = strncmp(path, "listen.", 7) == 0;
	add(is_to_listener ? &line->to_listeners : &line->assignments, "-o", SCOPE_TOP, path,
		value);
	free(path);
	return 0;
}

/* Splits "HOST:PORT" in place; an IPv6 address stands in brackets. Returns false where it is something else. */
static bool split_address(char *text, const char **host, const char **port)
{
	char *colon = strrchr(text, ':');
	size_t length = colon != NULL ? (size_t)(colon - text) : 0;
	bool is_bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';

	if (colon == NULL || colon[1] == '\0')
		return false;
	if (!is_bracketed && memchr(text, ':', length) != NULL)
		return false;
	text[is_bracketed ? length - 1 : length] = '\0';
	*host = is_bracketed ? text + 1 : text;
	*port = colon + 1;
	return true;
}

/* Whether the host stands for a socket by itself. */
static bool has_no_port(const char *host)
{
	return listener_inherited_name(host) != NULL || address_path_of_host(host) != NULL;
}

/* -l HOST:PORT[=SERVICE], unix:PATH[=SERVICE] or systemd:NAME[=SERVICE]; an empty host is "*". */
static int read_listen(struct command_line *line, const char *argument, struct error *error)
{
	int index = (int)line->assignments.listener_count;
	const char *host, *port = NULL;
	int result = 0;

	if (index == LISTENERS_MAX)
		return error_set(error, EX_USAGE,
			"-l: expected at most %d listeners, got \"%s\" too", LISTENERS_MAX,
			argument);
	char *text = strdup(argument);
	CHECK(text != NULL);
	char *service = strrchr(text, '=');
	if (service != NULL)
		*service++ = '\0';
	host = text;
	if ((service != NULL && *service == '\0') ||
		(!has_no_port(text) && !split_address(text, &host, &port))) {
		result = error_set(error, EX_USAGE,
			"-l: expected HOST:PORT[=SERVICE] with an IPv6 address in brackets, unix:PATH[=SERVICE] or systemd:NAME[=SERVICE], got \"%s\"",
			argument);
		goto out;
	}
	add(&line->assignments, "-l", index, "host", *host != '\0' ? host : "*");
	if (port != NULL)
		add(&line->assignments, "-l", index, "port", port);
	if (service != NULL)
		add(&line->assignments, "-l", index, "service", service);
	line->assignments.listener_count++;
out:
	free(text);
	return result;
}

static int read_flag(struct command_line *line, int flag, struct error *error)
{
	const struct shorthand *shorthand = &shorthands[flag];

	switch (flag) {
	case FLAG_CONFIG:
		line->config_path = optarg;
		return 0;
	case FLAG_OPTION:
		return read_option(line, optarg, error);
	case FLAG_LISTEN:
		return read_listen(line, optarg, error);
	case FLAG_TEST:
		line->command = COMMAND_TEST;
		return 0;
	case FLAG_SHOW:
		line->command = COMMAND_SHOW;
		return 0;
	case FLAG_READY:
		line->has_ready_lines = true;
		return 0;
	case FLAG_CONSOLE:
		line->has_console = true;
		calm_log(&line->assignments);
		return 0;
	case FLAG_VERSION:
		line->command = COMMAND_VERSION;
		return 0;
	case FLAG_HELP:
		line->command = COMMAND_HELP;
		return 0;
	default:
		add(&line->assignments, shorthand->origin, SCOPE_TOP, shorthand->path,
			shorthand->value != NULL ? shorthand->value : optarg);
		return 0;
	}
}

int command_line_read(struct command_line *line, int argc, char **argv, struct error *error)
{
	int flag;

	*line = (struct command_line){.command = COMMAND_RUN};
	flags_begin();
	while ((flag = flags_next(flags, FLAG_COUNT, argc, argv, error)) != FLAGS_END)
		if (flag == FLAGS_BAD || read_flag(line, flag, error) != 0)
			return -1;
	if (optind < argc)
		return error_set(error, EX_USAGE, "expected no argument, got \"%s\"; try --help",
			argv[optind]);
	return 0;
}

/* Without a list there is one listener, and its number is 0. */
static size_t listener_count(const struct assignments *assignments)
{
	return assignments->listener_count > 0 ? assignments->listener_count : 1;
}

/* A copy of the text that decides, or of the default. */
static char *text_of(const struct assignments *assignments, const char *path, int listener)
{
	const struct assignment *item = assignments_decide(assignments, path, listener, true);
	char *text = strdup(
		item != NULL ? item->text : option_find(listener_options, path)->default_value);

	CHECK(text != NULL);
	return text;
}

/* The listeners with nothing but the names that they will have. */
static struct listener_settings *named_listeners(const struct assignments *assignments)
{
	size_t count = listener_count(assignments);
	struct listener_settings *listeners = calloc(count, sizeof *listeners);

	CHECK(listeners != NULL);
	for (size_t i = 0; i < count; i++) {
		listeners[i].name = text_of(assignments, "name", (int)i);
		listeners[i].service = text_of(assignments, "service", (int)i);
	}
	config_name_listeners(listeners, count);
	return listeners;
}

/* The listener a KEY stands for: the first of that name, or "[N]". Returns -1 where there is none. */
static int find_listener(const struct assignments *assignments, const char *key)
{
	struct listener_settings *listeners = named_listeners(assignments);
	int count = (int)listener_count(assignments), found = -1;
	char bracketed[16];

	for (int i = 0; i < count; i++) {
		snprintf(bracketed, sizeof bracketed, "[%d]", i);
		bool is_meant = strcmp(key, bracketed) == 0 || strcmp(key, listeners[i].name) == 0;
		if (is_meant && found < 0)
			found = i;
		free(listeners[i].name);
		free(listeners[i].service);
	}
	free(listeners);
	return found;
}

static void apply_to_listener(
	const struct assignment *item, struct assignments *assignments, struct problems *problems)
{
	const char *key = item->path + strlen("listen.");
	const char *dot = strchr(key, '.');
	char *name = strndup(key, dot != NULL ? (size_t)(dot - key) : strlen(key));

	CHECK(name != NULL);
	int listener = find_listener(assignments, name);
	if (dot == NULL || listener < 0)
		problems_add(problems, item->origin, item->path,
			"expected listen.NAME.OPTION or listen.[NUMBER].OPTION of one of %zu listeners, got \"%s\"",
			listener_count(assignments), name);
	else
		add(assignments, item->origin, listener, dot + 1, item->text);
	free(name);
}

void command_line_apply(
	const struct command_line *line, struct assignments *assignments, struct problems *problems)
{
	if (line->assignments.listener_count > 0)
		assignments_drop_listeners(assignments);
	assignments_append(assignments, &line->assignments);
	for (size_t i = 0; i < line->to_listeners.count; i++)
		apply_to_listener(&line->to_listeners.items[i], assignments, problems);
}

static void print_usage(FILE *out, const struct flag *flag)
{
	if (flag->letter != '\0')
		fprintf(out, " [-%c", flag->letter);
	else
		fprintf(out, " [--%s", flag->name);
	fprintf(out, "%s%s]", flag->argument != NULL ? " " : "",
		flag->argument != NULL ? flag->argument : "");
}

void command_line_print_help(FILE *out)
{
	fputs("Usage: yodeld", out);
	for (size_t i = 0; i < FLAG_COUNT; i++)
		print_usage(out, &flags[i]);
	fputs("\nEcho or greet every TCP client, each on a thread of its own.\n\n", out);
	flags_print(out, flags, FLAG_COUNT, 37);
}

void command_line_fini(struct command_line *line)
{
	assignments_fini(&line->assignments);
	assignments_fini(&line->to_listeners);
}
