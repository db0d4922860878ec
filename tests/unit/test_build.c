/* SPDX-License-Identifier: MIT */
#include "config_support.h"

#include "yodel/base/log.h"

static void without_assignments_there_is_one_listener_with_the_defaults(void **state)
{
	const struct config *config = trial_build(*state);
	const struct listener_settings *listener = &config->listeners[0];

	assert_int_equal(config->listener_count, 1);
	assert_int_equal(config->limits.max_connections, 1024);
	assert_int_equal(config->limits.max_per_peer, 0);
	assert_int_equal(config->peer_prefix_v4_bits, 32);
	assert_int_equal(config->peer_prefix_v6_bits, 64);
	assert_int_equal(config->drain_ms, 30000);
	assert_int_equal(config->thread_stack_bytes, 65536);
	assert_int_equal(config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->log_format, LOG_FORMAT_TEXT);
	assert_string_equal(listener->name, "echo");
	assert_string_equal(listener->service, "echo");
	assert_string_equal(listener->host, "127.0.0.1");
	assert_string_equal(listener->port, "65432");
	assert_int_equal(listener->backlog, 0);
	assert_int_equal(listener->limits.max_connections, 0);
	assert_int_equal(listener->timeouts.first_byte_ms, 0);
	assert_int_equal(listener->timeouts.idle_ms, 300000);
	assert_int_equal(listener->timeouts.write_ms, 30000);
	assert_int_equal(listener->timeouts.lifetime_ms, 0);
	assert_int_equal(listener->timeouts.linger_ms, 2000);
	assert_string_equal(listener->refuse_text, "");
	assert_true(listener->socket.nodelay);
	assert_false(listener->socket.keepalive);
	assert_ptr_equal(listener->schema, &test_schemas[0]);
	assert_null(listener->service_settings);
}

static void the_simple_form_sets_the_one_listener_from_the_top(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "port", "7", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "timeouts", "", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "timeouts.idle", "10s", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "service", "speaker", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "text", "hello", "f:5");
	const struct config *config = trial_build(trial);
	assert_int_equal(config->listener_count, 1);
	assert_string_equal(config->listeners[0].port, "7");
	assert_int_equal(config->listeners[0].timeouts.idle_ms, 10000);
	const struct speaker_settings *speaker = config->listeners[0].service_settings;
	assert_string_equal(speaker->text, "hello");
	assert_int_equal(speaker->pause_ms, 1000);
	assert_string_equal(config->listeners[0].name, "speaker");
}

static void a_listener_overrides_the_top_for_itself_alone(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, 0, VALUE_INTEGER, "port", "7", "f:1");
	trial_set(trial, 1, VALUE_INTEGER, "port", "13", "f:2");
	trial_set(trial, 1, VALUE_STRING, "timeouts.idle", "1s", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "timeouts.idle", "2s", "f:4");
	const struct config *config = trial_build(trial);
	assert_int_equal(config->listener_count, 2);
	assert_string_equal(config->listeners[0].port, "7");
	assert_string_equal(config->listeners[1].port, "13");
	assert_int_equal(config->listeners[0].timeouts.idle_ms, 2000);
	assert_int_equal(config->listeners[1].timeouts.idle_ms, 1000);
}

static void a_limit_at_the_top_is_the_daemons_and_not_the_listeners(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "limits.max_connections", "50", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "limits.max_per_peer", "5", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "limits.accept_rate", "9/m", "f:3");
	trial_set(trial, 0, VALUE_INTEGER, "limits.max_connections", "3", "f:4");
	trial_set(trial, 1, VALUE_INTEGER, "port", "1", "f:5");
	const struct config *config = trial_build(trial);
	assert_int_equal(config->limits.max_connections, 50);
	assert_int_equal(config->limits.max_per_peer, 5);
	assert_int_equal(config->limits.accept_rate.count, 9);
	assert_int_equal(config->limits.accept_rate.period_ms, 60000);
	assert_int_equal(config->listeners[0].limits.max_connections, 3);
	assert_int_equal(config->listeners[0].limits.max_per_peer, 0);
	assert_int_equal(config->listeners[1].limits.max_connections, 0);
	assert_int_equal(config->listeners[1].limits.accept_rate.count, 0);
}

