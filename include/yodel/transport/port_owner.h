/* SPDX-License-Identifier: MIT */
/*
 * Says which process holds a port, for the message of a failed bind. A best effort: /proc shows
 * only the processes that we may look into. Owns nothing. Threads: any; reads /proc, so not for a
 * busy path. Source: proc(5) /proc/net/tcp, /proc/net/udp, /proc/PID/fd.
 */
#ifndef YODEL_TRANSPORT_PORT_OWNER_H
#define YODEL_TRANSPORT_PORT_OWNER_H

#include "yodel/transport/address.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds a process that listens on a TCP port of this network namespace, or has a UDP port.
 *   port   1 .. 65535
 *   text   capacity bytes; set to "NAME (pid N)" if true is returned
 */
bool port_owner_find(enum protocol protocol, unsigned port, char *text, size_t capacity);

#endif
