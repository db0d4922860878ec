/* SPDX-License-Identifier: MIT */
#include "server_support.h"

#include "yodel/server/landlock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FOLDER_BYTES = 64, PATH_BYTES = 128 };

/* Two folders with a file "one" in each: the daemon's, and somebody else's. */
struct trial {
	char own[FOLDER_BYTES];
	char other[FOLDER_BYTES];
	struct config *config;
	struct listener listener;
	struct listening listening;
};

static int set_up(void **state)
{
	struct trial *trial = calloc(1, sizeof *trial);

	assert_non_null(trial);
	support_make_folder(trial->own);
	support_make_folder(trial->other);
	support_write_file(trial->own, "one", "1");
	support_write_file(trial->other, "one", "1");
	trial->listening = (struct listening){.listeners = &trial->listener, .listener_count = 1};
	*state = trial;
	return 0;
}

static int tear_down(void **state)
{
	struct trial *trial = *state;

	config_free(trial->config);
	support_remove_folder(trial->own);
	support_remove_folder(trial->other);
	free(trial);
	return 0;
}

static void path_of(char path[PATH_BYTES], const char *folder, const char *name)
{
	snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

/* Skips the test where the kernel has no Landlock. */
static void configure(struct trial *trial, const char *certificate)
{
	char option[2 * PATH_BYTES];

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
		skip();
	snprintf(option, sizeof option, "tls.certificate=%s", certificate);
	trial->config = CONFIG("-o", "privileges.landlock=on", "-o", option);
}

/* For a child: confined from here on. */
static const char *confine(const struct trial *trial)
{
	const char *held;
	struct error error;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_confine(trial->config, &trial->listening, &held, &error) == 0)
		return held;
	fprintf(stderr, "%s\n", error.message);
	_exit(125);
}

static int open_and_close(const char *folder, const char *name, int flags)
{
	char path[PATH_BYTES];

	path_of(path, folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int unlink_in(const char *folder, const char *name)
{
	char path[PATH_BYTES];

	path_of(path, folder, name);
	return unlink(path) == 0 ? 0 : errno;
}

static int try_files(void *context)
{
	const struct trial *trial = context;

	confine(trial);
	if (open_and_close(trial->own, "one", O_RDONLY) != 0)
		return 1;
	if (open_and_close(trial->own, "one", O_WRONLY) != EACCES)
		return 2;
	if (open_and_close(trial->own, ".", O_RDONLY | O_DIRECTORY) != EACCES)
		return 3;
	if (open_and_close(trial->own, "new", O_CREAT | O_WRONLY) != EACCES)
		return 4;
	if (unlink_in(trial->own, "one") != EACCES)
		return 5;
	if (open_and_close(trial->other, "one", O_RDONLY) != EACCES)
		return 6;
	if (open_and_close("/etc", "passwd", O_RDONLY) != EACCES)
		return 7;
	if (open_and_close("/dev", "null", O_RDWR) != 0)
		return 8;
	return execl("/bin/true", "true", (char *)NULL) != 0 && errno == EACCES ? 0 : 9;
}

static void only_the_directory_of_a_certificate_can_be_read(void **state)
{
	struct trial *trial = *state;
	char path[PATH_BYTES];

	path_of(path, trial->own, "certificate");
	configure(trial, path);
	assert_int_equal(in_child(try_files, trial), 0);
}

static int try_link(void *context)
{
	const struct trial *trial = context;

	confine(trial);
	if (open_and_close(trial->own, "link", O_RDONLY) != 0)
		return 1;
	return open_and_close(trial->other, "one", O_RDONLY) == 0 ? 0 : 2;
}

static void where_a_link_leads_can_be_read_too(void **state)
{
	struct trial *trial = *state;
	char target[PATH_BYTES], path[PATH_BYTES];

	path_of(target, trial->other, "one");
	path_of(path, trial->own, "link");
	assert_int_equal(symlink(target, path), 0);
	configure(trial, path);
	assert_int_equal(in_child(try_link, trial), 0);
}

static int try_removal(void *context)
{
	const struct trial *trial = context;

	confine(trial);
	if (open_and_close(trial->own, "one", O_RDONLY) != EACCES)
		return 1;
	if (unlink_in(trial->other, "one") != EACCES)
		return 2;
	return unlink_in(trial->own, "one");
}

static void the_file_of_a_unix_socket_can_be_removed(void **state)
{
	struct trial *trial = *state;
	char path[PATH_BYTES];

	configure(trial, "");
	path_of(path, trial->own, "socket");
	trial->listener.count = 1;
	trial->listener.sockets[0].file.is_ours = true;
	assert_true(address_from_path(path, &trial->listener.sockets[0].address));
	assert_int_equal(in_child(try_removal, trial), 0);
}

static int try_tcp(void *context)
{
	const struct sockaddr_in loopback = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strcmp(confine(context), "files,tcp") != 0)
		return 0;
	if (connect(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0 ||
		errno != EACCES)
		return 1;
	return bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) != 0 && errno == EACCES
		       ? 0
		       : 2;
}

static void no_tcp_port_can_be_bound_or_connected_to(void **state)
{
	struct trial *trial = *state;

	configure(trial, "");
	assert_int_equal(in_child(try_tcp, trial), 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(only_the_directory_of_a_certificate_can_be_read),
		ROW(where_a_link_leads_can_be_read_too),
		ROW(the_file_of_a_unix_socket_can_be_removed),
		ROW(no_tcp_port_can_be_bound_or_connected_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