static void the_command_line_wins_over_the_file(void **state)
{
	struct trial *trial = *state;

	trial_option(trial, SCOPE_TOP, "timeouts.idle", "1s");
	trial_set(trial, 0, VALUE_STRING, "timeouts.idle", "2s", "f:1");
	trial_set(trial, 0, VALUE_STRING, "timeouts.write", "3s", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "log.level", "warn", "f:3");
	trial_option(trial, SCOPE_TOP, "log.level", "debug");
	trial_option(trial, 0, "timeouts.write", "4s");
	const struct config *config = trial_build(trial);
	assert_int_equal(config->listeners[0].timeouts.idle_ms, 1000);
	assert_int_equal(config->listeners[0].timeouts.write_ms, 4000);
	assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
}

static void listeners_without_a_name_get_that_of_their_service(void **state)
{
	struct trial *trial = *state;

	for (int i = 0; i < 4; i++)
		trial_set(trial, i, VALUE_INTEGER, "port", "0", "f:1");
	trial_set(trial, 2, VALUE_STRING, "service", "clock", "f:2");
	trial_set(trial, 3, VALUE_STRING, "name", "echo-2", "f:3");
	const struct config *config = trial_build(trial);
	assert_string_equal(config->listeners[0].name, "echo");
	assert_string_equal(config->listeners[1].name, "echo-3");
	assert_string_equal(config->listeners[2].name, "clock");
	assert_string_equal(config->listeners[3].name, "echo-2");
}

static void each_listener_has_settings_of_its_own_service(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, 0, VALUE_STRING, "service", "speaker", "f:1");
	trial_set(trial, 0, VALUE_STRING, "text", "one", "f:2");
	trial_set(trial, 1, VALUE_STRING, "service", "speaker", "f:3");
	trial_set(trial, 1, VALUE_INTEGER, "port", "1", "f:3");
	trial_set(trial, 2, VALUE_INTEGER, "port", "2", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "text", "top", "f:4");
	trial_set(trial, 1, VALUE_GROUP, "pauses", "", "f:5");
	trial_set(trial, 1, VALUE_STRING, "pauses.between", "2s", "f:5");
	const struct config *config = trial_build(trial);
	const struct speaker_settings *first = config->listeners[0].service_settings;
	const struct speaker_settings *second = config->listeners[1].service_settings;
	assert_string_equal(first->text, "one");
	assert_string_equal(second->text, "top");
	assert_int_equal(first->pause_ms, 1000);
	assert_int_equal(second->pause_ms, 2000);
	assert_null(config->listeners[2].service_settings);
}

/* Two listeners that are not in each other's way. */
static void two_ports(struct trial *trial)
{
	trial_set(trial, 0, VALUE_INTEGER, "port", "1", "f:p");
	trial_set(trial, 1, VALUE_INTEGER, "port", "2", "f:p");
}

static void an_unknown_name_is_a_problem_with_the_one_that_was_meant(void **state)
{
	struct trial *trial = *state;

	two_ports(trial);
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "prot", "7", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "timeouts.idel", "7s", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "xyzzy", "7s", "f:3");
	trial_set(trial, 1, VALUE_STRING, "log.level", "warn", "f:4");
	trial_expect_problems(trial,
		"f:1: prot: expected a known option, got an unknown name (did you mean \"port\"?)\n"
		"f:2: timeouts.idel: expected a known option, got an unknown name (did you mean \"timeouts.idle\"?)\n"
		"f:3: xyzzy: expected a known option, got an unknown name\n"
		"f:4: listen.[1].log.level: expected an option of a listener, got one that stands at the top of the file\n");
}

static void an_unknown_group_is_reported_once_and_not_for_each_member(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "timeout", "", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "timeout.idle", "7s", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "timeout.write", "7s", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "backlgo", "7", "f:4");
	trial_expect_problems(trial,
		"f:1: timeout: expected a known option, got an unknown name\n"
		"f:4: backlgo: expected a known option, got an unknown name (did you mean \"backlog\"?)\n");
}

static void case_and_the_list_are_known_to_the_suggestion(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "PORT", "7", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "lisen", "", "f:2");
	trial_expect_problems(trial,
		"f:1: PORT: expected a known option, got an unknown name (did you mean \"port\"?)\n"
		"f:2: lisen: expected a known option, got an unknown name (did you mean \"listen\"?)\n");
}

