/* SPDX-License-Identifier: MIT */
#include "config_support.h"

static void listener(struct trial *trial, int index, const char *host, const char *port)
{
	trial_set(trial, index, VALUE_STRING, "host", host, "f:h");
	trial_set(trial, index, VALUE_STRING, "port", port, "f:p");
}

static void names_must_differ(void **state)
{
	struct trial *trial = *state;

	for (int i = 0; i < 3; i++)
		trial_set(trial, i, VALUE_STRING, "port", "0", "f:1");
	trial_set(trial, 0, VALUE_STRING, "name", "a", "f:2");
	trial_set(trial, 1, VALUE_STRING, "name", "b", "f:3");
	trial_set(trial, 2, VALUE_STRING, "name", "a", "f:4");
	trial_expect_problems(trial,
		"f:4: listen.[2].name: expected a name of its own, got \"a\", which listener 0 has\n");
}

static void a_name_at_the_top_is_the_same_for_all(void **state)
{
	struct trial *trial = *state;

	listener(trial, 0, "a", "0");
	listener(trial, 1, "b", "0");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "name", "x", "f:2");
	trial_expect_problems(trial,
		"f:2: listen.[1].name: expected a name of its own, got \"x\", which listener 0 has\n");
}

static void addresses_must_differ(void **state)
{
	struct trial *trial = *state;

	listener(trial, 0, "127.0.0.1", "7");
	listener(trial, 1, "127.0.0.1", "8");
	listener(trial, 2, "::1", "7");
	(void)trial_build(trial);
	listener(trial, 3, "127.0.0.1", "7");
	trial_expect_problems(trial,
		"f:p: listen.[3].port: expected an address of its own, got \"127.0.0.1\" port 7, which listener 0 has\n");
}

static void hosts_differ_by_more_than_their_case(void **state)
{
	struct trial *trial = *state;

	listener(trial, 0, "localhost", "7");
	listener(trial, 1, "LocalHost", "7");
	trial_expect_problems(trial,
		"f:p: listen.[1].port: expected an address of its own, got \"LocalHost\" port 7, which listener 0 has\n");
}

static void port_0_may_be_given_many_times(void **state)
{
	struct trial *trial = *state;

	for (int i = 0; i < 3; i++)
		listener(trial, i, "127.0.0.1", "0");
	assert_int_equal(trial_build(trial)->listener_count, 3);
}

static void an_inherited_socket_belongs_to_one_listener(void **state)
{
	struct trial *trial = *state;

	listener(trial, 0, "systemd:web", "0");
	listener(trial, 1, "systemd:other", "0");
	(void)trial_build(trial);
	listener(trial, 2, "systemd:web", "0");
	trial_expect_problems(trial,
		"f:p: listen.[2].port: expected an address of its own, got \"systemd:web\" port 0, which listener 0 has\n");
}

static void paths_must_differ_whatever_the_ports(void **state)
{
	struct trial *trial = *state;

	listener(trial, 0, "unix:/run/a", "0");
	listener(trial, 1, "unix:/run/A", "0");
	listener(trial, 2, "unix:@/run/a", "0");
	(void)trial_build(trial);
	listener(trial, 3, "unix:/run/a", "1");
	trial_expect_problems(trial,
		"f:h: listen.[3].host: expected a path of its own, got \"unix:/run/a\", which listener 0 has\n");
}

static void access_is_for_a_listener_with_a_file(void **state)
{
	static const char *const others[] = {"127.0.0.1", "unix:@yodel", "systemd:web"};
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.mode", "0660", "f:1");
	listener(trial, 0, "unix:/run/a", "0");
	trial_set(trial, 0, VALUE_STRING, "socket.mode", "0600", "f:2");
	for (int i = 1; i <= 3; i++)
		listener(trial, i, others[i - 1], "0");
	trial_set(trial, 1, VALUE_STRING, "socket.mode", "0666", "f:2"); /* as it is anyway */
	(void)trial_build(trial);
	trial_set(trial, 1, VALUE_STRING, "socket.mode", "0600", "f:3");
	trial_set(trial, 2, VALUE_STRING, "socket.owner", "0", "f:4");
	trial_set(trial, 3, VALUE_STRING, "socket.group", "0", "f:5");
#define WHY "expected a listener whose host is \"unix:/PATH\", for only that has a file\n"
	trial_expect_problems(trial,
		"f:3: listen.[1].socket.mode: " WHY "f:4: listen.[2].socket.owner: " WHY
		"f:5: listen.[3].socket.group: " WHY);
#undef WHY
}

