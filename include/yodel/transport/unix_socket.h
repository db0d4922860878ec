/* SPDX-License-Identifier: MIT */
/*
 * The name of a listening Unix socket: a file, or an abstract one that the kernel keeps. A file
 * outlives its socket, so a new listener may find one there: a stale one is replaced, a live one is
 * an error, and what is no socket is never touched.
 * Owns the file that it makes. Threads: at start, before there are others.
 * Source: unix(7), flock(2), open(2) O_PATH.
 */
#ifndef YODEL_TRANSPORT_UNIX_SOCKET_H
#define YODEL_TRANSPORT_UNIX_SOCKET_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/transport/address.h"
#include "yodel/transport/socket_options.h"

#include <stdbool.h>
#include <sys/types.h>

/* The file that was made for a socket; all zero: none. */
struct unix_file {
	bool is_ours;
	dev_t device;
	ino_t inode;
};

/*
 * Binds a socket and listens at once, for one that is bound and does not listen looks stale. Others
 * who do the same are kept out meanwhile by a lock on the directory. The file has its mode and owner
 * before anybody can connect.
 *   address   as address_from_path made it
 *   options   mode, owner and group, which an abstract name does without
 *   backlog   as for listen(2)
 *   file      set if 0 is returned: for unix_socket_remove
 * Returns 0, or -1 with error naming address and cause, and no file left: EX_UNAVAILABLE (in use, not
 * a socket, no such directory), EX_NOPERM, EX_OSERR.
 */
int unix_socket_listen(int fd, const struct address *address, const struct socket_options *options,
	int backlog, struct unix_file *file, struct error *error) MUST_USE;

/*
 * Removes the file if it is still the one that was made. Call it before the socket is closed: until
 * then nobody takes the file for a stale one, and its inode is given to no other. Fine without a file.
 */
void unix_socket_remove(const struct address *address, struct unix_file *file);

#endif
