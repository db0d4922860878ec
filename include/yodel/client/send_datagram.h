/* SPDX-License-Identifier: MIT */
/*
 * The command send over UDP: one datagram out, the first answer to it back.
 * Owns nothing. Threads: one. Source: udp(7).
 */
#ifndef YODEL_CLIENT_SEND_DATAGRAM_H
#define YODEL_CLIENT_SEND_DATAGRAM_H

#include "yodel/base/error.h"
#include "yodel/client/request.h"

/* Whether a text, if there is one, fits into a datagram. Returns 0, or -1 with error (EX_USAGE). */
int send_datagram_check(const struct request *request, struct error *error);

/* Sends the text or standard input, and prints the answer. Returns an exit code. */
int send_datagram(const struct request *request);

#endif
