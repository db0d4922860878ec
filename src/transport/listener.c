/* SPDX-License-Identifier: MIT */
#include "yodel/transport/listener.h"

#include "yodel/base/check.h"
#include "yodel/transport/datagram_batch.h"
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

static int bind_error(
	enum protocol protocol, const struct address *address, int number, struct error *error)
{
	const char *prefix = protocol == PROTOCOL_UDP ? "udp:" : "";
	char text[ADDRESS_TEXT_BYTES], owner[64];
	int code = number == EACCES || number == EPERM ? EX_NOPERM : EX_UNAVAILABLE;

	address_format(address, text);
	if (number == EADDRINUSE &&
		port_owner_find(protocol, address_port(address), owner, sizeof owner))
		return error_set(error, code, "cannot listen on %s%s: address already in use by %s",
			prefix, text, owner);
	if (number == EADDRINUSE)
		return error_set(
			error, code, "cannot listen on %s%s: address already in use", prefix, text);
	return error_set_errno(error, code, number, "cannot listen on %s%s", prefix, text);
}

static int new_socket(enum protocol protocol, int family)
{
	int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;

	return protocol == PROTOCOL_UDP ? socket(family, SOCK_DGRAM | flags, IPPROTO_UDP)
					: socket(family, SOCK_STREAM | flags, IPPROTO_TCP);
}

/*
 * What has to be set before the bind. Not SO_REUSEADDR for UDP: with it anybody could take the port
 * over. Returns 0, or an errno value.
 */
static int prepare_to_bind(int fd, enum protocol protocol, int family, bool is_dual_stack)
{
	const int on = 1, v6_only = !is_dual_stack;

	if (protocol == PROTOCOL_TCP &&
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		return errno;
	if (family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only) != 0)
		return errno;
	return 0;
}

static int set_options(
	int fd, enum protocol protocol, const struct socket_options *options, struct error *error)
{
	if (socket_options_set(options, fd, error) != 0)
		return -1;
	return protocol == PROTOCOL_UDP ? datagram_batch_prepare_socket(fd, error) : 0;
}

/* Opens a socket for one address. Returns the descriptor, or -1 with errno and error set. */
static int open_socket(enum protocol protocol, const struct address *address, bool is_dual_stack,
	const struct socket_options *options, struct error *error)
{
	int fd = new_socket(protocol, address->any.sa_family), number = errno;

	if (fd < 0) {
		error_set_errno(error, number == EAFNOSUPPORT ? EX_UNAVAILABLE : EX_OSERR, number,
			"cannot open a socket");
		errno = number;
		return -1;
	}
	if (set_options(fd, protocol, options, error) != 0) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	number = prepare_to_bind(fd, protocol, address->any.sa_family, is_dual_stack);
	if (number == 0 && bind(fd, &address->any, address->length) == 0)
		return fd;
	if (number == 0)
		number = errno;
	bind_error(protocol, address, number, error);
	close(fd);
	errno = number;
	return -1;
}

static struct listening_socket *add_place(struct listener *listener, int fd)
{
	CHECK(listener->count < LISTENER_SOCKETS_MAX);
	struct listening_socket *added = &listener->sockets[listener->count++];

	*added = (struct listening_socket){.fd = fd};
	return added;
}

/* Adds a socket that is bound. */
static void add(struct listener *listener, int fd)
{
	struct listening_socket *added = add_place(listener, fd);

	added->is_bound = true;
	added->address = address_of_socket(fd);
}

/* The kernel has no such family, or it is switched off: no reason to do without the other. */
static bool is_family_missing(const struct address *address, int number)
{
	return number == EAFNOSUPPORT ||
	       (number == EADDRNOTAVAIL && address->any.sa_family == AF_INET6);
}

