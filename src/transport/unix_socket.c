/* SPDX-License-Identifier: MIT */
#include "yodel/transport/unix_socket.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	LOCK_PATIENCE_MS = 5000, /* anybody who may read the directory can lock it */
	LOCK_PAUSE_MS = 10,
	BIND_TRIES = 3,
};

static bool is_abstract(const struct address *address)
{
	return address->un.sun_path[0] == '\0';
}

/* Returns -1 with "cannot listen on ADDRESS" and what, and the text of the errno value unless that is 0. */
static int fail(const struct address *address, const char *what, int number, struct error *error)
{
	int code = number == EACCES || number == EPERM ? EX_NOPERM : EX_UNAVAILABLE;
	char text[ADDRESS_TEXT_BYTES];

	address_format(address, text);
	if (number == 0)
		return error_set(error, code, "cannot listen on %s%s", text, what);
	return error_set_errno(error, code, number, "cannot listen on %s%s", text, what);
}

static int fail_in_use(const struct address *address, const char *owner, struct error *error)
{
	char text[ADDRESS_TEXT_BYTES];

	address_format(address, text);
	return error_set(error, EX_UNAVAILABLE, "cannot listen on %s: address already in use%s%s",
		text, *owner != '\0' ? " by " : "", owner);
}

/*
 * Asks by connecting whether somebody listens. Returns 0 or an errno value.
 *   owner   capacity bytes; who it is, where the answer is 0
 */
static int probe(const struct address *address, char *owner, size_t capacity)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return errno;
	int number = connect(fd, &address->any, address->length) == 0 ? 0 : errno;
	if (number == 0)
		process_describe(address_of_process(fd).process.pid, owner, capacity);
	close(fd);
	return number;
}

/* Something has the name. Returns 0 where it is free by now, or -1 with error. */
static int make_way(const struct address *address, struct error *error)
{
	const char *path = address->un.sun_path;
	char owner[64] = "";
	struct stat status;

	if (!is_abstract(address)) {
		if (lstat(path, &status) != 0)
			return errno == ENOENT ? 0 : fail(address, "", errno, error);
		if (!S_ISSOCK(status.st_mode))
			return fail(address, ": what has this name is not a socket", 0, error);
	}
	int number = probe(address, owner, sizeof owner);
	switch (number) {
	case 0:
	case EAGAIN:     /* its queue is full */
	case EPROTOTYPE: /* of datagrams or packets */
		return fail_in_use(address, owner, error);
	case ECONNREFUSED: /* nobody has it open, or it does not listen */
		if (is_abstract(address))
			return fail_in_use(address, owner, error);
		return unlink(path) == 0 ? 0 : fail(address, ": a stale socket", errno, error);
	case ENOENT:
		return 0;
	default:
		return fail(address, ": cannot tell whether it is in use", number, error);
	}
}

static int bind_name(int fd, const struct address *address, struct error *error)
{
	for (int try = 0; try < BIND_TRIES; try++) {
		if (bind(fd, &address->any, address->length) == 0)
			return 0;
		if (errno != EADDRINUSE)
			return fail(address, "", errno, error);
		if (make_way(address, error) != 0)
			return -1;
	}
	return fail_in_use(address, "", error);
}

/* Waits for the lock, but not for ever: signals are not heard at this time. */
static bool take_lock(int fd)
{
	int64_t until_ms = clock_monotonic_ms() + LOCK_PATIENCE_MS;
	int result = flock(fd, LOCK_EX | LOCK_NB);

	while (result != 0 && errno == EWOULDBLOCK && clock_monotonic_ms() < until_ms) {
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
		result = flock(fd, LOCK_EX | LOCK_NB);
	}
	return result == 0;
}

