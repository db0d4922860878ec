/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static char mode_text[] = "0640", none[] = "", unknown[] = "no-such-name";

struct fixture {
	char folder[64];
	char path[80];
	struct address address;
	struct socket_options options;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	support_make_folder(fixture.folder);
	snprintf(fixture.path, sizeof fixture.path, "%s/socket", fixture.folder);
	assert_true(address_from_path(fixture.path, &fixture.address));
	fixture.options = (struct socket_options){.mode = mode_text, .owner = none, .group = none};
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	support_remove_folder(fixture->folder);
	return 0;
}

static int new_socket(int kind)
{
	int fd = socket(AF_UNIX, kind | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* Listens with a socket of its own. Returns that, or -1. */
static int try_listen(struct fixture *fixture, struct unix_file *file, struct error *error)
{
	int fd = new_socket(SOCK_STREAM);

	if (unix_socket_listen(fd, &fixture->address, &fixture->options, 4, file, error) == 0)
		return fd;
	close(fd);
	return -1;
}

static int expect_listens(struct fixture *fixture, struct unix_file *file)
{
	struct error error = {.message = ""};
	int fd = try_listen(fixture, file, &error);

	if (fd < 0)
		fail_msg("%s", error.message);
	return fd;
}

static void expect_refused(struct fixture *fixture, int code, const char *why)
{
	struct unix_file file = {.is_ours = false};
	char expected[256];
	struct error error;

	assert_int_equal(try_listen(fixture, &file, &error), -1);
	snprintf(expected, sizeof expected, "cannot listen on unix:%s%s", fixture->path, why);
	assert_string_equal(error.message, expected);
	assert_int_equal(error.exit_code, code);
	assert_false(file.is_ours);
}

static int connect_to(const struct address *address)
{
	int fd = new_socket(SOCK_STREAM);

	assert_int_equal(connect(fd, &address->any, address->length), 0);
	return fd;
}

static bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

static void a_file_is_made_with_its_mode_and_removed_again(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file;
	mode_t before = umask(0777);
	struct stat status;
	int fd = expect_listens(fixture, &file);

	umask(before);
	assert_true(file.is_ours);
	assert_int_equal(lstat(fixture->path, &status), 0);
	assert_true(S_ISSOCK(status.st_mode));
	assert_int_equal(status.st_mode & 07777, 0640);
	close(connect_to(&fixture->address));
	unix_socket_remove(&fixture->address, &file);
	assert_false(is_there(fixture->path));
	unix_socket_remove(&fixture->address, &file);
	close(fd);
}

/* Only root may give files away. */
static void a_file_is_given_to_owner_and_group(void **state)
{
	static char owner[] = "12345", group[] = "12346";
	struct fixture *fixture = *state;
	struct unix_file file;
	struct stat status;

	if (geteuid() != 0)
		skip();
	fixture->options.owner = owner;
	fixture->options.group = group;
	int fd = expect_listens(fixture, &file);
	assert_int_equal(lstat(fixture->path, &status), 0);
	assert_int_equal(status.st_uid, 12345);
	assert_int_equal(status.st_gid, 12346);
	unix_socket_remove(&fixture->address, &file);
	close(fd);
}

static void an_owner_who_is_gone_leaves_no_file(void **state)
{
	struct fixture *fixture = *state;

	fixture->options.owner = unknown;
	expect_refused(fixture, EX_UNAVAILABLE, ": socket.owner is gone");
	fixture->options.owner = none;
	fixture->options.group = unknown;
	expect_refused(fixture, EX_UNAVAILABLE, ": socket.group is gone");
	assert_false(is_there(fixture->path));
}

static void a_stale_socket_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file;

	close(expect_listens(fixture, &file));
	assert_true(is_there(fixture->path));
	int fd = expect_listens(fixture, &file);
	close(connect_to(&fixture->address));
	unix_socket_remove(&fixture->address, &file);
	close(fd);
}

static void expect_in_use_by_us(struct fixture *fixture)
{
	char name[32], why[128];

	support_process_name(name);
	snprintf(why, sizeof why, ": address already in use by %s (pid %d)", name, (int)getpid());
	expect_refused(fixture, EX_UNAVAILABLE, why);
}

static void a_live_socket_is_left_alone_and_its_owner_named(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file;
	int fd = expect_listens(fixture, &file);

	expect_in_use_by_us(fixture);
	close(connect_to(&fixture->address));
	unix_socket_remove(&fixture->address, &file);
	close(fd);
}

static void a_live_socket_with_a_full_queue_is_no_stale_one(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file;
	int fd = expect_listens(fixture, &file), clients[8], count = 0, result = 0;

	assert_int_equal(listen(fd, 1), 0);
	while (result == 0 && count < 8) {
		clients[count] = new_socket(SOCK_STREAM | SOCK_NONBLOCK);
		result = connect(clients[count++], &fixture->address.any, fixture->address.length);
	}
	assert_int_equal(result, -1);
	assert_int_equal(errno, EAGAIN);
	expect_refused(fixture, EX_UNAVAILABLE, ": address already in use");
	assert_true(is_there(fixture->path));
	while (count > 0)
		close(clients[--count]);
	unix_socket_remove(&fixture->address, &file);
	close(fd);
}

static void a_socket_of_datagrams_is_no_stale_one(void **state)
{
	struct fixture *fixture = *state;
	int fd = new_socket(SOCK_DGRAM);

	assert_int_equal(bind(fd, &fixture->address.any, fixture->address.length), 0);
	expect_refused(fixture, EX_UNAVAILABLE, ": address already in use");
	close(fd);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	char target[80];

	support_write_file(fixture->folder, "socket", "precious");
	expect_refused(fixture, EX_UNAVAILABLE, ": what has this name is not a socket");
	assert_true(is_there(fixture->path));
	assert_int_equal(unlink(fixture->path), 0);

	/* A link to a stale socket is not one. */
	snprintf(target, sizeof target, "%s/target", fixture->folder);
	assert_int_equal(symlink(target, fixture->path), 0);
	expect_refused(fixture, EX_UNAVAILABLE, ": what has this name is not a socket");
	assert_true(is_there(fixture->path));
	assert_int_equal(unlink(fixture->path), 0);

	assert_int_equal(mkdir(fixture->path, 0700), 0);
	expect_refused(fixture, EX_UNAVAILABLE, ": what has this name is not a socket");
	assert_int_equal(rmdir(fixture->path), 0);
}

static void a_missing_directory_is_told(void **state)
{
	struct fixture *fixture = *state;

	snprintf(fixture->path, sizeof fixture->path, "%s/no/socket", fixture->folder);
	assert_true(address_from_path(fixture->path, &fixture->address));
	expect_refused(fixture, EX_UNAVAILABLE, ": its directory: No such file or directory");
}

static void a_file_that_is_not_ours_any_more_stays(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file;
	int fd = expect_listens(fixture, &file);

	assert_int_equal(unlink(fixture->path), 0);
	support_write_file(fixture->folder, "socket", "another");
	unix_socket_remove(&fixture->address, &file);
	assert_true(is_there(fixture->path));
	close(fd);
}

static void an_abstract_name_has_no_file_and_is_in_use_while_it_is_bound(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file = {.is_ours = true};

	snprintf(fixture->path, sizeof fixture->path, "@yodel-unit-%d", (int)getpid());
	assert_true(address_from_path(fixture->path, &fixture->address));
	int fd = expect_listens(fixture, &file);
	assert_false(file.is_ours);
	expect_in_use_by_us(fixture);
	close(fd);
	fd = new_socket(SOCK_STREAM);
	assert_int_equal(bind(fd, &fixture->address.any, fixture->address.length), 0);
	expect_refused(fixture, EX_UNAVAILABLE, ": address already in use");
	close(fd);
}

/* A child that holds the lock of the folder until its end. Returns when it has it. */
static pid_t hold_lock(const char *folder, int *gate)
{
	int ready[2], end[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(folder, O_RDONLY);

		close(end[1]);
		if (flock(fd, LOCK_EX) != 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(end[0]);
	*gate = end[1];
	return pid;
}

static void whoever_holds_the_lock_is_waited_for_but_not_for_ever(void **state)
{
	struct fixture *fixture = *state;
	int gate;
	pid_t pid = hold_lock(fixture->folder, &gate);
	int64_t before = support_now_ms();

	expect_refused(fixture, EX_UNAVAILABLE, ": somebody else has locked its directory");
	assert_in_range(support_now_ms() - before, 4000, SUPPORT_PATIENCE_MS);
	assert_false(is_there(fixture->path));
	close(gate);
	waitpid(pid, NULL, 0);
}

/* --- Many at once ----------------------------------------------------------------------------- */

enum { RACERS = 12, ROUNDS = 20 };

/* Listens, tells in one byte whether it may, and goes on until the gate closes. */
static void race(struct fixture *fixture, int start, int told, int gate)
{
	struct unix_file file;
	struct error error;
	char byte;

	(void)!read(start, &byte, 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bool listens = unix_socket_listen(fd, &fixture->address, &fixture->options, 4 * RACERS,
			       &file, &error) == 0;
	(void)!write(told, listens ? "1" : "0", 1);
	(void)!read(gate, &byte, 1);
	_exit(0);
}

/* One finds a stale file and replaces it; the others find him. */
static void of_many_that_start_at_once_one_listens_and_is_not_lost(void **state)
{
	struct fixture *fixture = *state;
	struct unix_file file;

	close(expect_listens(fixture, &file));
	for (int round = 0; round < ROUNDS; round++) {
		int start[2], told[2], gate[2], winners = 0;
		char answer;

		assert_int_equal(pipe(start), 0);
		assert_int_equal(pipe(told), 0);
		assert_int_equal(pipe(gate), 0);
		for (int i = 0; i < RACERS; i++) {
			if (fork() != 0)
				continue;
			close(start[1]);
			close(gate[1]);
			race(fixture, start[0], told[1], gate[0]);
		}
		close(start[1]);
		for (int i = 0; i < RACERS; i++) {
			assert_int_equal(read(told[0], &answer, 1), 1);
			winners += answer == '1';
		}
		assert_int_equal(winners, 1);
		close(connect_to(&fixture->address));
		close(gate[1]); /* they end as if killed: a stale file for the next round */
		while (waitpid(-1, NULL, 0) > 0)
			continue;
		close(start[0]);
		close(told[0]);
		close(told[1]);
		close(gate[0]);
	}
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(a_file_is_made_with_its_mode_and_removed_again),
		ROW(a_file_is_given_to_owner_and_group),
		ROW(an_owner_who_is_gone_leaves_no_file),
		ROW(a_stale_socket_is_replaced),
		ROW(a_live_socket_is_left_alone_and_its_owner_named),
		ROW(a_live_socket_with_a_full_queue_is_no_stale_one),
		ROW(a_socket_of_datagrams_is_no_stale_one),
		ROW(what_is_no_socket_is_left_alone),
		ROW(a_missing_directory_is_told),
		ROW(a_file_that_is_not_ours_any_more_stays),
		ROW(an_abstract_name_has_no_file_and_is_in_use_while_it_is_bound),
		ROW(whoever_holds_the_lock_is_waited_for_but_not_for_ever),
		ROW(of_many_that_start_at_once_one_listens_and_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
