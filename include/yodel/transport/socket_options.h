/* SPDX-License-Identifier: MIT */
/*
 * What is set on sockets, apart from where they are bound.
 * Owns nothing: the texts belong to whoever fills the struct. Threads: any.
 * Source: socket(7), tcp(7), unix(7), chmod(2), getpwnam(3), getgrnam(3).
 */
#ifndef YODEL_TRANSPORT_SOCKET_OPTIONS_H
#define YODEL_TRANSPORT_SOCKET_OPTIONS_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of the numbers, 0 leaves the kernel's value. */
struct socket_options {
	bool nodelay;
	bool keepalive;
	int64_t keepalive_idle_ms; /* whole seconds, as the two below that are durations */
	int64_t keepalive_interval_ms;
	int64_t keepalive_count;
	int64_t user_timeout_ms;
	int64_t receive_buffer_bytes;
	int64_t send_buffer_bytes;
	int64_t defer_accept_ms;
	/* Of the file of a Unix socket, as texts that the functions below read. */
	char *mode;
	char *owner;
	char *group;
};

/*
 * Sets the options on a socket that is to listen: of a Unix socket the buffers alone. Linux hands
 * them on to every connection, but for the buffers of Unix sockets.
 * Returns 0, or -1 with error (EX_OSERR) naming the option and the value that the kernel refused.
 */
int socket_options_set(const struct socket_options *options, int fd, struct error *error) MUST_USE;

/* Sets what an accepted Unix socket did not get from the listening one. */
void socket_options_set_accepted(const struct socket_options *options, int fd);

/* Reads permissions in octal, 0 .. 0777. Returns false where text is something else. */
bool socket_options_read_mode(const char *text, mode_t *mode) MUST_USE;

/*
 * Reads the name or number of a user; "" is none, (uid_t)-1, which chown(2) leaves as it is.
 * Returns false where there is no such name. Threads: one; reads the database.
 */
bool socket_options_read_owner(const char *text, uid_t *owner) MUST_USE;

/* The same of a group, (gid_t)-1 for none. */
bool socket_options_read_group(const char *text, gid_t *group) MUST_USE;

#endif