/* Returns a descriptor whose close gives the lock back, or -1 with error. */
static int lock_directory(const struct address *address, struct error *error)
{
	char path[sizeof address->un.sun_path];

	memcpy(path, address->un.sun_path, sizeof path);
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(address, ": its directory", errno, error);
	if (take_lock(fd))
		return fd;
	if (errno == EWOULDBLOCK)
		fail(address, ": somebody else has locked its directory", 0, error);
	else
		fail(address, ": cannot lock its directory", errno, error);
	close(fd);
	return -1;
}

static int set_owner(int file_fd, const struct address *address,
	const struct socket_options *options, struct error *error)
{
	uid_t owner;
	gid_t group;

	/* They were there when the configuration was checked. */
	if (!socket_options_read_owner(options->owner, &owner))
		return fail(address, ": socket.owner is gone", 0, error);
	if (!socket_options_read_group(options->group, &group))
		return fail(address, ": socket.group is gone", 0, error);
	if (owner == (uid_t)-1 && group == (gid_t)-1)
		return 0;
	if (fchownat(file_fd, "", owner, group, AT_EMPTY_PATH) != 0)
		return fail(
			address, ": cannot give it to socket.owner and socket.group", errno, error);
	return 0;
}

static int set_mode(int file_fd, const struct address *address,
	const struct socket_options *options, struct error *error)
{
	char path[64];
	mode_t mode;

	CHECK(socket_options_read_mode(options->mode, &mode));
	snprintf(path, sizeof path, "/proc/self/fd/%d", file_fd);
	return chmod(path, mode) == 0 ? 0 : fail(address, ": socket.mode", errno, error);
}

static bool is_made(const struct unix_file *file, const struct stat *status)
{
	return status->st_dev == file->device && status->st_ino == file->inode;
}

/* By its descriptor, so that nothing else is meant if somebody gives its name away. */
static int set_access(const struct unix_file *file, const struct address *address,
	const struct socket_options *options, struct error *error)
{
	int fd = open(address->un.sun_path, O_PATH | O_NOFOLLOW | O_CLOEXEC), result;
	struct stat status;

	if (fd < 0)
		return fail(address, "", errno, error);
	if (fstat(fd, &status) != 0 || !is_made(file, &status))
		result = fail(address, ": somebody has replaced it", 0, error);
	else if (set_mode(fd, address, options, error) != 0)
		result = -1;
	else
		result = set_owner(fd, address, options, error);
	close(fd);
	return result;
}

/* Notes which file was made, and makes it what it is to be. */
static int settle_file(const struct address *address, const struct socket_options *options,
	struct unix_file *file, struct error *error)
{
	struct stat status;

	if (lstat(address->un.sun_path, &status) != 0)
		return fail(address, "", errno, error);
	*file = (struct unix_file){true, status.st_dev, status.st_ino};
	return set_access(file, address, options, error);
}

static int bind_and_listen(int fd, const struct address *address,
	const struct socket_options *options, int backlog, struct unix_file *file,
	struct error *error)
{
	if (bind_name(fd, address, error) != 0)
		return -1;
	if (!is_abstract(address) && settle_file(address, options, file, error) != 0)
		return -1;
	return listen(fd, backlog) == 0 ? 0 : fail(address, "", errno, error);
}

int unix_socket_listen(int fd, const struct address *address, const struct socket_options *options,
	int backlog, struct unix_file *file, struct error *error)
{
	struct unix_file made = {false};
	int lock_fd = is_abstract(address) ? -1 : lock_directory(address, error);

	if (lock_fd < 0 && !is_abstract(address))
		return -1;
	int result = bind_and_listen(fd, address, options, backlog, &made, error);
	if (result == 0)
		*file = made;
	else
		unix_socket_remove(address, &made);
	if (lock_fd >= 0)
		close(lock_fd);
	return result;
}

void unix_socket_remove(const struct address *address, struct unix_file *file)
{
	struct stat status;

	if (file->is_ours && lstat(address->un.sun_path, &status) == 0 && is_made(file, &status))
		(void)unlink(address->un.sun_path);
	file->is_ours = false;
}
