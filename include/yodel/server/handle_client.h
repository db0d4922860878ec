/* SPDX-License-Identifier: MIT */
/*
 * The thread of a client: open, run, close, release.
 * Threads: handle_client_start is called by the accepting thread. Source: pthread_create(3).
 */
#ifndef YODEL_SERVER_HANDLE_CLIENT_H
#define YODEL_SERVER_HANDLE_CLIENT_H

#include "yodel/base/attributes.h"
#include "yodel/session/connection.h"

#include <pthread.h>

/*
 * Starts the detached thread that serves an admitted connection and releases it at its end.
 *   attributes   detached, with the stack size; signals are blocked already
 * Returns 0 (the connection belongs to the thread), or an errno value (to the caller still).
 */
int handle_client_start(struct connection *connection, const pthread_attr_t *attributes) MUST_USE;

#endif
