/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/config/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct reading {
	char folder[64], path[128];
	struct assignments assignments;
	struct problems problems;
	struct error error;
};

static int set_up(void **state)
{
	struct reading *reading = calloc(1, sizeof *reading);

	assert_non_null(reading);
	support_make_folder(reading->folder);
	snprintf(reading->path, sizeof reading->path, "%s/main.conf", reading->folder);
	problems_init(&reading->problems);
	*state = reading;
	return 0;
}

static int tear_down(void **state)
{
	struct reading *reading = *state;

	assignments_fini(&reading->assignments);
	problems_fini(&reading->problems);
	support_remove_folder(reading->folder);
	free(reading);
	return 0;
}

static void read_text(struct reading *reading, const char *text)
{
	support_write_file(reading->folder, "main.conf", text);
	if (config_file_read(
		    reading->path, &reading->assignments, &reading->problems, &reading->error) != 0)
		fail_msg("%s", reading->error.message);
}

static void expect_item(struct reading *reading, size_t index, int listener, enum value_kind kind,
	const char *path, const char *text, unsigned line)
{
	char origin[256];

	assert_true(index < reading->assignments.count);
	const struct assignment *item = &reading->assignments.items[index];
	assert_string_equal(item->path, path);
	assert_string_equal(item->text, text);
	assert_int_equal(item->kind, kind);
	assert_int_equal(item->listener, listener);
	assert_false(item->is_from_command_line);
	snprintf(origin, sizeof origin, "%s:%u", reading->path, line);
	assert_string_equal(item->origin, origin);
}

/* The problems with "DIR" for the folder of the test. */
static void expect_problems(struct reading *reading, const char *expected)
{
	const char *at = problems_text(&reading->problems);
	size_t length = strlen(reading->folder), used = 0;
	char text[2048];

	while (*at != '\0' && used + 4 < sizeof text) {
		bool is_folder = strncmp(at, reading->folder, length) == 0;

		used += (size_t)snprintf(
			text + used, sizeof text - used, is_folder ? "DIR" : "%c", *at);
		at += is_folder ? length : 1;
	}
	text[used] = '\0';
	assert_string_equal(text, expected);
}

static void every_kind_of_value_is_read_in_order(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "a = true;\nb = FALSE;\nc = 42;\nd = -7;\ne = 4294967303L;\nf = 1.5;\n"
			   "g = \"x\\ty\\\"\\x41\";\nh = [1, 2];\ni = ( \"a\", 2 );\nj = 0x10;\n"
			   "k = \"one \" \"two\";\nl = {};\nm = \"\";\n");
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.count, 17);
	assert_int_equal(reading->assignments.listener_count, 0);
	expect_item(reading, 0, SCOPE_TOP, VALUE_BOOL, "a", "true", 1);
	expect_item(reading, 1, SCOPE_TOP, VALUE_BOOL, "b", "false", 2);
	expect_item(reading, 2, SCOPE_TOP, VALUE_INTEGER, "c", "42", 3);
	expect_item(reading, 3, SCOPE_TOP, VALUE_INTEGER, "d", "-7", 4);
	expect_item(reading, 4, SCOPE_TOP, VALUE_INTEGER, "e", "4294967303", 5);
	expect_item(reading, 5, SCOPE_TOP, VALUE_FLOAT, "f", "1.5", 6);
	expect_item(reading, 6, SCOPE_TOP, VALUE_STRING, "g", "x\ty\"A", 7);
	expect_item(reading, 7, SCOPE_TOP, VALUE_LIST, "h", "2", 8);
	expect_item(reading, 8, SCOPE_TOP, VALUE_INTEGER, "h.[0]", "1", 8);
	expect_item(reading, 9, SCOPE_TOP, VALUE_INTEGER, "h.[1]", "2", 8);
	expect_item(reading, 10, SCOPE_TOP, VALUE_LIST, "i", "2", 9);
	expect_item(reading, 11, SCOPE_TOP, VALUE_STRING, "i.[0]", "a", 9);
	expect_item(reading, 12, SCOPE_TOP, VALUE_INTEGER, "i.[1]", "2", 9);
	expect_item(reading, 13, SCOPE_TOP, VALUE_INTEGER, "j", "16", 10);
	expect_item(reading, 14, SCOPE_TOP, VALUE_STRING, "k", "one two", 11);
	expect_item(reading, 15, SCOPE_TOP, VALUE_GROUP, "l", "", 12);
	expect_item(reading, 16, SCOPE_TOP, VALUE_STRING, "m", "", 13);
}

