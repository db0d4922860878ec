/* SPDX-License-Identifier: MIT */
/*
 * What the peers in C share: a listener, and the end of a program that cannot go on.
 */
#ifndef PEER_H
#define PEER_H

#include <stdnoreturn.h>

enum { LISTEN_BACKLOG = 65535 };

/* Prints WHAT and errno's text, and exits. */
noreturn void die(const char *what);

/* The address 127.0.0.1:PORT; a port that is no number ends the program. */
struct sockaddr_in loopback(const char *port);

/*
 * A socket that listens on 127.0.0.1:PORT, or the end of the program. Several may share a port.
 *   flags   of socket(2): 0 or SOCK_NONBLOCK
 * Accepted sockets inherit TCP_NODELAY from it.
 */
int listen_on(const char *port, int flags);

#endif
