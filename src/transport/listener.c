/* SPDX-License-Identifier: MIT */
#include "yodel/transport/listener.h"

#include "yodel/base/check.h"
#include "yodel/transport/port_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* A kernel-chosen port may be taken on the next address of the same name; then another is tried. */
enum { CHOSEN_PORT_TRIES = 16 };

static int bind_error(const struct address *address, int number, struct error *error)
{
	char text[ADDRESS_TEXT_BYTES], owner[64];
	int code = number == EACCES || number == EPERM ? EX_NOPERM : EX_UNAVAILABLE;

	address_format(address, text);
	if (number == EADDRINUSE && port_owner_find(address_port(address), owner, sizeof owner))
		return error_set(error, code, "cannot listen on %s: address already in use by %s",
			text, owner);
	if (number == EADDRINUSE)
		return error_set(error, code, "cannot listen on %s: address already in use", text);
	return error_set_errno(error, code, number, "cannot listen on %s", text);
}

/* Opens a socket for one address. Returns the descriptor, or -1 with errno and error set. */
static int open_socket(const struct address *address, bool is_dual_stack,
	const struct socket_options *options, struct error *error)
{
	const int on = 1, v6_only = !is_dual_stack;
	int fd = socket(
		address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0) {
		int number = errno;

		error_set_errno(error, number == EAFNOSUPPORT ? EX_UNAVAILABLE : EX_OSERR, number,
			"cannot open a socket");
		errno = number;
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		goto failed;
	if (address->any.sa_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) != 0)
		goto failed;
	if (socket_options_set(options, fd, error) != 0) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	if (bind(fd, &address->any, address->length) == 0)
		return fd;
failed:;
	int number = errno;

	bind_error(address, number, error);
	close(fd);
	errno = number;
	return -1;
}

static void add(struct listener *listener, int fd)
{
	CHECK(listener->count < LISTENER_SOCKETS_MAX);
	struct listening_socket *added = &listener->sockets[listener->count++];

	*added = (struct listening_socket){.fd = fd};
	added->address.length = sizeof added->address.v6;
	if (getsockname(fd, &added->address.any, &added->address.length) != 0 ||
		added->address.length > sizeof added->address.v6)
		added->address = (struct address){.any.sa_family = AF_UNSPEC};
}

/* The kernel has no such family, or it is switched off: no reason to do without the other. */
static bool is_family_missing(const struct address *address, int number)
{
	return number == EAFNOSUPPORT ||
	       (number == EADDRNOTAVAIL && address->any.sa_family == AF_INET6);
}

/* "*": one IPv6 socket that takes IPv4 as well, or an IPv4 socket where there is no IPv6. */
static int open_any(struct listener *listener, const struct address *any_v6,
	const struct socket_options *options, struct error *error)
{
	int fd = open_socket(any_v6, true, options, error);

	if (fd < 0 && is_family_missing(any_v6, errno)) {
		struct address any_v4 = {
			.length = sizeof any_v4.v4,
			.v4 = {.sin_family = AF_INET, .sin_port = any_v6->v6.sin6_port},
		};

		fd = open_socket(&any_v4, false, options, error);
	}
	if (fd < 0)
		return -1;
	add(listener, fd);
	return 0;
}

/*
 * Opens a socket per address, all on one port; where a name has several addresses, those of a
 * missing family are left out. Returns -1 with errno and error, and nothing open.
 */
static int open_each(struct listener *listener, struct address *list, size_t count,
	const struct socket_options *options, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (listener->count > 0 && address_port(&list[i]) == 0)
			address_set_port(&list[i], address_port(&listener->sockets[0].address));
		int fd = open_socket(&list[i], false, options, error);
		if (fd >= 0) {
			add(listener, fd);
		} else if (!is_family_missing(&list[i], errno)) {
			int number = errno;

			listener_close(listener);
			errno = number;
			return -1;
		}
	}
	return listener->count > 0 ? 0 : -1;
}

static int resolve(const char *host, const char *port, struct address *list, size_t *count,
	struct error *error)
{
	if (address_resolve(host, port, AF_UNSPEC, SOCK_STREAM, AI_PASSIVE, list,
		    LISTENER_SOCKETS_MAX, count, error) == 0)
		return 0;
	error->exit_code = EX_UNAVAILABLE;
	return -1;
}

int listener_open(struct listener *listener, const char *host, const char *port,
	const struct socket_options *options, struct error *error)
{
	bool is_any = strcmp(host, "*") == 0;
	struct address list[LISTENER_SOCKETS_MAX];
	size_t count;

	*listener = (struct listener){.count = 0};
	if (resolve(is_any ? "::" : host, port, list, &count, error) != 0)
		return -1;
	if (is_any)
		return open_any(listener, list, options, error);
	bool may_try_again = count > 1 && address_port(&list[0]) == 0;
	for (int try = 0; try < CHOSEN_PORT_TRIES; try++) {
		struct address fresh[LISTENER_SOCKETS_MAX];

		memcpy(fresh, list, sizeof fresh);
		if (open_each(listener, fresh, count, options, error) == 0)
			return 0;
		if (!may_try_again || errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

int listener_listen(struct listener *listener, int backlog, struct error *error)
{
	for (size_t i = 0; i < listener->count; i++)
		if (listen(listener->sockets[i].fd, backlog == 0 ? INT_MAX : backlog) != 0)
			return bind_error(&listener->sockets[i].address, errno, error);
	return 0;
}

static bool get_option(int fd, int name, int *value)
{
	socklen_t length = sizeof *value;

	return getsockopt(fd, SOL_SOCKET, name, value, &length) == 0;
}

static bool is_listening_tcp(int fd)
{
	int type, family, is_listening;

	return get_option(fd, SO_TYPE, &type) && get_option(fd, SO_DOMAIN, &family) &&
	       get_option(fd, SO_ACCEPTCONN, &is_listening) && type == SOCK_STREAM &&
	       (family == AF_INET || family == AF_INET6) && is_listening != 0;
}

int listener_adopt(struct listener *listener, int fd, const struct socket_options *options,
	struct error *error)
{
	if (!is_listening_tcp(fd))
		return error_set(error, EX_UNAVAILABLE,
			"inherited descriptor %d: expected a listening TCP socket, got something else",
			fd);
	if (listener->count == LISTENER_SOCKETS_MAX)
		return error_set(error, EX_UNAVAILABLE,
			"inherited descriptor %d: expected at most %d sockets for one listener", fd,
			LISTENER_SOCKETS_MAX);
	if (socket_options_set(options, fd, error) != 0)
		return -1;
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_set_errno(error, EX_OSERR, errno, "inherited descriptor %d", fd);
	add(listener, fd);
	return 0;
}

void listener_close(struct listener *listener)
{
	for (size_t i = 0; i < listener->count; i++)
		close(listener->sockets[i].fd);
	listener->count = 0;
}
