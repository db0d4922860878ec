/* SPDX-License-Identifier: MIT */
/*
 * A wish that the daemon stops, as at TERM, made by a thread that serves a client.
 * Owns nothing. Threads: any make it, main hears it.
 */
#ifndef YODEL_SESSION_STOP_REQUEST_H
#define YODEL_SESSION_STOP_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>

struct stop_request {
	atomic_int stage;
	int event_fd; /* an eventfd that main waits for; not owned */
};

/* Nobody wishes anything yet. event_fd: lent as long as requests are made. */
void stop_request_init(struct stop_request *request, int event_fd);

/* Wakes main; from the second time on it does nothing. */
void stop_request_make(struct stop_request *request);

/* Whether a wish was made; true only once. */
bool stop_request_take(struct stop_request *request);

#endif
