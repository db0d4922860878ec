/* SPDX-License-Identifier: MIT */
#include "yodel/transport/socket_options.h"

#include "yodel/base/account.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>

struct kernel_option {
	int level;
	int name;
	int64_t value;
	const char *label;
};

static int seconds_of(int64_t ms)
{
	return (int)(ms / 1000);
}

/* Sets what is not 0. Returns 0, or -1 with error. */
static int set_all(int fd, const struct kernel_option *rows, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		int value = (int)rows[i].value;

		if (value != 0 &&
			setsockopt(fd, rows[i].level, rows[i].name, &value, sizeof value) != 0)
			return error_set_errno(error, EX_OSERR, errno,
				"socket option %s = %d was refused", rows[i].label, value);
	}
	return 0;
}

static int set_buffers(const struct socket_options *options, int fd, struct error *error)
{
	const struct kernel_option rows[] = {
		{SOL_SOCKET, SO_RCVBUF, options->receive_buffer_bytes, "receive_buffer"},
		{SOL_SOCKET, SO_SNDBUF, options->send_buffer_bytes, "send_buffer"},
	};

	return set_all(fd, rows, sizeof rows / sizeof *rows, error);
}

static int set_tcp(const struct socket_options *options, int fd, struct error *error)
{
	const struct kernel_option rows[] = {
		{IPPROTO_TCP, TCP_NODELAY, options->nodelay, "nodelay"},
		{SOL_SOCKET, SO_KEEPALIVE, options->keepalive, "keepalive"},
		{IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(options->keepalive_idle_ms),
			"keepalive_idle"},
		{IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(options->keepalive_interval_ms),
			"keepalive_interval"},
		{IPPROTO_TCP, TCP_KEEPCNT, options->keepalive_count, "keepalive_count"},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout_ms, "user_timeout"},
		{IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds_of(options->defer_accept_ms),
			"defer_accept"},
	};

	return set_all(fd, rows, sizeof rows / sizeof *rows, error);
}

static int number_of(int fd, int name)
{
	int number = -1;
	socklen_t length = sizeof number;

	(void)getsockopt(fd, SOL_SOCKET, name, &number, &length);
	return number;
}

/* Not by its protocol: a Multipath TCP socket that was inherited takes the same options. */
static bool is_tcp(int fd)
{
	return number_of(fd, SO_DOMAIN) != AF_UNIX && number_of(fd, SO_TYPE) == SOCK_STREAM;
}

int socket_options_set(const struct socket_options *options, int fd, struct error *error)
{
	if (set_buffers(options, fd, error) != 0)
		return -1;
	return is_tcp(fd) ? set_tcp(options, fd, error) : 0;
}

void socket_options_set_accepted(const struct socket_options *options, int fd)
{
	struct error error;

	/* The kernel took them on the listening socket. */
	(void)set_buffers(options, fd, &error);
}

bool socket_options_read_mode(const char *text, mode_t *mode)
{
	enum { DIGITS_MAX = 4, MODE_MAX = 0777 };
	size_t length = strlen(text);

	if (length == 0 || length > DIGITS_MAX || strspn(text, "01234567") != length)
		return false;
	unsigned long value = strtoul(text, NULL, 8);
	if (value > MODE_MAX)
		return false;
	*mode = (mode_t)value;
	return true;
}

bool socket_options_read_owner(const char *text, uid_t *owner)
{
	if (*text != '\0')
		return account_read_user(text, owner);
	*owner = (uid_t)-1;
	return true;
}

bool socket_options_read_group(const char *text, gid_t *group)
{
	if (*text != '\0')
		return account_read_group(text, group);
	*group = (gid_t)-1;
	return true;
}