static void a_group_where_a_value_belongs_is_reported_without_its_members(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "timeouts", "", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "timeouts.drain", "", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "timeouts.drain.a", "1", "f:3");
	trial_expect_problems(trial,
		"f:2: timeouts.drain: expected a duration like 500ms, 30s, 5m or 2h from 0 to 1d, got a group\n");
}

static void a_value_where_a_group_belongs_is_a_problem(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "timeouts", "5", "f:1");
	trial_set(trial, 0, VALUE_LIST, "limits", "", "f:2");
	trial_expect_problems(trial,
		"f:1: timeouts: expected a group of options { ... }, got something else\n"
		"f:2: listen.[0].limits: expected a group of options { ... }, got something else\n");
}

static void every_wrong_value_is_a_problem_also_where_another_decides(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "backlog", "-1", "f:1");
	trial_option(trial, SCOPE_TOP, "backlog", "5");
	trial_set(trial, SCOPE_TOP, VALUE_BOOL, "port", "true", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_FLOAT, "limits.max_connections", "1.5", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "host", "", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "log.level", "inof", "f:5");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "thread_stack", "1k", "f:6");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.nodelay", "yes", "f:7");
	trial_option(trial, SCOPE_TOP, "limits.accept_rate", "fast");
	trial_expect_problems(trial,
		"f:1: backlog: expected an integer from 0 to 65535, got -1\n"
		"f:2: port: expected a port from 0 to 65535 or a service name, got the boolean true\n"
		"f:3: limits.max_connections: expected an integer from 1 to 1000000, got the floating-point number 1.5\n"
		"f:4: host: expected a string, got a group\n"
		"f:5: log.level: expected one of error, warn, info, debug, got \"inof\" (did you mean \"info\"?)\n"
		"f:6: thread_stack: expected a size like 512, 64k or 1M from 48k to 64M, got \"1k\"\n"
		"f:7: socket.nodelay: expected true or false, got \"yes\"\n"
		"-o: limits.accept_rate: expected a rate like 50/s or 100/m of 0 to 1000000, got \"fast\"\n");
}

static void a_limit_of_a_listener_may_be_0_and_that_of_the_daemon_not(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, 0, VALUE_INTEGER, "limits.max_connections", "0", "f:1");
	(void)trial_build(trial);
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "limits.max_connections", "0", "f:2");
	trial_expect_problems(trial,
		"f:2: limits.max_connections: expected an integer from 1 to 1000000, got 0\n");
}

static void an_unknown_service_is_a_problem_with_the_one_that_was_meant(void **state)
{
	struct trial *trial = *state;

	two_ports(trial);
	trial_set(trial, 0, VALUE_STRING, "service", "speeker", "f:1");
	trial_set(trial, 1, VALUE_INTEGER, "service", "5", "f:2");
	trial_expect_problems(trial,
		"f:1: listen.[0].service: expected one of echo, speaker, clock, board, got \"speeker\" (did you mean \"speaker\"?)\n"
		"f:2: listen.[1].service: expected one of echo, speaker, clock, board, got 5\n");
}

static void an_option_of_another_service_is_a_problem(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "text", "x", "f:1");
	trial_expect_problems(trial,
		"f:1: text: expected an option of the listener's service, got one of service \"speaker\"\n");
}

static void an_option_of_a_service_belongs_to_a_listener_that_has_it(void **state)
{
	struct trial *trial = *state;

	two_ports(trial);
	trial_set(trial, 0, VALUE_STRING, "service", "speaker", "f:1");
	trial_set(trial, 1, VALUE_STRING, "text", "x", "f:2");
	trial_expect_problems(trial,
		"f:2: listen.[1].text: expected an option of the listener's service, got one of service \"speaker\"\n");
}

static void an_option_of_a_service_is_checked(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "service", "speaker", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "pauses.between", "2m", "f:2");
	trial_expect_problems(trial,
		"f:2: pauses.between: expected a duration like 500ms, 30s, 5m or 2h from 0 to 1m, got \"2m\"\n");
}

