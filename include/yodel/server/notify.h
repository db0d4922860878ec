/* SPDX-License-Identifier: MIT */
/*
 * The service manager: tells it our state, and takes the sockets it opened for us.
 * Owns nothing but the inherited descriptors until they are taken. Threads: the main one.
 * Source: sd_notify(3), sd_listen_fds(3); the protocol is one datagram, and three variables.
 */
#ifndef YODEL_SERVER_NOTIFY_H
#define YODEL_SERVER_NOTIFY_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether somebody wants to be told: NOTIFY_SOCKET is set. */
bool notify_is_wanted(void);

/* Sends lines like "READY=1\nSTATUS=...". Without NOTIFY_SOCKET, or where nobody reads it, does
 * nothing. */
void notify_send(const char *format, ...) PRINTF_LIKE(1, 2);

enum { INHERITED_NAME_BYTES = 256 };

struct inherited {
	struct inherited_socket {
		int fd; /* -1 once taken */
		char name[INHERITED_NAME_BYTES];
	} * sockets;
	size_t count;
};

/*
 * Finds the sockets that were handed down to this process, with their names, and makes them
 * close-on-exec. The variables are removed from the environment. Returns 0, or -1 where memory is
 * short.
 */
int inherited_find(struct inherited *inherited) MUST_USE;

/* Takes the next socket of this name. Returns its descriptor, which the caller owns, or -1 without
 * one. */
int inherited_take(struct inherited *inherited, const char *name);

/* Closes the sockets that nobody took, with a warning for each. */
void inherited_fini(struct inherited *inherited);

#endif
