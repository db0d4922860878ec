/* SPDX-License-Identifier: MIT */
/*
 * A client from its admission to its end: open, secure, run, close, release.
 * Owns nothing. Threads: the client's.
 */
#ifndef YODEL_SERVER_HANDLE_CLIENT_H
#define YODEL_SERVER_HANDLE_CLIENT_H

#include "yodel/session/connection.h"

/* Serves an admitted connection; its slot is given back at the end. */
void handle_client(struct connection *connection);

#endif