static void names_hosts_and_refuse_texts_are_checked(void **state)
{
	static const char *const bad_hosts[] = {
		"", "unix:", "unix:run/x", "unix:@", "[::1]", "a b", "a/b", "systemd:"};
	struct trial *trial = *state;
	char long_text[514], expected[4096] = "";

	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	for (size_t i = 0; i < sizeof bad_hosts / sizeof *bad_hosts; i++) {
		size_t used = strlen(expected);

		trial_set(trial, SCOPE_TOP, VALUE_STRING, "host", bad_hosts[i], "f:1");
		snprintf(expected + used, sizeof expected - used,
			"f:1: host: expected a host name, an IPv4 or IPv6 address, \"*\", \"unix:/PATH\" or \"unix:@NAME\" of at most 107 bytes, or \"systemd:NAME\", got \"%s\"\n",
			bad_hosts[i]);
	}
	trial_expect_problems(trial, expected);
	const struct option_row *text = option_find(listener_options, "limits.refuse_text");
	const struct option_row *name = option_find(listener_options, "name");
	char why[OPTION_WHY_BYTES];
	assert_false(option_check(text, VALUE_STRING, long_text, why));
	assert_memory_equal(why, "expected at most 512 bytes, got \"xxx", 35);
	long_text[512] = '\0';
	assert_true(option_check(text, VALUE_STRING, long_text, why));
	assert_false(option_check(name, VALUE_STRING, "a b", why));
	assert_string_equal(why, "expected at most 32 letters, digits, '_' and '-', got \"a b\"");
	assert_true(option_check(name, VALUE_STRING, "an-address_of-32-characters-0123", why));
	assert_false(option_check(name, VALUE_STRING, "an-address_of-33-characters-01234", why));
}

static void the_path_of_a_unix_socket_has_at_most_107_bytes(void **state)
{
	const struct option_row *host = option_find(listener_options, "host");
	char text[128] = "unix:/", why[OPTION_WHY_BYTES];

	(void)state;
	memset(text + 6, 'x', 106);
	assert_true(option_check(host, VALUE_STRING, text, why));
	text[5] = '@';
	assert_true(option_check(host, VALUE_STRING, text, why));
	text[5] = '/';
	text[112] = 'x';
	assert_false(option_check(host, VALUE_STRING, text, why));
	assert_non_null(strstr(why, "of at most 107 bytes"));
}

static void modes_and_owners_are_checked(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.mode", "0668", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "socket.mode", "660", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.owner", "no-such-name", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.group", "no-such-name", "f:4");
	trial_expect_problems(trial,
		"f:1: socket.mode: expected permissions in octal from \"0\" to \"0777\", got \"0668\"\n"
		"f:2: socket.mode: expected a string, got 660\n"
		"f:3: socket.owner: expected the name or number of a user of this machine, or \"\", got \"no-such-name\"\n"
		"f:4: socket.group: expected the name or number of a group of this machine, or \"\", got \"no-such-name\"\n");
}

/* The defaults and bounds of the shipped rows, each of them, are what the rows themselves accept. */
static void the_default_of_every_row_is_a_good_value(void **state)
{
	const struct option_row *const tables[] = {daemon_options, listener_options};
	char why[OPTION_WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (const struct option_row *row = tables[i]; row->path != NULL; row++) {
			if (row->type != OPTION_LIST &&
				!option_check(row, VALUE_WORD, row->default_value, why))
				fail_msg("%s: %s", row->path, why);
			assert_true(row->help != NULL && row->help[0] != '\0');
			assert_ptr_equal(option_find(tables[i], row->path), row);
		}
}

static void broken_rules_between_values_are_found(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, 0, VALUE_INTEGER, "port", "7", "f:3");
	trial_set(trial, 1, VALUE_INTEGER, "port", "7", "f:4");
	trial_expect_problems(trial,
		"f:4: listen.[1].port: expected an address of its own, got \"127.0.0.1\" port 7, which listener 0 has\n");
}