/* "*": one IPv6 socket that takes IPv4 as well, or an IPv4 socket where there is no IPv6. */
static int open_any(struct listener *listener, enum protocol protocol, const struct address *any_v6,
	const struct socket_options *options, struct error *error)
{
	int fd = open_socket(protocol, any_v6, true, options, error);

	if (fd < 0 && is_family_missing(any_v6, errno)) {
		struct address any_v4 = {
			.length = sizeof any_v4.v4,
			.v4 = {.sin_family = AF_INET, .sin_port = any_v6->v6.sin6_port},
		};

		fd = open_socket(protocol, &any_v4, false, options, error);
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
static int open_each(struct listener *listener, enum protocol protocol, struct address *list,
	size_t count, const struct socket_options *options, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		if (listener->count > 0 && address_port(&list[i]) == 0)
			address_set_port(&list[i], address_port(&listener->sockets[0].address));
		int fd = open_socket(protocol, &list[i], false, options, error);
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

/* The configuration has checked the path. It is bound when it is to listen: see unix_socket.h. */
static int open_unix(struct listener *listener, const char *path,
	const struct socket_options *options, struct error *error)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_set_errno(error, EX_OSERR, errno, "cannot open a socket");
	if (socket_options_set(options, fd, error) != 0) {
		close(fd);
		return -1;
	}
	CHECK(address_from_path(path, &add_place(listener, fd)->address));
	return 0;
}

static int resolve(enum protocol protocol, const char *host, const char *port, struct address *list,
	size_t *count, struct error *error)
{
	int type = protocol == PROTOCOL_UDP ? SOCK_DGRAM : SOCK_STREAM;

	if (address_resolve(host, port, AF_UNSPEC, type, AI_PASSIVE, list, LISTENER_SOCKETS_MAX,
		    count, error) == 0)
		return 0;
	error->exit_code = EX_UNAVAILABLE;
	return -1;
}

int listener_open(struct listener *listener, enum protocol protocol, const char *host,
	const char *port, const struct socket_options *options, struct error *error)
{
	bool is_any = strcmp(host, "*") == 0;
	const char *path = address_path_of_host(host);
	struct address list[LISTENER_SOCKETS_MAX];
	size_t count;

	*listener = (struct listener){.count = 0};
	if (path != NULL)
		return open_unix(listener, path, options, error);
	if (resolve(protocol, is_any ? "::" : host, port, list, &count, error) != 0)
		return -1;
	if (is_any)
		return open_any(listener, protocol, list, options, error);
	bool may_try_again = count > 1 && address_port(&list[0]) == 0;
	for (int try = 0; try < CHOSEN_PORT_TRIES; try++) {
		struct address fresh[LISTENER_SOCKETS_MAX];

		memcpy(fresh, list, sizeof fresh);
		if (open_each(listener, protocol, fresh, count, options, error) == 0)
			return 0;
		if (!may_try_again || errno != EADDRINUSE)
			return -1;
	}
	return -1;
}

static int listen_one(struct listening_socket *listening, int backlog,
	const struct socket_options *options, struct error *error)
{
	if (listening->is_bound)
		return listen(listening->fd, backlog) == 0
			       ? 0
			       : bind_error(PROTOCOL_TCP, &listening->address, errno, error);
	if (unix_socket_listen(listening->fd, &listening->address, options, backlog,
		    &listening->file, error) != 0)
		return -1;
	listening->is_bound = true;
	return 0;
}

int listener_listen(struct listener *listener, int backlog, const struct socket_options *options,
	struct error *error)
{
	for (size_t i = 0; i < listener->count; i++)
		if (listen_one(&listener->sockets[i], backlog == 0 ? INT_MAX : backlog, options,
			    error) != 0)
			return -1;
	return 0;
}

static bool get_option(int fd, int name, int *value)
{
	socklen_t length = sizeof *value;

	return getsockopt(fd, SOL_SOCKET, name, value, &length) == 0;
}

static bool is_listening_stream(int fd)
{
	struct address address = address_of_socket(fd);
	int type, is_listening;

	return get_option(fd, SO_TYPE, &type) && get_option(fd, SO_ACCEPTCONN, &is_listening) &&
	       type == SOCK_STREAM && is_listening != 0 &&
	       (address_is_internet(&address) || address.any.sa_family == AF_UNIX);
}

static bool is_bound_udp(int fd)
{
	struct address address = address_of_socket(fd);
	int protocol;

	return get_option(fd, SO_PROTOCOL, &protocol) && protocol == IPPROTO_UDP &&
	       address_port(&address) != 0;
}

static int check_inherited(
	const struct listener *listener, enum protocol protocol, int fd, struct error *error)
{
	bool is_udp = protocol == PROTOCOL_UDP;

	if (!(is_udp ? is_bound_udp(fd) : is_listening_stream(fd)))
		return error_set(error, EX_UNAVAILABLE,
			"inherited descriptor %d: expected a %s socket, got something else", fd,
			is_udp ? "bound UDP" : "listening TCP or Unix stream");
	if (listener->count == LISTENER_SOCKETS_MAX)
		return error_set(error, EX_UNAVAILABLE,
			"inherited descriptor %d: expected at most %d sockets for one listener", fd,
			LISTENER_SOCKETS_MAX);
	return 0;
}

const char *listener_inherited_name(const char *host)
{
	static const char prefix[] = "systemd:";

	return strncmp(host, prefix, strlen(prefix)) == 0 ? host + strlen(prefix) : NULL;
}

int listener_adopt(struct listener *listener, enum protocol protocol, int fd,
	const struct socket_options *options, struct error *error)
{
	if (check_inherited(listener, protocol, fd, error) != 0 ||
		set_options(fd, protocol, options, error) != 0)
		return -1;
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_set_errno(error, EX_OSERR, errno, "inherited descriptor %d", fd);
	add(listener, fd);
	return 0;
}

void listener_close(struct listener *listener)
{
	for (size_t i = 0; i < listener->count; i++) {
		struct listening_socket *listening = &listener->sockets[i];

		unix_socket_remove(&listening->address, &listening->file);
		close(listening->fd);
	}
	listener->count = 0;
}
