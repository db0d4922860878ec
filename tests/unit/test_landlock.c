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

/* Folders with a file "one" in each: two of the daemon's, and somebody else's. */
struct trial {
	char own[FOLDER_BYTES];
	char second[FOLDER_BYTES];
	char other[FOLDER_BYTES];
	struct config *config;
	struct listener listeners[2];
	struct listening listening;
};

/* What the kernel has of Landlock: the version of its interface, or -1. */
static long kernel_abi(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

static void make_folder(char folder[FOLDER_BYTES])
{
	support_make_folder(folder);
	support_write_file(folder, "one", "1");
}

static int set_up(void **state)
{
	struct trial *trial = calloc(1, sizeof *trial);

	assert_non_null(trial);
	make_folder(trial->own);
	make_folder(trial->second);
	make_folder(trial->other);
	trial->listening = (struct listening){.listeners = trial->listeners, .listener_count = 2};
	*state = trial;
	return 0;
}

static int tear_down(void **state)
{
	struct trial *trial = *state;

	config_free(trial->config);
	support_remove_folder(trial->own);
	support_remove_folder(trial->second);
	support_remove_folder(trial->other);
	free(trial);
	return 0;
}

static void path_of(char path[PATH_BYTES], const char *folder, const char *name)
{
	snprintf(path, PATH_BYTES, "%s/%s", folder, name);
}

/* Two listeners. Skips the test where the kernel has no Landlock. */
static void configure(struct trial *trial, const char *certificate)
{
	char option[2 * PATH_BYTES];

	if (kernel_abi() < 1)
		skip();
	snprintf(option, sizeof option, "tls.certificate=%s", certificate);
	trial->config = CONFIG("-l", "127.0.0.1:0=echo", "-l", "127.0.0.1:0=discard", "-o",
		"privileges.landlock=on", "-o", option);
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

static int truncate_in(const char *folder, const char *name)
{
	char path[PATH_BYTES];

	path_of(path, folder, name);
	return truncate(path, 0) == 0 ? 0 : errno;
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

static int try_truncation(void *context)
{
	const struct trial *trial = context;

	confine(trial);
	return truncate_in(trial->own, "one") == EACCES ? 0 : 1;
}

static void no_file_can_be_truncated_since_version_3(void **state)
{
	struct trial *trial = *state;
	char path[PATH_BYTES];

	if (kernel_abi() < 3)
		skip();
	path_of(path, trial->own, "certificate");
	configure(trial, path);
	assert_int_equal(in_child(try_truncation, trial), 0);
}

/* The one device file that can be opened is no terminal, and may not even be asked. */
static int try_ioctl(void *context)
{
	confine(context);
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return isatty(fd) == 0 && errno == EACCES ? 0 : 1;
}

static void no_device_can_be_controlled_since_version_5(void **state)
{
	struct trial *trial = *state;

	if (kernel_abi() < 5)
		skip();
	configure(trial, "");
	assert_int_equal(in_child(try_ioctl, trial), 0);
}

static void add_socket(struct listener *listener, const char *folder, bool is_ours)
{
	struct listening_socket *socket = &listener->sockets[listener->count++];
	char path[PATH_BYTES];

	path_of(path, folder, "socket");
	assert_true(address_from_path(path, &socket->address));
	socket->file.is_ours = is_ours;
}

static int try_removal(void *context)
{
	const struct trial *trial = context;

	confine(trial);
	if (open_and_close(trial->own, "one", O_RDONLY) != EACCES)
		return 1;
	if (unlink_in(trial->other, "one") != EACCES)
		return 2;
	return unlink_in(trial->own, "one") == 0 && unlink_in(trial->second, "one") == 0 ? 0 : 3;
}

static void files_of_unix_sockets_can_be_removed_where_they_are_ours(void **state)
{
	struct trial *trial = *state;

	configure(trial, "");
	add_socket(&trial->listeners[0], trial->own, true);
	add_socket(&trial->listeners[1], trial->other, false);
	add_socket(&trial->listeners[1], trial->second, true);
	assert_int_equal(in_child(try_removal, trial), 0);
}

static int try_tcp(void *context)
{
	const struct sockaddr_in loopback = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = 1};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	confine(context);
	if (connect(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0 ||
		errno != EACCES)
		return 1;
	return bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) != 0 && errno == EACCES
		       ? 0
		       : 2;
}

static void no_tcp_port_can_be_bound_or_connected_to_since_version_4(void **state)
{
	struct trial *trial = *state;

	if (kernel_abi() < 4)
		skip();
	configure(trial, "");
	assert_int_equal(in_child(try_tcp, trial), 0);
}

static int try_what_is_told(void *context)
{
	const char *held = confine(context);

	return strcmp(held, kernel_abi() >= 4 ? "files,tcp" : "files") == 0 ? 0 : 1;
}

static void what_the_kernel_holds_is_told(void **state)
{
	struct trial *trial = *state;

	configure(trial, "");
	assert_int_equal(in_child(try_what_is_told, trial), 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(only_the_directory_of_a_certificate_can_be_read),
		ROW(where_a_link_leads_can_be_read_too),
		ROW(no_file_can_be_truncated_since_version_3),
		ROW(no_device_can_be_controlled_since_version_5),
		ROW(files_of_unix_sockets_can_be_removed_where_they_are_ours),
		ROW(no_tcp_port_can_be_bound_or_connected_to_since_version_4),
		ROW(what_the_kernel_holds_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