/* A value that is wrong is left out of the rules, and does not make one of them fail. */
static void broken_rules_are_found_beside_wrong_values(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, 0, VALUE_STRING, "name", "a b", "f:1");
	trial_set(trial, 1, VALUE_STRING, "name", "a b", "f:2");
	trial_set(trial, 0, VALUE_INTEGER, "port", "7", "f:3");
	trial_set(trial, 1, VALUE_INTEGER, "port", "7", "f:4");
	trial_set(trial, 2, VALUE_INTEGER, "port", "70000", "f:5");
	trial_set(trial, 3, VALUE_GROUP, "host", "", "f:6");
	trial_expect_problems(trial,
		"f:1: listen.[0].name: expected at most 32 letters, digits, '_' and '-', got \"a b\"\n"
		"f:2: listen.[1].name: expected at most 32 letters, digits, '_' and '-', got \"a b\"\n"
		"f:5: listen.[2].port: expected a port from 0 to 65535 or a service name, got 70000\n"
		"f:6: listen.[3].host: expected a string, got a group\n"
		"f:4: listen.[1].port: expected an address of its own, got \"127.0.0.1\" port 7, which listener 0 has\n");
}

/* --- Lists ------------------------------------------------------------------------------------ */

static void board(struct trial *trial, int listener)
{
	trial_set(trial, listener, VALUE_STRING, "service", "board", "f:s");
}

/* A note as the file's reader gives it. */
static void note(struct trial *trial, int listener, int index, const char *key, const char *value)
{
	char path[64], origin[16];

	snprintf(origin, sizeof origin, "f:%d", index);
	snprintf(path, sizeof path, "notes.[%d]", index);
	trial_set(trial, listener, VALUE_GROUP, path, "", origin);
	snprintf(path, sizeof path, "notes.[%d].key", index);
	trial_set(trial, listener, VALUE_STRING, path, key, origin);
	snprintf(path, sizeof path, "notes.[%d].value", index);
	trial_set(trial, listener, VALUE_STRING, path, value, origin);
}

static const struct board_note *notes_of(const struct config *config, size_t listener, size_t count)
{
	const struct board_settings *settings = config->listeners[listener].service_settings;

	assert_int_equal(settings->notes.count, count);
	return settings->notes.items;
}

static void a_list_is_stored_element_by_element(void **state)
{
	struct trial *trial = *state;

	board(trial, SCOPE_TOP);
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "2", "f:1");
	note(trial, SCOPE_TOP, 0, "morpheus", "Follow the white rabbit. \U0001f430");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "notes.[0].stay_ms", "1m", "f:2");
	note(trial, SCOPE_TOP, 1, "\U0001f436", "");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "paint", "", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "paint.colours", "2", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours.[0]", "red", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours.[1]", "blue", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "port", "7", "f:5");
	const struct config *config = trial_build(trial);
	const struct board_note *notes = notes_of(config, 0, 2);
	assert_string_equal(notes[0].key, "morpheus");
	assert_string_equal(notes[0].value, "Follow the white rabbit. \U0001f430");
	assert_int_equal(notes[0].stay_ms, 60000);
	assert_string_equal(notes[1].key, "\U0001f436");
	assert_string_equal(notes[1].value, "");
	assert_int_equal(notes[1].stay_ms, 5000);
	const struct board_settings *settings = config->listeners[0].service_settings;
	char *const *colours = settings->colours.items;
	assert_int_equal(settings->colours.count, 2);
	assert_string_equal(colours[0], "red");
	assert_string_equal(colours[1], "blue");
	assert_string_equal(config->listeners[0].port, "7");
}

static void a_list_that_is_not_set_has_its_default(void **state)
{
	struct trial *trial = *state;

	board(trial, SCOPE_TOP);
	const struct config *config = trial_build(trial);
	const struct board_settings *settings = config->listeners[0].service_settings;
	assert_string_equal(notes_of(config, 0, 1)->key, "hello");
	assert_int_equal(settings->colours.count, 0);
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "0", "f:1");
	assert_null(notes_of(trial_build(trial), 0, 0));
}

static void a_list_of_a_listener_takes_the_place_of_that_at_the_top(void **state)
{
	struct trial *trial = *state;

	two_ports(trial);
	board(trial, SCOPE_TOP);
	trial_set(trial, 0, VALUE_LIST, "notes", "1", "f:1");
	note(trial, 0, 0, "own", "x");
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "2", "f:2");
	note(trial, SCOPE_TOP, 0, "first", "y");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "notes.[0].stay_ms", "1s", "f:2");
	note(trial, SCOPE_TOP, 1, "second", "z");
	const struct config *config = trial_build(trial);
	const struct board_note *notes = notes_of(config, 0, 1);
	assert_string_equal(notes[0].key, "own");
	assert_int_equal(notes[0].stay_ms, 5000);
	notes = notes_of(config, 1, 2);
	assert_string_equal(notes[0].key, "first");
	assert_string_equal(notes[1].key, "second");
}

