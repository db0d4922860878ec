/* SPDX-License-Identifier: MIT */
/*
 * What the service manager shows of us: the number of connections, told at most once a second.
 * The caller owns the storage. Threads: one at a time. Source: sd_notify(3), STATUS.
 */
#ifndef YODEL_SERVER_STATUS_H
#define YODEL_SERVER_STATUS_H

#include "yodel/session/registry.h"

#include <stddef.h>
#include <stdint.h>

struct status {
	const char *prefix; /* of the text: "", or what we are at */
	size_t told_open;
	int64_t tell_at_ms; /* when to look again, 0 where the next event is soon enough */
};

/*
 * Begins to tell.
 *   news     lines that go with the first status: "READY=1\n"
 *   prefix   a string constant, "" or with a blank behind it
 */
void status_begin(
	struct status *status, const char *news, const char *prefix, struct registry *registry);

/* Tells the number of connections if it has changed and the second is over. */
void status_tell(struct status *status, struct registry *registry, int64_t now_ms);

#endif