static void lists_give_paths_with_the_numbers_of_their_elements(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "entries: (\n"
			   " { key = \"\U0001f436\";\n   value = \"Follow\"\n     \" it\"; },\n"
			   " {},\n"
			   " ( true, [] )\n"
			   ");\n"
			   "none = ();\n"
			   "listen: ( {\n  deep: { entries = (\n { key = 2; } ); }; } );\n");
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.count, 13);
	assert_int_equal(reading->assignments.listener_count, 1);
	expect_item(reading, 0, SCOPE_TOP, VALUE_LIST, "entries", "3", 1);
	expect_item(reading, 1, SCOPE_TOP, VALUE_GROUP, "entries.[0]", "", 2);
	expect_item(reading, 2, SCOPE_TOP, VALUE_STRING, "entries.[0].key", "\U0001f436", 2);
	expect_item(reading, 3, SCOPE_TOP, VALUE_STRING, "entries.[0].value", "Follow it", 3);
	expect_item(reading, 4, SCOPE_TOP, VALUE_GROUP, "entries.[1]", "", 5);
	expect_item(reading, 5, SCOPE_TOP, VALUE_LIST, "entries.[2]", "2", 6);
	expect_item(reading, 6, SCOPE_TOP, VALUE_BOOL, "entries.[2].[0]", "true", 6);
	expect_item(reading, 7, SCOPE_TOP, VALUE_LIST, "entries.[2].[1]", "0", 6);
	expect_item(reading, 8, SCOPE_TOP, VALUE_LIST, "none", "0", 8);
	expect_item(reading, 9, 0, VALUE_GROUP, "deep", "", 10);
	expect_item(reading, 10, 0, VALUE_LIST, "deep.entries", "1", 10);
	expect_item(reading, 11, 0, VALUE_GROUP, "deep.entries.[0]", "", 11);
	expect_item(reading, 12, 0, VALUE_INTEGER, "deep.entries.[0].key", "2", 11);
}

static void what_stands_too_deep_for_any_option_is_left_out(void **state)
{
	enum { DEPTH = 200 };
	struct reading *reading = *state;
	char text[2 * DEPTH + 8] = "a=";
	size_t used = 2;

	memset(text + used, '(', DEPTH);
	memset(text + used + DEPTH, ')', DEPTH);
	snprintf(text + used + 2 * (size_t)DEPTH, 3, ";\n");
	read_text(reading, text);
	expect_problems(reading, "");
	assert_in_range(reading->assignments.count, 50, 100);
}

static void an_integer_in_a_list_is_checked_like_others(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "a = ( 1,\n { b = [ 2, 4294967303 ]; } );\n");
	expect_problems(reading,
		"DIR/main.conf:2: b: expected a decimal integer of 32 bits without leading zeros, got 4294967303\n");
}

static void an_empty_file_says_nothing(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "");
	read_text(reading, "# only a comment\n");
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.count, 0);
}

static void groups_give_paths_with_dots(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "timeouts = {\n idle = \"5m\";\n deep: { er = 1; };\n};\nlog.x = 2;\n");
	/* A dot is no part of a name in libconfig: the last line is a syntax error. */
	expect_problems(
		reading, "DIR/main.conf:5: expected libconfig syntax, got a syntax error\n");
	problems_fini(&reading->problems);
	problems_init(&reading->problems);
	assignments_fini(&reading->assignments);
	read_text(reading, "timeouts = {\n idle = \"5m\";\n deep: { er = 1; };\n};\n");
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.count, 4);
	expect_item(reading, 0, SCOPE_TOP, VALUE_GROUP, "timeouts", "", 1);
	expect_item(reading, 1, SCOPE_TOP, VALUE_STRING, "timeouts.idle", "5m", 2);
	expect_item(reading, 2, SCOPE_TOP, VALUE_GROUP, "timeouts.deep", "", 3);
	expect_item(reading, 3, SCOPE_TOP, VALUE_INTEGER, "timeouts.deep.er", "1", 3);
}

