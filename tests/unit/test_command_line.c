/* SPDX-License-Identifier: MIT */
#include "config_support.h"

#include "yodel/config/command_line.h"

#include <sysexits.h>

enum { ARGUMENTS_MAX = 16 };

/* argv as the system gives it: writable, NULL at the end. getopt reorders it. */
struct arguments {
	char *argv[ARGUMENTS_MAX];
	int argc;
};

static struct arguments arguments_of(const char *const *words)
{
	struct arguments arguments = {.argv = {strdup("yodeld")}, .argc = 1};

	for (; *words != NULL; words++)
		arguments.argv[arguments.argc++] = strdup(*words);
	return arguments;
}

static void free_arguments(struct arguments *arguments)
{
	for (int i = 0; i < arguments->argc; i++)
		free(arguments->argv[i]);
}

#define READ(line, ...)                                                                            \
	const char *const words[] = {__VA_ARGS__, NULL};                                           \
	struct arguments arguments = arguments_of(words);                                          \
	struct error error = {.message = ""};                                                      \
	int result = command_line_read(&(line), arguments.argc, arguments.argv, &error);           \
	if (result != 0)                                                                           \
	fail_msg("%s", error.message)

static void done(struct command_line *line, struct arguments *arguments)
{
	command_line_fini(line);
	free_arguments(arguments);
}

static void expect_error(const char *const *words, const char *message)
{
	struct arguments arguments = arguments_of(words);
	struct command_line line;
	struct error error = {.message = ""};

	assert_int_equal(command_line_read(&line, arguments.argc, arguments.argv, &error), -1);
	assert_int_equal(error.exit_code, EX_USAGE);
	assert_string_equal(error.message, message);
	done(&line, &arguments);
}

#define EXPECT_ERROR(message, ...) expect_error((const char *const[]){__VA_ARGS__, NULL}, message)

static void expect_item(const struct assignments *assignments, size_t index, int listener,
	const char *origin, const char *path, const char *text)
{
	assert_true(index < assignments->count);
	const struct assignment *item = &assignments->items[index];
	assert_string_equal(item->path, path);
	assert_string_equal(item->text, text);
	assert_string_equal(item->origin, origin);
	assert_int_equal(item->listener, listener);
	assert_int_equal(item->kind, VALUE_WORD);
	assert_true(item->is_from_command_line);
}

static void without_arguments_the_daemon_runs(void **state)
{
	struct arguments arguments = arguments_of((const char *const[]){NULL});
	struct command_line line;
	struct error error;

	(void)state;
	assert_int_equal(command_line_read(&line, arguments.argc, arguments.argv, &error), 0);
	assert_int_equal(line.command, COMMAND_RUN);
	assert_null(line.config_path);
	assert_false(line.has_ready_lines || line.has_console);
	assert_int_equal(line.assignments.count + line.to_listeners.count, 0);
	done(&line, &arguments);
}

static void expect_command(const char *word, enum command command)
{
	struct command_line line;
	READ(line, word);
	assert_int_equal(line.command, command);
	done(&line, &arguments);
}

static void each_command_has_a_letter_and_a_name(void **state)
{
	(void)state;
	expect_command("-t", COMMAND_TEST);
	expect_command("--test", COMMAND_TEST);
	expect_command("-T", COMMAND_SHOW);
	expect_command("--show", COMMAND_SHOW);
	expect_command("-V", COMMAND_VERSION);
	expect_command("--version", COMMAND_VERSION);
	expect_command("-h", COMMAND_HELP);
	expect_command("--help", COMMAND_HELP);
}

