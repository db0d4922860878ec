/* SPDX-License-Identifier: MIT */
/*
 * A client from its admission to its end: open, secure, run, close, release.
 * Owns nothing. Threads: the client's.
 */
#ifndef YODEL_SERVER_HANDLE_CLIENT_H
#define YODEL_SERVER_HANDLE_CLIENT_H

#include "yodel/server/late_refusals.h"
#include "yodel/session/connection.h"

#include <stdbool.h>

/*
 * Serves an admitted connection; its slot is given back at the end.
 * Returns whether it did: a client who may not be here by the word of its proxy is in late instead,
 * and the leader is to turn it away.
 */
bool handle_client(struct connection *connection, struct late_refusals *late);

#endif