static void listeners_are_numbered_in_their_order(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "listen = (\n { port = 7; },\n { port = 13; limits = { x = 1; }; }\n);\n"
			   "port = 9;\n");
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.listener_count, 2);
	expect_item(reading, 0, 0, VALUE_INTEGER, "port", "7", 2);
	expect_item(reading, 1, 1, VALUE_INTEGER, "port", "13", 3);
	expect_item(reading, 2, 1, VALUE_GROUP, "limits", "", 3);
	expect_item(reading, 3, 1, VALUE_INTEGER, "limits.x", "1", 3);
	expect_item(reading, 4, SCOPE_TOP, VALUE_INTEGER, "port", "9", 5);
}

static void listen_must_be_a_list_of_groups(void **state)
{
	static const char *const texts[] = {"listen = 5;", "listen = \"x\";",
		"listen = { port = 7; };", "listen = [1];", "listen = ();"};
	struct reading *reading = *state;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		read_text(reading, texts[i]);
		expect_problems(reading,
			"DIR/main.conf:1: listen: expected a list of one or more groups ( { ... }, { ... } ), got something else\n");
		problems_fini(&reading->problems);
		problems_init(&reading->problems);
	}
	read_text(reading, "listen = (\n { port = 7; },\n 5 );");
	expect_problems(reading,
		"DIR/main.conf:1: listen.[1]: expected a group { ... }, got something else\n");
}

static void a_syntax_error_names_file_and_line(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "a = 1;\nb = ;\n");
	expect_problems(
		reading, "DIR/main.conf:2: expected libconfig syntax, got a syntax error\n");
	assert_int_equal(reading->assignments.count, 0);
}

static void a_setting_given_twice_is_a_problem(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "a = 1;\na = 2;\n");
	expect_problems(reading,
		"DIR/main.conf:2: expected libconfig syntax, got a duplicate setting name\n");
}

static void integers_that_libconfig_would_change_are_problems(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "port = 4294967303;\n");
	expect_problems(reading,
		"DIR/main.conf:1: port: expected a decimal integer of 32 bits without leading zeros, got 4294967303\n");
}

static void include_is_relative_to_the_folder_of_the_file(void **state)
{
	struct reading *reading = *state;
	char before[512];

	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir("/"), 0);
	support_write_file(reading->folder, "more.conf", "\nb = 2;\n");
	read_text(reading, "a = 1;\n@include \"more.conf\"\nc = 3;\n");
	assert_int_equal(chdir(before), 0);
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.count, 3);
	expect_item(reading, 0, SCOPE_TOP, VALUE_INTEGER, "a", "1", 1);
	snprintf(before, sizeof before, "%s/more.conf:2", reading->folder);
	assert_string_equal(reading->assignments.items[1].path, "b");
	assert_string_equal(reading->assignments.items[1].origin, before);
	expect_item(reading, 2, SCOPE_TOP, VALUE_INTEGER, "c", "3", 3);
}

static void include_works_for_a_file_without_a_folder_in_its_path(void **state)
{
	struct reading *reading = *state;
	char before[512];

	support_write_file(reading->folder, "more.conf", "b = 2;\n");
	support_write_file(reading->folder, "main.conf", "@include \"more.conf\"\n");
	assert_non_null(getcwd(before, sizeof before));
	assert_int_equal(chdir(reading->folder), 0);
	int result = config_file_read(
		"main.conf", &reading->assignments, &reading->problems, &reading->error);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(result, 0);
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.count, 1);
}

static void the_literals_of_an_included_file_are_checked(void **state)
{
	struct reading *reading = *state;

	support_write_file(reading->folder, "more.conf", "x = {\n b = 010;\n};\n");
	read_text(reading, "@include \"more.conf\"\nc = 3;\n");
	expect_problems(reading,
		"DIR/more.conf:2: b: expected a decimal integer of 32 bits without leading zeros, got 010\n");
}