static void everything_wrong_with_an_element_is_named_with_its_place(void **state)
{
	struct trial *trial = *state;

	two_ports(trial);
	board(trial, 1);
	trial_set(trial, 1, VALUE_LIST, "notes", "3", "f:1");
	trial_set(trial, 1, VALUE_GROUP, "notes.[0]", "", "f:2");
	trial_set(trial, 1, VALUE_STRING, "notes.[0].kye", "a", "f:3");
	trial_set(trial, 1, VALUE_GROUP, "notes.[0].value", "", "f:4");
	trial_set(trial, 1, VALUE_STRING, "notes.[0].value.key", "a", "f:4");
	trial_set(trial, 1, VALUE_LIST, "notes.[0].xyzzy", "1", "f:5");
	trial_set(trial, 1, VALUE_STRING, "notes.[0].xyzzy.[0]", "a", "f:5");
	trial_set(trial, 1, VALUE_STRING, "notes.[0].stay_ms", "2m", "f:6");
	trial_set(trial, 1, VALUE_STRING, "notes.[1]", "key", "f:7");
	trial_set(trial, 1, VALUE_LIST, "notes.[2]", "1", "f:8");
	trial_set(trial, 1, VALUE_GROUP, "notes.[2].[0]", "", "f:8");
	trial_set(trial, 1, VALUE_STRING, "notes.[2].[0].key", "a", "f:8");
	trial_expect_problems(trial,
		"f:2: listen.[1].notes.[0].key: expected a string, got nothing\n"
		"f:3: listen.[1].notes.[0].kye: expected one of key, value, stay_ms, got \"kye\" (did you mean \"key\"?)\n"
		"f:4: listen.[1].notes.[0].value: expected a string, got a group\n"
		"f:5: listen.[1].notes.[0].xyzzy: expected one of key, value, stay_ms, got \"xyzzy\"\n"
		"f:6: listen.[1].notes.[0].stay_ms: expected a duration like 500ms, 30s, 5m or 2h from 0 to 1m, got \"2m\"\n"
		"f:7: listen.[1].notes.[1]: expected a group { ... }, got something else\n"
		"f:8: listen.[1].notes.[2]: expected a group { ... }, got something else\n");
}

static void elements_without_a_group_are_checked_by_their_row(void **state)
{
	struct trial *trial = *state;

	board(trial, SCOPE_TOP);
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "paint.colours", "3", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours.[0]", "red", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "paint.colours.[1]", "5", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "paint.colours.[2]", "", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours.[2].red", "red", "f:3");
	trial_expect_problems(trial, "f:2: paint.colours.[1]: expected a string, got 5\n"
				     "f:3: paint.colours.[2]: expected a string, got a group\n");
}

static void what_must_be_unique_is_given_once_in_a_list(void **state)
{
	struct trial *trial = *state;

	board(trial, SCOPE_TOP);
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "3", "f:1");
	note(trial, SCOPE_TOP, 0, "\U0001f436\n", "same");
	note(trial, SCOPE_TOP, 1, "a", "same");
	note(trial, SCOPE_TOP, 2, "\U0001f436\n", "same");
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "paint.colours", "2", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours.[0]", "red", "f:5");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours.[1]", "red", "f:6");
	trial_expect_problems(trial,
		"f:2: notes.[2].key: expected a value of its own, got \"\U0001f436\\n\", which element 0 has\n"
		"f:6: paint.colours.[1]: expected a value of its own, got \"red\", which element 0 has\n");
}

static void a_list_with_too_many_elements_is_one_problem(void **state)
{
	struct trial *trial = *state;

	board(trial, SCOPE_TOP);
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "4", "f:1");
	for (int i = 0; i < 4; i++)
		note(trial, SCOPE_TOP, i, "a", "b");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "paint.colours", "red", "f:2");
	trial_expect_problems(trial,
		"f:1: notes: expected a list of 0 to 3 groups ( { key = ...; value = ...; stay_ms = ...; }, ... ), got a list of 4\n"
		"f:2: paint.colours: expected a list of 0 to 3 values ( ..., ... ), each a string, got \"red\"\n");
}