static void flags_may_come_in_any_order_and_form(void **state)
{
	static const char *const orders[][6] = {
		{"-c", "x.conf", "-1", "-o", "port=7", NULL},
		{"-o", "port=7", "-c", "x.conf", "-1", NULL},
		{"-1", "-cx.conf", "-oport=7", NULL},
		{"--ready", "--config=x.conf", "--option=port=7", NULL},
		{"--option", "port=7", "--config", "x.conf", "--ready", NULL},
		{"-1c", "x.conf", "--opt=port=7", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		struct arguments arguments = arguments_of(orders[i]);
		struct command_line line;
		struct error error;

		assert_int_equal(
			command_line_read(&line, arguments.argc, arguments.argv, &error), 0);
		assert_string_equal(line.config_path, "x.conf");
		assert_true(line.has_ready_lines);
		assert_int_equal(line.assignments.count, 1);
		expect_item(&line.assignments, 0, SCOPE_TOP, "-o", "port", "7");
		done(&line, &arguments);
	}
}

static void an_option_keeps_everything_behind_its_first_equals_sign(void **state)
{
	struct command_line line;

	(void)state;
	READ(line, "-o", "text=a=b \"c\"", "-o", "limits.refuse_text=");
	expect_item(&line.assignments, 0, SCOPE_TOP, "-o", "text", "a=b \"c\"");
	expect_item(&line.assignments, 1, SCOPE_TOP, "-o", "limits.refuse_text", "");
	done(&line, &arguments);
}

static void an_option_reads_the_escapes_of_a_string_in_the_file(void **state)
{
	struct command_line line;

	(void)state;
	READ(line, "-o", "text=a\\n\\t\\r\\f\\\"\\\\n\\x41", "-o", "text=\\q\\x4\\x00\\");
	expect_item(&line.assignments, 0, SCOPE_TOP, "-o", "text", "a\n\t\r\f\"\\nA");
	/* What is no escape, or would end the text, stays as it is. */
	expect_item(&line.assignments, 1, SCOPE_TOP, "-o", "text", "\\q\\x4\\x00\\");
	done(&line, &arguments);
}

static void verbose_and_quiet_set_the_log_level(void **state)
{
	struct command_line line;

	(void)state;
	READ(line, "-v", "--quiet", "-q", "--verbose");
	expect_item(&line.assignments, 0, SCOPE_TOP, "-v", "log.level", "debug");
	expect_item(&line.assignments, 1, SCOPE_TOP, "-q", "log.level", "warn");
	expect_item(&line.assignments, 2, SCOPE_TOP, "-q", "log.level", "warn");
	expect_item(&line.assignments, 3, SCOPE_TOP, "-v", "log.level", "debug");
	done(&line, &arguments);
}

static void a_console_calms_the_log_unless_another_level_is_set(void **state)
{
	static const struct {
		const char *words[4];
		const char *level;
	} rows[] = {
		{{"--console"}, "warn"},
		{{"--console", "-v"}, "debug"},
		{{"-v", "--console"}, "debug"},
		{{"-o", "log.level=info", "--console"}, "info"},
		{{"--console", "-o", "log.level=info"}, "info"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct arguments arguments = arguments_of(rows[i].words);
		struct command_line line;
		struct error error;

		assert_int_equal(
			command_line_read(&line, arguments.argc, arguments.argv, &error), 0);
		assert_true(line.has_console);
		const struct assignment *level = assignments_decide(
			&line.assignments, "log.level", SCOPE_TOP, true);
		assert_string_equal(level->text, rows[i].level);
		done(&line, &arguments);
	}
}

static void expect_listen(
	const char *argument, const char *host, const char *port, const char *service)
{
	struct command_line line;
	READ(line, "-l", argument);
	assert_int_equal(line.assignments.listener_count, 1);
	assert_int_equal(line.assignments.count, service != NULL ? 3 : 2);
	expect_item(&line.assignments, 0, 0, "-l", "host", host);
	expect_item(&line.assignments, 1, 0, "-l", "port", port);
	if (service != NULL)
		expect_item(&line.assignments, 2, 0, "-l", "service", service);
	done(&line, &arguments);
}

static void listen_takes_host_port_and_service(void **state)
{
	(void)state;
	expect_listen("127.0.0.1:7", "127.0.0.1", "7", NULL);
	expect_listen("localhost:echo", "localhost", "echo", NULL);
	expect_listen("[::1]:0=greet", "::1", "0", "greet");
	expect_listen("[fe80::1%3]:7", "fe80::1%3", "7", NULL);
	expect_listen("*:7=time", "*", "7", "time");
	expect_listen(":7", "*", "7", NULL);
	expect_listen("[]:7", "*", "7", NULL);
	expect_listen("a-b.example:99999", "a-b.example", "99999", NULL);
}

static void listen_takes_an_inherited_socket_by_name(void **state)
{
	struct command_line line;

	(void)state;
	READ(line, "-l", "systemd:web", "-l", "systemd:door=time");
	assert_int_equal(line.assignments.listener_count, 2);
	assert_int_equal(line.assignments.count, 3);
	expect_item(&line.assignments, 0, 0, "-l", "host", "systemd:web");
	expect_item(&line.assignments, 1, 1, "-l", "host", "systemd:door");
	expect_item(&line.assignments, 2, 1, "-l", "service", "time");
	done(&line, &arguments);
}

static void listen_takes_a_path(void **state)
{
	struct command_line line;

	(void)state;
	READ(line, "-l", "unix:/run/yodel", "-l", "unix:@yodel:7=time");
	assert_int_equal(line.assignments.listener_count, 2);
	assert_int_equal(line.assignments.count, 3);
	expect_item(&line.assignments, 0, 0, "-l", "host", "unix:/run/yodel");
	expect_item(&line.assignments, 1, 1, "-l", "host", "unix:@yodel:7");
	expect_item(&line.assignments, 2, 1, "-l", "service", "time");
	done(&line, &arguments);
}

static void each_listen_is_a_listener_of_its_own(void **state)
{
	struct command_line line;

	(void)state;
	READ(line, "-l", ":7", "--listen=[::1]:13=daytime", "-l:9");
	assert_int_equal(line.assignments.listener_count, 3);
	expect_item(&line.assignments, 1, 0, "-l", "port", "7");
	expect_item(&line.assignments, 2, 1, "-l", "host", "::1");
	expect_item(&line.assignments, 4, 1, "-l", "service", "daytime");
	expect_item(&line.assignments, 6, 2, "-l", "port", "9");
	done(&line, &arguments);
}

#define LISTEN_FORM                                                                                \
	"-l: expected HOST:PORT[=SERVICE] with an IPv6 address in brackets, unix:PATH[=SERVICE] or systemd:NAME[=SERVICE], got "

static void a_malformed_listen_is_an_error(void **state)
{
	(void)state;
	EXPECT_ERROR(LISTEN_FORM "\"7\"", "-l", "7");
	EXPECT_ERROR(LISTEN_FORM "\"\"", "-l", "");
	EXPECT_ERROR(LISTEN_FORM "\"host:\"", "-l", "host:");
	EXPECT_ERROR(LISTEN_FORM "\":7=\"", "-l", ":7=");
	EXPECT_ERROR(LISTEN_FORM "\"::1:7\"", "-l", "::1:7");
	EXPECT_ERROR(LISTEN_FORM "\"[::1]\"", "-l", "[::1]");
	EXPECT_ERROR(LISTEN_FORM "\"[::1]7\"", "-l", "[::1]7");
	EXPECT_ERROR(LISTEN_FORM "\"=echo\"", "-l", "=echo");
}

static void listen_flags_are_limited(void **state)
{
	char program[] = "yodeld", word[] = "-l:0";
	char *argv[LISTENERS_MAX + 3] = {program};
	struct command_line line;
	struct error error;
	int argc = 1;

	(void)state;
	while (argc < LISTENERS_MAX + 1)
		argv[argc++] = word;
	assert_int_equal(command_line_read(&line, argc, argv, &error), 0);
	command_line_fini(&line);
	argv[argc++] = word;
	assert_int_equal(command_line_read(&line, argc, argv, &error), -1);
	assert_int_equal(error.exit_code, EX_USAGE);
	assert_string_equal(error.message, "-l: expected at most 256 listeners, got \":0\" too");
	command_line_fini(&line);
}

static void a_malformed_option_is_an_error(void **state)
{
	(void)state;
	EXPECT_ERROR("-o: expected PATH=VALUE, got \"port\"", "-o", "port");
	EXPECT_ERROR("-o: expected PATH=VALUE, got \"=7\"", "-o", "=7");
	EXPECT_ERROR("-o: expected PATH=VALUE, got \"\"", "-o", "");
}

static void unknown_flags_and_missing_arguments_are_errors(void **state)
{
	(void)state;
	EXPECT_ERROR("unknown or malformed option \"-x\"; try --help", "-x");
	EXPECT_ERROR("unknown or malformed option \"-x\"; try --help", "-tx");
	EXPECT_ERROR("unknown or malformed option \"-x\"; try --help", "-xt", "-t");
	EXPECT_ERROR("unknown or malformed option \"--nonsense\"; try --help", "--nonsense");
	EXPECT_ERROR("unknown or malformed option \"--test=yes\"; try --help", "--test=yes");
	EXPECT_ERROR("unknown or malformed option \"--ver\"; try --help", "--ver");
	EXPECT_ERROR("option \"-c\" needs an argument; try --help", "-c");
	EXPECT_ERROR("option \"-o\" needs an argument; try --help", "-t", "-o");
	EXPECT_ERROR("option \"--config\" needs an argument; try --help", "--config");
	EXPECT_ERROR("expected no argument, got \"stray\"; try --help", "-t", "stray");
	EXPECT_ERROR("expected no argument, got \"stray\"; try --help", "stray", "-t");
	EXPECT_ERROR("expected no argument, got \"-t\"; try --help", "--", "-t");
}

/* Lays words over two listeners of a file, named "a" and "b", and a port of its own each. */
static void apply(struct trial *trial, const char *const *words)
{
	struct arguments arguments = arguments_of(words);
	struct command_line line;
	struct error error;

	trial_set(trial, 0, VALUE_STRING, "name", "a", "f:1");
	trial_set(trial, 0, VALUE_INTEGER, "port", "1", "f:2");
	trial_set(trial, 1, VALUE_STRING, "name", "b", "f:3");
	trial_set(trial, 1, VALUE_INTEGER, "port", "2", "f:4");
	assert_int_equal(command_line_read(&line, arguments.argc, arguments.argv, &error), 0);
	command_line_apply(&line, &trial->assignments, &trial->problems);
	done(&line, &arguments);
}

#define APPLY(trial, ...) apply(trial, (const char *const[]){__VA_ARGS__, NULL})

static void an_option_can_be_set_in_one_listener_by_name_or_number(void **state)
{
	struct trial *trial = *state;

	APPLY(trial, "-o", "listen.b.port=22", "-o", "listen.[0].port=11", "-o", "timeouts.idle=9s",
		"-o", "listen.a.limits.max_per_peer=3");

	const struct config *config = trial_build(trial);
	assert_string_equal(config->listeners[0].port, "11");
	assert_string_equal(config->listeners[1].port, "22");
	assert_int_equal(config->listeners[0].timeouts.idle_ms, 9000);
	assert_int_equal(config->listeners[0].limits.max_per_peer, 3);
	assert_int_equal(config->listeners[1].limits.max_per_peer, 0);
}

static void a_listener_that_is_not_there_is_a_problem(void **state)
{
	static const char tail[] =
		": expected listen.NAME.OPTION or listen.[NUMBER].OPTION of one of 2 listeners, got ";
	struct trial *trial = *state;
	APPLY(trial, "-o", "listen.c.port=1", "-o", "listen.[2].port=1", "-o", "listen.b=1", "-o",
		"listen.[x].port=1", "-o", "listen.[1]x.port=1");
	char expected[1024];

	snprintf(expected, sizeof expected,
		"-o: listen.c.port%s\"c\"\n-o: listen.[2].port%s\"[2]\"\n-o: listen.b%s\"b\"\n"
		"-o: listen.[x].port%s\"[x]\"\n-o: listen.[1]x.port%s\"[1]x\"\n",
		tail, tail, tail, tail, tail);
	assert_string_equal(problems_text(&trial->problems), expected);
	assert_int_equal(trial->problems.count, 5);
}

static void a_listener_without_a_name_goes_by_its_service(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, 2, VALUE_STRING, "service", "clock", "f:5");
	trial_set(trial, 2, VALUE_INTEGER, "port", "3", "f:5");
	trial_set(trial, 3, VALUE_INTEGER, "port", "4", "f:6");
	trial_set(trial, 4, VALUE_INTEGER, "port", "5", "f:7");
	APPLY(trial, "-o", "listen.clock.port=33", "-o", "listen.echo.port=44", "-o",
		"listen.echo-2.port=55");
	const struct config *config = trial_build(trial);
	assert_string_equal(config->listeners[2].port, "33");
	assert_string_equal(config->listeners[3].port, "44");
	assert_string_equal(config->listeners[4].name, "echo-2");
	assert_string_equal(config->listeners[4].port, "55");
}

static void listen_flags_take_the_place_of_the_files_listeners(void **state)
{
	struct trial *trial = *state;

	APPLY(trial, "-l", "[::1]:7=clock", "-o", "listen.[0].name=c", "-o", "listen.c.backlog=5");

	const struct config *config = trial_build(trial);
	assert_int_equal(config->listener_count, 1);
	assert_string_equal(config->listeners[0].host, "::1");
	assert_string_equal(config->listeners[0].port, "7");
	assert_string_equal(config->listeners[0].service, "clock");
	assert_string_equal(config->listeners[0].name, "c");
	assert_int_equal(config->listeners[0].backlog, 5);
}

static void the_simple_form_has_one_listener_with_number_0(void **state)
{
	struct trial *trial = *state;
	struct arguments arguments = arguments_of(
		(const char *const[]){"-o", "listen.[0].port=7", "-o", "listen.[1].port=8", NULL});
	struct command_line line;
	struct error error;

	assert_int_equal(command_line_read(&line, arguments.argc, arguments.argv, &error), 0);
	command_line_apply(&line, &trial->assignments, &trial->problems);
	done(&line, &arguments);
	assert_int_equal(trial->problems.count, 1);
	assert_non_null(
		strstr(problems_text(&trial->problems), "of one of 1 listeners, got \"[1]\""));
	problems_fini(&trial->problems);
	problems_init(&trial->problems);
	assert_string_equal(trial_build(trial)->listeners[0].port, "7");
}

static void help_names_every_flag(void **state)
{
	static const char *const flags[] = {"-c, --config FILE", "-o, --option PATH=VALUE",
		"-l, --listen HOST:PORT[=SERVICE]", "-t, --test", "-T, --show", "-1, --ready",
		"-v, --verbose", "-q, --quiet", "-V, --version", "-h, --help"};
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	(void)state;
	assert_non_null(out);
	command_line_print_help(out);
	fclose(out);
	assert_memory_equal(text, "Usage: yodeld [-c FILE]", 23);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		assert_non_null(strstr(text, flags[i]));
	free(text);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, trial_set_up, trial_tear_down)
	const struct CMUnitTest tests[] = {
		ROW(without_arguments_the_daemon_runs),
		ROW(each_command_has_a_letter_and_a_name),
		ROW(flags_may_come_in_any_order_and_form),
		ROW(an_option_keeps_everything_behind_its_first_equals_sign),
		ROW(an_option_reads_the_escapes_of_a_string_in_the_file),
		ROW(verbose_and_quiet_set_the_log_level),
		ROW(a_console_calms_the_log_unless_another_level_is_set),
		ROW(listen_takes_host_port_and_service),
		ROW(listen_takes_an_inherited_socket_by_name),
		cmocka_unit_test(listen_takes_a_path),
		ROW(each_listen_is_a_listener_of_its_own),
		ROW(a_malformed_listen_is_an_error),
		ROW(listen_flags_are_limited),
		ROW(a_malformed_option_is_an_error),
		ROW(unknown_flags_and_missing_arguments_are_errors),
		ROW(an_option_can_be_set_in_one_listener_by_name_or_number),
		ROW(a_listener_that_is_not_there_is_a_problem),
		ROW(a_listener_without_a_name_goes_by_its_service),
		ROW(listen_flags_take_the_place_of_the_files_listeners),
		ROW(the_simple_form_has_one_listener_with_number_0),
		ROW(help_names_every_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