static void a_literal_of_an_included_file_is_reported_once(void **state)
{
	struct reading *reading = *state;

	support_write_file(reading->folder, "inner.conf", "i = 1;\n");
	support_write_file(
		reading->folder, "more.conf", "b = 010;\n@include \"inner.conf\"\nc = 1;\n");
	read_text(reading, "a = 1;\n@include \"more.conf\"\nd = 1;\n");
	expect_problems(reading,
		"DIR/more.conf:1: b: expected a decimal integer of 32 bits without leading zeros, got 010\n");
}

static void a_syntax_error_of_an_included_file_names_that_file(void **state)
{
	struct reading *reading = *state;

	support_write_file(reading->folder, "more.conf", "b = 1;\nc = ;\n");
	read_text(reading, "a = 1;\n@include \"more.conf\"\n");
	expect_problems(
		reading, "DIR/more.conf:2: expected libconfig syntax, got a syntax error\n");
}

static void a_missing_included_file_is_a_problem(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "a = 1;\n@include \"missing.conf\"\n");
	expect_problems(reading,
		"DIR/main.conf:2: expected to include a readable file, got \"DIR/missing.conf\": No such file or directory\n");
}

static void a_folder_or_an_absolute_path_is_not_included(void **state)
{
	struct reading *reading = *state;

	read_text(reading, "@include \".\"\n@include \"/etc/passwd\"\n");
	expect_problems(reading,
		"DIR/main.conf:1: expected to include a readable file, got \"DIR/.\": not a regular file\n"
		"DIR/main.conf:2: expected to include a readable file, got \"/etc/passwd\": expected a path relative to the folder of the file\n");
}

static void an_included_file_that_begins_no_setting_is_checked(void **state)
{
	struct reading *reading = *state;

	support_write_file(reading->folder, "num.inc", "4294967303");
	read_text(reading, "port =\n@include \"num.inc\"\n;\n");
	expect_problems(reading,
		"DIR/num.inc:1: expected a decimal integer of 32 bits without leading zeros, got 4294967303\n");
}

static void a_circle_of_includes_ends(void **state)
{
	struct reading *reading = *state;

	support_write_file(reading->folder, "a.conf", "@include \"b.conf\"\n");
	support_write_file(reading->folder, "b.conf", "@include \"a.conf\"\n");
	read_text(reading, "@include \"a.conf\"\n");
	assert_int_equal(reading->problems.count, 1);
	assert_non_null(strstr(problems_text(&reading->problems), "nesting too deep"));
}

static void a_nul_byte_is_a_problem(void **state)
{
	static const char text[] = "a = 1;\n\0 port = 4294967303;\n";
	struct reading *reading = *state;
	FILE *file = fopen(reading->path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, sizeof text - 1, file), sizeof text - 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(config_file_read(reading->path, &reading->assignments, &reading->problems,
				 &reading->error),
		0);
	expect_problems(reading, "DIR/main.conf:2: expected text, got a NUL byte\n");
	assert_int_equal(reading->assignments.count, 0);
}

static void a_pipe_is_read_like_a_file(void **state)
{
	static const char text[] = "a = 1;\n";
	struct reading *reading = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	snprintf(reading->path, sizeof reading->path, "/dev/fd/%d", ends[0]);
	assert_int_equal(config_file_read(reading->path, &reading->assignments, &reading->problems,
				 &reading->error),
		0);
	close(ends[0]);
	assert_int_equal(reading->assignments.count, 1);
	expect_item(reading, 0, SCOPE_TOP, VALUE_INTEGER, "a", "1", 1);
}

static void read_listeners(struct reading *reading, int count)
{
	char text[2048] = "listen = ( {}";
	size_t used = strlen(text);

	for (int i = 1; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, ",{}");
	snprintf(text + used, sizeof text - used, ");");
	read_text(reading, text);
}

static void listeners_are_limited(void **state)
{
	struct reading *reading = *state;

	read_listeners(reading, LISTENERS_MAX);
	expect_problems(reading, "");
	assert_int_equal(reading->assignments.listener_count, LISTENERS_MAX);
	read_listeners(reading, LISTENERS_MAX + 1);
	expect_problems(
		reading, "DIR/main.conf:1: listen: expected at most 256 listeners, got 257\n");
}