static void the_inside_of_an_unknown_or_misplaced_list_is_not_looked_at(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_LIST, "port", "1", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "port.[0]", "7", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "xyzzy", "1", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_GROUP, "xyzzy.[0]", "", "f:2");
	trial_set(trial, SCOPE_TOP, VALUE_INTEGER, "xyzzy.[0].key", "7", "f:2");
	trial_expect_problems(trial,
		"f:1: port: expected a port from 0 to 65535 or a service name, got a list of 1\n"
		"f:2: xyzzy: expected a known option, got an unknown name\n");
}

static void the_command_line_sets_no_list_and_no_part_of_one(void **state)
{
	struct trial *trial = *state;

	board(trial, SCOPE_TOP);
	trial_set(trial, SCOPE_TOP, VALUE_LIST, "notes", "1", "f:1");
	note(trial, SCOPE_TOP, 0, "a", "b");
	trial_option(trial, SCOPE_TOP, "notes.[0].key", "c");
	trial_option(trial, SCOPE_TOP, "notes", "( { key = \"a\"; } )");
	trial_option(trial, SCOPE_TOP, "notes.[0]", "d");
	trial_option(trial, SCOPE_TOP, "backlog.[0]", "d");
	trial_expect_problems(trial,
		"-o: notes.[0].key: expected an option, got a part of a list, which can only be set in the file\n"
		"-o: notes: expected a list, which can only be set in the file, got \"( { key = \\\"a\\\"; } )\"\n"
		"-o: notes.[0]: expected an option, got a part of a list, which can only be set in the file\n"
		"-o: backlog.[0]: expected a known option, got an unknown name (did you mean \"backlog\"?)\n");
}

static void free_of_nothing_is_fine(void **state)
{
	(void)state;
	config_free(NULL);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, trial_set_up, trial_tear_down)
	const struct CMUnitTest tests[] = {
		ROW(without_assignments_there_is_one_listener_with_the_defaults),
		ROW(the_simple_form_sets_the_one_listener_from_the_top),
		ROW(a_listener_overrides_the_top_for_itself_alone),
		ROW(a_limit_at_the_top_is_the_daemons_and_not_the_listeners),
		ROW(the_command_line_wins_over_the_file),
		ROW(listeners_without_a_name_get_that_of_their_service),
		ROW(each_listener_has_settings_of_its_own_service),
		ROW(an_unknown_name_is_a_problem_with_the_one_that_was_meant),
		ROW(an_unknown_group_is_reported_once_and_not_for_each_member),
		ROW(case_and_the_list_are_known_to_the_suggestion),
		ROW(a_group_where_a_value_belongs_is_reported_without_its_members),
		ROW(a_value_where_a_group_belongs_is_a_problem),
		ROW(every_wrong_value_is_a_problem_also_where_another_decides),
		ROW(a_limit_of_a_listener_may_be_0_and_that_of_the_daemon_not),
		ROW(an_unknown_service_is_a_problem_with_the_one_that_was_meant),
		ROW(an_option_of_another_service_is_a_problem),
		ROW(an_option_of_a_service_belongs_to_a_listener_that_has_it),
		ROW(an_option_of_a_service_is_checked),
		ROW(names_hosts_and_refuse_texts_are_checked),
		ROW(the_path_of_a_unix_socket_has_at_most_107_bytes),
		ROW(modes_and_owners_are_checked),
		ROW(the_default_of_every_row_is_a_good_value),
		ROW(broken_rules_between_values_are_found),
		ROW(broken_rules_are_found_beside_wrong_values),
		ROW(a_list_is_stored_element_by_element),
		ROW(a_list_that_is_not_set_has_its_default),
		ROW(a_list_of_a_listener_takes_the_place_of_that_at_the_top),
		ROW(everything_wrong_with_an_element_is_named_with_its_place),
		ROW(elements_without_a_group_are_checked_by_their_row),
		ROW(what_must_be_unique_is_given_once_in_a_list),
		ROW(a_list_with_too_many_elements_is_one_problem),
		ROW(the_inside_of_an_unknown_or_misplaced_list_is_not_looked_at),
		ROW(the_command_line_sets_no_list_and_no_part_of_one),
		ROW(free_of_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
