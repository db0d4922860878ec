/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

static void a_unix_socket_gets_the_buffers_alone(void **state)
{
	const struct socket_options options = {
		.nodelay = true,
		.keepalive = true,
		.keepalive_idle_ms = 61000,
		.user_timeout_ms = 12345,
		.receive_buffer_bytes = 10000,
		.send_buffer_bytes = 20000,
		.defer_accept_ms = 1000,
	};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct error error;

	(void)state;
	assert_int_equal(socket_options_set(&options, fd, &error), 0);
	/* The kernel doubles both, socket(7). */
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_RCVBUF), 20000);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_SNDBUF), 40000);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(fd);
}

static void a_tcp_socket_gets_them_all(void **state)
{
	const struct socket_options options = {
		.nodelay = true, .send_buffer_bytes = 20000, .user_timeout_ms = 12345};
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	struct error error;

	(void)state;
	assert_int_equal(socket_options_set(&options, fd, &error), 0);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_SNDBUF), 40000);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
	close(fd);
}

static void an_accepted_unix_socket_gets_the_buffers(void **state)
{
	const struct socket_options options = {.send_buffer_bytes = 20000};
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	socket_options_set_accepted(&options, ends[0]);
	assert_int_equal(option_of(ends[0], SOL_SOCKET, SO_SNDBUF), 40000);
	close(ends[0]);
	close(ends[1]);
}

static void modes_are_octal(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
	} good[] = {{"0", 0}, {"666", 0666}, {"0666", 0666}, {"0777", 0777}, {"600", 0600}};
	static const char *const bad[] = {
		"", "8", "0668", "01777", "1000", "-1", " 600", "600 ", "0o600", "00600", "rw"};
	mode_t mode = 0123;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(socket_options_read_mode(bad[i], &mode));
	assert_int_equal(mode, 0123);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(socket_options_read_mode(good[i].text, &mode));
		assert_int_equal(mode, good[i].mode);
	}
}

static void owners_and_groups_are_names_or_numbers(void **state)
{
	uid_t owner = 7;
	gid_t group = 7;

	(void)state;
	assert_true(socket_options_read_owner("root", &owner));
	assert_int_equal(owner, 0);
	assert_true(socket_options_read_owner("4294967294", &owner));
	assert_int_equal(owner, 4294967294);
	assert_true(socket_options_read_owner("", &owner));
	assert_int_equal(owner, (uid_t)-1);
	assert_true(socket_options_read_group("root", &group));
	assert_int_equal(group, 0);
	assert_true(socket_options_read_group("1234", &group));
	assert_int_equal(group, 1234);
	assert_true(socket_options_read_group("", &group));
	assert_int_equal(group, (gid_t)-1);
}

static void unknown_owners_and_groups_are_told(void **state)
{
	static const char *const unknown[] = {
		"no-such-name-here", "4294967295", "-1", "99999999999", " root"};
	uid_t owner = 7;
	gid_t group = 7;

	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		assert_false(socket_options_read_owner(unknown[i], &owner));
		assert_false(socket_options_read_group(unknown[i], &group));
	}
	assert_int_equal(owner, 7);
	assert_int_equal(group, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unix_socket_gets_the_buffers_alone),
		cmocka_unit_test(a_tcp_socket_gets_them_all),
		cmocka_unit_test(an_accepted_unix_socket_gets_the_buffers),
		cmocka_unit_test(modes_are_octal),
		cmocka_unit_test(owners_and_groups_are_names_or_numbers),
		cmocka_unit_test(unknown_owners_and_groups_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