static void a_missing_file_is_an_error_of_its_own(void **state)
{
	struct reading *reading = *state;
	char expected[256];

	assert_int_equal(config_file_read(reading->path, &reading->assignments, &reading->problems,
				 &reading->error),
		-1);
	assert_int_equal(reading->error.exit_code, EX_NOINPUT);
	snprintf(expected, sizeof expected,
		"cannot read configuration file \"%s\": No such file or directory", reading->path);
	assert_string_equal(reading->error.message, expected);
	assert_int_equal(reading->problems.count, 0);
}

static void a_file_under_a_file_is_missing(void **state)
{
	struct reading *reading = *state;
	char path[192];

	support_write_file(reading->folder, "main.conf", "");
	snprintf(path, sizeof path, "%s/x", reading->path);
	assert_int_equal(
		config_file_read(path, &reading->assignments, &reading->problems, &reading->error),
		-1);
	assert_int_equal(reading->error.exit_code, EX_NOINPUT);
}

static void a_folder_is_not_a_file(void **state)
{
	struct reading *reading = *state;

	assert_int_equal(config_file_read(reading->folder, &reading->assignments,
				 &reading->problems, &reading->error),
		-1);
	assert_int_equal(reading->error.exit_code, EX_NOINPUT);
	assert_non_null(strstr(reading->error.message, ": Is a directory"));
}

static int read_as_nobody(void *context)
{
	struct reading *reading = context;

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 99;
	if (config_file_read(reading->path, &reading->assignments, &reading->problems,
		    &reading->error) != -1)
		return 1;
	return strstr(reading->error.message, ": Permission denied") != NULL
		       ? reading->error.exit_code
		       : 2;
}

static void an_unreadable_file_is_a_matter_of_permission(void **state)
{
	struct reading *reading = *state;

	support_write_file(reading->folder, "main.conf", "a = 1;\n");
	assert_int_equal(chmod(reading->path, 0), 0);
	assert_int_equal(chmod(reading->folder, 0755), 0);
	assert_int_equal(in_child(read_as_nobody, reading), EX_NOPERM);
}

static void a_file_of_more_than_a_mebibyte_is_refused(void **state)
{
	struct reading *reading = *state;
	size_t length = 1024 * 1024 + 1;
	char *text = malloc(length + 1);

	assert_non_null(text);
	memset(text, '\n', length);
	text[length] = '\0';
	support_write_file(reading->folder, "main.conf", text);
	free(text);
	assert_int_equal(config_file_read(reading->path, &reading->assignments, &reading->problems,
				 &reading->error),
		-1);
	assert_int_equal(reading->error.exit_code, EX_NOINPUT);
	assert_non_null(strstr(reading->error.message, ": more than 1 MiB"));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(every_kind_of_value_is_read_in_order),
		ROW(lists_give_paths_with_the_numbers_of_their_elements),
		ROW(what_stands_too_deep_for_any_option_is_left_out),
		ROW(an_integer_in_a_list_is_checked_like_others),
		ROW(an_empty_file_says_nothing),
		ROW(groups_give_paths_with_dots),
		ROW(listeners_are_numbered_in_their_order),
		ROW(listen_must_be_a_list_of_groups),
		ROW(a_syntax_error_names_file_and_line),
		ROW(a_setting_given_twice_is_a_problem),
		ROW(integers_that_libconfig_would_change_are_problems),
		ROW(include_is_relative_to_the_folder_of_the_file),
		ROW(include_works_for_a_file_without_a_folder_in_its_path),
		ROW(the_literals_of_an_included_file_are_checked),
		ROW(a_literal_of_an_included_file_is_reported_once),
		ROW(a_syntax_error_of_an_included_file_names_that_file),
		ROW(a_missing_included_file_is_a_problem),
		ROW(a_folder_or_an_absolute_path_is_not_included),
		ROW(an_included_file_that_begins_no_setting_is_checked),
		ROW(a_circle_of_includes_ends),
		ROW(a_nul_byte_is_a_problem),
		ROW(a_pipe_is_read_like_a_file),
		ROW(listeners_are_limited),
		ROW(a_missing_file_is_an_error_of_its_own),
		ROW(a_file_under_a_file_is_missing),
		ROW(a_folder_is_not_a_file),
		ROW(an_unreadable_file_is_a_matter_of_permission),
		ROW(a_file_of_more_than_a_mebibyte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
