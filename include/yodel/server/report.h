/* SPDX-License-Identifier: MIT */
/*
 * What the daemon says about itself: log lines for its own life, and the ready lines on stdout.
 * Owns nothing. Threads: the main one.
 */
#ifndef YODEL_SERVER_REPORT_H
#define YODEL_SERVER_REPORT_H

#include "yodel/config/config.h"
#include "yodel/server/datagrams.h"
#include "yodel/server/descriptor_plan.h"
#include "yodel/server/listening.h"
#include "yodel/session/registry.h"

#include <stdbool.h>
#include <stdint.h>

/* Logs "start" with the version and how many clients can really be served; warns where that is less
 * than configured. */
void report_plan(const struct config *config, const struct descriptor_plan *plan);

/*
 * Logs "privileges", where the configuration says something about them: who serves, and what is denied
 * for good.
 *   landlock   as landlock_confine has it
 */
void report_privileges(const struct privileges *privileges, const char *landlock);

/* Logs "listen" for each socket and "ready". */
void report_ready(const struct config *config, const struct listening *listening);

/* Prints each address on stdout. */
void report_ready_lines(const struct listening *listening);

/* Points stdout at /dev/null, which closes it for a reader; the log stays on stderr. */
void report_end_output(void);

/* Logs "drain" with the number of connections that may go on, and for how long. */
void report_drain(struct registry *registry, int64_t drain_ms);

/* Logs the totals since the start under this event: "statistics" or "stop". */
void report_statistics(
	const char *event, struct registry *registry, const struct datagrams *datagrams);

#endif
