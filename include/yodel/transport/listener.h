/* SPDX-License-Identifier: MIT */
/*
 * Listening sockets: one opened per address, or adopted from the service manager.
 * The caller owns the descriptors. Threads: any.
 * Source: socket(7), ipv6(7), unix(7), listen(2), sd_listen_fds(3).
 */
#ifndef YODEL_TRANSPORT_LISTENER_H
#define YODEL_TRANSPORT_LISTENER_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/transport/address.h"
#include "yodel/transport/socket_options.h"
#include "yodel/transport/unix_socket.h"

#include <stdbool.h>
#include <stddef.h>

enum { LISTENER_SOCKETS_MAX = 16 };

/* The sockets of one listener: one, or several where its name has several addresses. */
struct listener {
	struct listening_socket {
		int fd;
		struct address address;
		bool is_bound; /* else it is a Unix socket that listener_listen binds */
		struct unix_file file;
	} sockets[LISTENER_SOCKETS_MAX];
	size_t count;
};

/*
 * Binds a socket to every address of host; clients can connect after listener_listen. A UDP socket
 * has what is sent to it from now on.
 *   protocol  PROTOCOL_TCP for a Unix socket
 *   host      a name, an address, "*" for all addresses of both families (IPv4 alone where the kernel
 *             has no IPv6), "unix:/path" or "unix:@name"
 *   port      a number or a service name; 0 lets the kernel choose, the same port on every address;
 *             of no meaning for a Unix socket
 * Sockets are non-blocking and close-on-exec; those of TCP have SO_REUSEADDR, those of UDP are as
 * datagram_batch_prepare_socket makes them.
 * Returns 0, or -1 with error naming address and cause, and nothing open: EX_UNAVAILABLE (in use,
 * not an address of this machine, unknown host), EX_NOPERM (privileged port), EX_OSERR.
 */
int listener_open(struct listener *listener, enum protocol protocol, const char *host,
	const char *port, const struct socket_options *options, struct error *error) MUST_USE;

/*
 * Lets clients connect; for sockets of streams. On an adopted socket, which listens already, it changes the backlog.
 *   backlog   the kernel takes no more than net.core.somaxconn; 0: as many as that
 *   options   as for listener_open: access to the file of a Unix socket, which is made now
 * Returns 0, or -1 with error naming address and cause.
 */
int listener_listen(struct listener *listener, int backlog, const struct socket_options *options,
	struct error *error) MUST_USE;

/* The NAME of a host "systemd:NAME", which stands for inherited sockets; NULL for any other host. */
const char *listener_inherited_name(const char *host);

/*
 * Adds an inherited socket to a listener and sets the options on it.
 *   protocol   PROTOCOL_TCP: fd must be a listening TCP or Unix stream socket; the file of the latter
 *              stays when it is closed. PROTOCOL_UDP: it must be bound
 * Takes fd if it returns 0. Returns -1 with error (EX_UNAVAILABLE) if it is something else.
 */
int listener_adopt(struct listener *listener, enum protocol protocol, int fd,
	const struct socket_options *options, struct error *error) MUST_USE;

/* Closes all sockets, and removes the files that were made for them. Fine on a closed or zeroed listener. */
void listener_close(struct listener *listener);

#endif
