/* SPDX-License-Identifier: MIT */
/*
 * Connects to a server, and waits for it and for standard input.
 * The caller owns the descriptor that comes back. Threads: one.
 * Source: connect(2) on EINPROGRESS, RFC 6724 for the order of addresses.
 */
#ifndef YODEL_CLIENT_DIAL_H
#define YODEL_CLIENT_DIAL_H

#include "yodel/base/attributes.h"
#include "yodel/client/client.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Tries the addresses of the host in turn, each for at most timeout_ms.
 * Returns a connected, non-blocking descriptor; or -1, having said on stderr what was tried and why
 * it failed.
 */
int dial(const struct request *request) MUST_USE;

/* Says on stderr what went wrong with the request's server. */
void complain(const struct request *request, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * Waits until the server or standard input has something for us, or the server takes something.
 *   has_output    there is something to send
 *   wants_input   standard input may be read; then it is not the server's turn and no time runs
 *   timeout_ms    0 waits for ever
 *   set           filled: [0] the server, [1] standard input
 * Returns as poll(2), EINTR apart.
 */
int wait_for_either(int fd, bool has_output, bool wants_input, int64_t timeout_ms,
	struct pollfd set[2]) MUST_USE;

#endif
