/* SPDX-License-Identifier: MIT */
#include "config_support.h"

#include "yodel/config/command_line.h"
#include "yodel/config/file.h"

#include <stdio.h>

static char *printed(const struct config *config, const struct assignments *assignments)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	config_print(out, config, assignments);
	fclose(out);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1)
		if (strncmp(at, line, length) == 0 && at[length] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

/* A configuration with something of everything. */
static void fill(struct trial *trial)
{
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "timeouts.idle", "90s", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "limits.max_connections", "50", "f:2");
	trial_set(trial, 0, VALUE_STRING, "service", "speaker", "f:3");
	trial_set(trial, 0, VALUE_STRING, "text", "a \"b\"\n\\x \x80=#", "f:4");
	trial_set(trial, 0, VALUE_STRING, "port", "http", "f:5");
	trial_set(trial, 0, VALUE_STRING, "limits.accept_rate", "7/m", "f:6");
	trial_set(trial, 1, VALUE_INTEGER, "port", "9", "f:7");
	trial_set(trial, 1, VALUE_STRING, "host", "::1", "f:8");
	trial_set(trial, 1, VALUE_STRING, "timeouts.idle", "1500ms", "f:9");
	trial_option(trial, 1, "socket.nodelay", "false");
	trial_option(trial, SCOPE_TOP, "thread_stack", "131072");
}

static void every_value_is_printed_with_its_origin(void **state)
{
	struct trial *trial = *state;

	fill(trial);
	const struct config *config = trial_build(trial);
	char *text = printed(config, &trial->assignments);
	expect_line(text, "limits.max_connections = 50  # f:2");
	expect_line(text, "limits.max_per_peer = 0  # default");
	expect_line(text, "thread_stack = \"128k\"  # -o");
	expect_line(text, "log.level = \"info\"  # default");
	expect_line(text, "listen.[0].service = \"speaker\"  # f:3");
	expect_line(text, "listen.[0].text = \"a \\\"b\\\"\\n\\\\x \\x80=#\"  # f:4");
	expect_line(text, "listen.[0].pauses.between = \"1s\"  # default");
	expect_line(text, "listen.[0].port = \"http\"  # f:5");
	expect_line(text, "listen.[0].limits.accept_rate = \"7/m\"  # f:6");
	expect_line(text, "listen.[0].limits.max_connections = 0  # default");
	expect_line(text, "listen.[0].timeouts.idle = \"90s\"  # f:1");
	expect_line(text, "listen.[1].timeouts.idle = \"1500ms\"  # f:9");
	expect_line(text, "listen.[1].port = 9  # f:7");
	expect_line(text, "listen.[1].socket.nodelay = false  # -o");
	expect_line(text, "listen.[1].name = \"echo\"  # default");
	free(text);
}

static size_t count_rows(const struct option_row *table)
{
	size_t count = 0;

	while (table[count].path != NULL)
		count++;
	return count;
}

static void every_row_is_printed_once_for_each_that_has_it(void **state)
{
	struct trial *trial = *state;
	size_t lines = 0;

	fill(trial);
	const struct config *config = trial_build(trial);
	char *text = printed(config, &trial->assignments);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, count_rows(daemon_options) + 2 * count_rows(listener_options) +
					count_rows(test_schemas[1].options));
	free(text);
}

/* Every printed line as an -o argument, but for lists, which the file alone sets. */
static int read_back(char *text, char *argv[], int capacity)
{
	int argc = 1;

	for (char *line, *rest = text; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		char *equals = strstr(line, " = "), *end = NULL, *argument = NULL;

		assert_non_null(equals);
		if (equals[3] == '(')
			continue;
		for (char *at = equals; (at = strstr(at, "  # ")) != NULL; at++)
			end = at;
		assert_non_null(end);
		bool is_quoted = equals[3] == '"'; /* the shell takes the quotes off */
		*equals = *(end - is_quoted) = '\0';
		assert_true(argc + 2 < capacity);
		assert_true(asprintf(&argument, "-o%s=%s", line, equals + 3 + is_quoted) > 0);
		argv[argc++] = argument;
	}
	argv[argc] = NULL;
	return argc;
}

static void strip_origins(char *text)
{
	char *to = text;

	for (char *line = text; *line != '\0';) {
		char *next = strchr(line, '\n') + 1, *end = NULL;

		for (char *at = line; (at = strstr(at, "  # ")) != NULL && at < next; at++)
			end = at;
		assert_non_null(end);
		memmove(to, line, (size_t)(end - line));
		to += end - line;
		*to++ = '\n';
		line = next;
	}
	*to = '\0';
}