static void a_port_may_be_had_with_each_protocol(void **state)
{
	struct trial *trial = *state;

	listener(trial, 0, "127.0.0.1", "7");
	listener(trial, 1, "127.0.0.1", "7");
	trial_set(trial, 1, VALUE_STRING, "protocol", "udp", "f:1");
	(void)trial_build(trial);
	listener(trial, 2, "127.0.0.1", "7");
	trial_set(trial, 2, VALUE_STRING, "protocol", "udp", "f:2");
	trial_expect_problems(trial,
		"f:p: listen.[2].port: expected an address of its own, got \"127.0.0.1\" port 7, which listener 1 has\n");
}

static void udp_is_for_echo_and_not_for_unix_sockets(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "protocol", "udp", "f:1");
	listener(trial, 0, "127.0.0.1", "7");
	listener(trial, 1, "systemd:web", "7");
	(void)trial_build(trial);
	listener(trial, 2, "unix:/run/a", "7");
	listener(trial, 3, "127.0.0.1", "8");
	trial_set(trial, 3, VALUE_STRING, "service", "clock", "f:2");
	listener(trial, 4, "127.0.0.1", "9");
	trial_set(trial, 4, VALUE_STRING, "proxy_protocol", "v2", "f:3");
	trial_set(trial, 4, VALUE_STRING, "stop_command", "stop", "f:4");
	trial_expect_problems(trial,
		"f:1: listen.[2].protocol: expected tcp with a Unix socket, got udp\n"
		"f:2: listen.[3].service: expected service echo with protocol udp, got \"clock\"\n"
		"f:3: listen.[4].proxy_protocol: expected a listener with connections, got one with protocol udp\n"
		"f:4: listen.[4].stop_command: expected a listener with connections, got one with protocol udp\n"
		/* The echo of these tests has none. */
		"f:4: listen.[4].stop_command: expected a service whose clients send lines, got service \"echo\"\n"
		"f:4: listen.[4].stop_command: expected a listener without proxy_protocol, whose clients may be from anywhere\n");
}

static void whole_seconds_are_asked_for_where_the_kernel_counts_in_them(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.keepalive_idle", "1s", "f:1");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.user_timeout", "1500ms", "f:2");
	(void)trial_build(trial);
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.keepalive_idle", "999ms", "f:3");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.keepalive_interval", "1001ms", "f:4");
	trial_set(trial, SCOPE_TOP, VALUE_STRING, "socket.defer_accept", "1ms", "f:5");
	trial_expect_problems(trial,
		"f:3: socket.keepalive_idle: expected a duration like 500ms, 30s, 5m or 2h from 0 to 32767s, in whole seconds, got \"999ms\"\n"
		"f:4: socket.keepalive_interval: expected a duration like 500ms, 30s, 5m or 2h from 0 to 32767s, in whole seconds, got \"1001ms\"\n"
		"f:5: socket.defer_accept: expected a duration like 500ms, 30s, 5m or 2h from 0 to 1h, in whole seconds, got \"1ms\"\n");
}

static void many_listeners_are_compared_in_good_time(void **state)
{
	struct trial *trial = *state;
	char port[16];

	for (int i = 0; i < 300; i++) {
		snprintf(port, sizeof port, "%d", 1000 + i);
		trial_set(trial, i, VALUE_INTEGER, "port", port, "f:1");
	}
	const struct config *config = trial_build(trial);
	assert_string_equal(config->listeners[299].name, "echo-300");
}

static void who_may_gain_privileges_cannot_be_confined(void **state)
{
	struct trial *trial = *state;

	trial_set(trial, SCOPE_TOP, VALUE_STRING, "privileges.landlock", "auto", "f:1");
	(void)trial_build(trial);
	trial_set(trial, SCOPE_TOP, VALUE_BOOL, "privileges.no_new_privs", "false", "f:2");
	trial_expect_problems(trial,
		"f:2: privileges.no_new_privs: expected true beside privileges.landlock = \"auto\", got false\n");
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, trial_set_up, trial_tear_down)
	const struct CMUnitTest tests[] = {
		ROW(names_must_differ),
		ROW(a_name_at_the_top_is_the_same_for_all),
		ROW(addresses_must_differ),
		ROW(hosts_differ_by_more_than_their_case),
		ROW(port_0_may_be_given_many_times),
		ROW(an_inherited_socket_belongs_to_one_listener),
		ROW(paths_must_differ_whatever_the_ports),
		ROW(access_is_for_a_listener_with_a_file),
		ROW(a_port_may_be_had_with_each_protocol),
		ROW(udp_is_for_echo_and_not_for_unix_sockets),
		ROW(whole_seconds_are_asked_for_where_the_kernel_counts_in_them),
		ROW(many_listeners_are_compared_in_good_time),
		ROW(who_may_gain_privileges_cannot_be_confined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
