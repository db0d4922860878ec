/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/server/notify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int clear_environment(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return 0;
}

/* --- telling the manager ---------------------------------------------------------------------- */

/* A manager's socket; '@' stands for the NUL of the abstract namespace. */
static int open_manager(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = SUPPORT_PATIENCE_MS / 1000};
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && length < sizeof address.sun_path);
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
		0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void expect_datagram(int fd, const char *expected)
{
	char text[1024] = "";
	ssize_t length = recv(fd, text, sizeof text - 1, 0);

	assert_int_equal(length, strlen(expected));
	assert_string_equal(text, expected);
}

static void a_datagram_arrives_at_a_path(void **state)
{
	char folder[64], path[80];

	(void)state;
	support_make_folder(folder);
	snprintf(path, sizeof path, "%s/notify", folder);
	int fd = open_manager(path);
	assert_true(notify_is_wanted());
	notify_send("READY=1\nSTATUS=%d connections", 3);
	expect_datagram(fd, "READY=1\nSTATUS=3 connections");
	close(fd);
	support_remove_folder(folder);
}

static void a_datagram_arrives_in_the_abstract_namespace(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof name, "@yodel-unit-%d", (int)getpid());
	int fd = open_manager(name);
	notify_send("STOPPING=1");
	expect_datagram(fd, "STOPPING=1");
	close(fd);
}

static void nobody_to_tell_is_no_error(void **state)
{
	char too_long[200];

	(void)state;
	assert_false(notify_is_wanted());
	notify_send("READY=1");
	memset(too_long, '/', sizeof too_long - 1);
	too_long[sizeof too_long - 1] = '\0';
	const char *const names[] = {
		"", "x", "@", "/no/such/socket", "@nobody-listens-here", "relative/path", too_long};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		setenv("NOTIFY_SOCKET", names[i], 1);
		notify_send("READY=1");
	}
}

static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof name, "@yodel-unit-%d", (int)getpid());
	int fd = open_manager(name);
	for (int i = 0; i < 2000; i++)
		notify_send("STATUS=%d", i);
	expect_datagram(fd, "STATUS=0");
	close(fd);
}

/* --- inherited sockets, in a child whose descriptors 3, 4, ... are what a manager would leave ---- */

static void set_inheritance(const char *count, const char *names, int pid_offset)
{
	char pid[32];

	snprintf(pid, sizeof pid, "%d", (int)getpid() + pid_offset);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	if (names != NULL)
		setenv("LISTEN_FDNAMES", names, 1);
	for (int fd = 3; fd < 7; fd++)
		dup2(STDIN_FILENO, fd);
}

/* In a child nothing is asserted: the number of the first line that fails is its exit status. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__ % 100 + 1;                                                 \
	} while (0)

static int take_by_name(void *context)
{
	struct inherited inherited;

	(void)context;
	set_inheritance("4", "echo:web:echo:", 0);
	EXPECT(inherited_find(&inherited) == 0);
	EXPECT(inherited.count == 4);
	for (int fd = 3; fd < 7; fd++)
		EXPECT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	EXPECT(getenv("LISTEN_PID") == NULL);
	EXPECT(getenv("LISTEN_FDS") == NULL);
	EXPECT(getenv("LISTEN_FDNAMES") == NULL);
	EXPECT(inherited_take(&inherited, "nonsense") == -1);
	EXPECT(inherited_take(&inherited, "ech") == -1);
	EXPECT(inherited_take(&inherited, "echo") == 3);
	EXPECT(inherited_take(&inherited, "echo") == 5);
	EXPECT(inherited_take(&inherited, "echo") == -1);
	EXPECT(inherited_take(&inherited, "unknown") == 6);
	inherited_fini(&inherited);
	EXPECT(fcntl(4, F_GETFD) == -1); /* nobody took it */
	EXPECT(fcntl(3, F_GETFD) >= 0);
	EXPECT(fcntl(5, F_GETFD) >= 0);
	EXPECT(fcntl(6, F_GETFD) >= 0);
	return 0;
}

static void sockets_are_taken_by_name_and_the_rest_closed_with_a_warning(void **state)
{
	(void)state;
	capture_start();
	int status = in_child(take_by_name, NULL);
	char *text = capture_end();
	assert_int_equal(status, 0);
	assert_non_null(strstr(text,
		" warn start message=\"inherited socket \\\"web\\\" is closed: no listener has this name\"\n"));
	assert_null(strstr(text, "echo"));
	free(text);
}

static int take_without_names(void *context)
{
	struct inherited inherited;

	(void)context;
	set_inheritance("2", NULL, 0);
	EXPECT(inherited_find(&inherited) == 0);
	EXPECT(inherited_take(&inherited, "unknown") == 3);
	EXPECT(inherited_take(&inherited, "unknown") == 4);
	EXPECT(inherited_take(&inherited, "unknown") == -1);
	inherited_fini(&inherited);
	return 0;
}

static void sockets_without_names_are_called_unknown(void **state)
{
	(void)state;
	assert_int_equal(in_child(take_without_names, NULL), 0);
}

static int find_none(void *context)
{
	struct inherited inherited;

	(void)context;
	for (int fd = 3; fd < 7; fd++)
		dup2(STDIN_FILENO, fd);
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 0);
	set_inheritance("2", "a:b", 1); /* for another process */
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 0);
	set_inheritance("0", "", 0);
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 0);
	set_inheritance("-1", "", 0);
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 0);
	set_inheritance("2x", "", 0);
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 0);
	set_inheritance("99999999", "", 0);
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 0);
	EXPECT(inherited_take(&inherited, "a") == -1);
	inherited_fini(&inherited);
	EXPECT(fcntl(3, F_GETFD) >= 0);
	return 0;
}

static void sockets_for_another_process_or_a_bad_count_are_none(void **state)
{
	(void)state;
	assert_int_equal(in_child(find_none, NULL), 0);
}

static int find_long_name(void *context)
{
	struct inherited inherited;
	char names[2 * INHERITED_NAME_BYTES];

	(void)context;
	memset(names, 'n', sizeof names - 1);
	names[sizeof names - 1] = '\0';
	set_inheritance("2", names, 0);
	EXPECT(inherited_find(&inherited) == 0 && inherited.count == 2);
	EXPECT(strlen(inherited.sockets[0].name) == INHERITED_NAME_BYTES - 1);
	EXPECT(strcmp(inherited.sockets[1].name, "unknown") == 0);
	inherited_fini(&inherited);
	return 0;
}

static void a_name_that_is_too_long_is_cut(void **state)
{
	(void)state;
	capture_start();
	int status = in_child(find_long_name, NULL);
	free(capture_end());
	assert_int_equal(status, 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, clear_environment, clear_environment)
	const struct CMUnitTest tests[] = {
		ROW(a_datagram_arrives_at_a_path),
		ROW(a_datagram_arrives_in_the_abstract_namespace),
		ROW(nobody_to_tell_is_no_error),
		ROW(a_manager_that_does_not_read_is_not_waited_for),
		ROW(sockets_are_taken_by_name_and_the_rest_closed_with_a_warning),
		ROW(sockets_without_names_are_called_unknown),
		ROW(sockets_for_another_process_or_a_bad_count_are_none),
		ROW(a_name_that_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