static void what_is_printed_gives_the_same_configuration_through_options(void **state)
{
	struct trial *trial = *state;
	char name[] = "yodeld", first[] = "-l:1", second[] = "-l:2", *argv[160] = {name};
	struct command_line line;
	struct error error;

	fill(trial);
	const struct config *config = trial_build(trial);
	char *before = printed(config, &trial->assignments), *copy = strdup(before);
	int argc = read_back(copy, argv, 150);
	argv[argc] = first; /* two listeners to set the options of */
	argv[argc + 1] = second;
	if (command_line_read(&line, argc + 2, argv, &error) != 0)
		fail_msg("%s", error.message);
	assignments_fini(&trial->assignments);
	command_line_apply(&line, &trial->assignments, &trial->problems);
	command_line_fini(&line);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	config = trial_build(trial);
	char *after = printed(config, &trial->assignments);
	strip_origins(before);
	strip_origins(after);
	assert_string_equal(after, before);
	free(copy);
	free(before);
	free(after);
}

static void a_list_is_printed_in_a_line_with_the_origin_of_its_head(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "service", "board", "f:1");
	trial_set(trial, 0, VALUE_LIST, "paint.colours", "2", "f:2");
	trial_set(trial, 0, VALUE_STRING, "paint.colours.[0]", "red", "f:3");
	trial_set(trial, 0, VALUE_STRING, "paint.colours.[1]", "dark blue", "f:4");
	const struct config *config = trial_build(trial);
	char *text = printed(config, &trial->assignments);
	expect_line(text, "listen.[0].paint.colours = ( \"red\", \"dark blue\" )  # f:2");
	expect_line(text,
		"listen.[0].notes = ( { key = \"hello\";"
		" value = \"Good \\\"day\\\" \U0001f430\"; stay_ms = \"5s\"; } )  # default");
	free(text);
}

/* The list alone, as -T writes it. */
static char *printed_notes(const struct config *config)
{
	const struct listener_settings *listener = &config->listeners[0];
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	option_print_value(
		out, option_find(listener->schema->options, "notes"), listener->service_settings);
	fclose(out);
	return text;
}

static void what_is_printed_of_a_list_gives_the_same_list_through_a_file(void **state)
{
	struct trial *trial = *state;
	char folder[64], path[128], *content = NULL;
	struct error error;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "service", "board", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "1", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "notes.[0]", "", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "notes.[0].key", "\U0001f436", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "notes.[0].value",
		"a \"b\"; } )\n\r\t\\x41 \x01\x80\xff f\u00fcr \u202e", "f:3");
	char *before = printed_notes(trial_build(trial));
	assert_true(asprintf(&content, "service = \"board\";\nnotes = %s;\n", before) > 0);
	support_make_folder(folder);
	support_write_file(folder, "board.conf", content);
	snprintf(path, sizeof path, "%s/board.conf", folder);
	assignments_fini(&trial->assignments);
	assert_int_equal(config_file_read(path, &trial->assignments, &trial->problems, &error), 0);
	char *after = printed_notes(trial_build(trial));
	const struct board_settings *board = trial->config->listeners[0].service_settings;
	const struct board_note *note = board->notes.items;
	assert_string_equal(note->value, "a \"b\"; } )\n\r\t\\x41 \x01\x80\xff f\u00fcr \u202e");
	assert_string_equal(after, before);
	support_remove_folder(folder);
	free(content);
	free(before);
	free(after);
}

static void help_has_every_row_with_its_default(void **state)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(out);
	config_print_options(out, test_schemas);
	fclose(out);
	expect_line(text, "  limits.max_connections = 1024");
	expect_line(text, "  timeouts.idle = \"5m\"");
	expect_line(text, "  port = 65432");
	expect_line(text, "  host = \"127.0.0.1\"");
	expect_line(text, "  socket.nodelay = true");
	expect_line(text, "Options of service speaker:");
	expect_line(text, "  text = \"hi\"");
	expect_line(text, "      Between two words");
	expect_line(text, "  paint.colours = ()");
	expect_line(text, "  notes = (");
	assert_null(strstr(text, "service echo"));
	free(text);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, trial_set_up, trial_tear_down)
	const struct CMUnitTest tests[] = {
		ROW(every_value_is_printed_with_its_origin),
		ROW(every_row_is_printed_once_for_each_that_has_it),
		ROW(what_is_printed_gives_the_same_configuration_through_options),
		ROW(a_list_is_printed_in_a_line_with_the_origin_of_its_head),
		ROW(what_is_printed_of_a_list_gives_the_same_list_through_a_file),
		ROW(help_has_every_row_with_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
