/* SPDX-License-Identifier: MIT */
/*
 * The log lines for clients that are turned away: at most one a second for each reason, the rest
 * counted. The caller owns the storage. Threads: the accepting one.
 */
#ifndef YODEL_SERVER_REFUSALS_H
#define YODEL_SERVER_REFUSALS_H

#include "yodel/session/close_reason.h"
#include "yodel/transport/address.h"

#include <stdint.h>

/* All zero at first. */
struct refusals {
	struct refusal {
		int64_t silent_until_ms;
		uint64_t suppressed;
	} by_reason[CLOSE_REASON_COUNT];
};

/*
 * Logs a refusal, or counts it where the last one of its reason is less than a second old.
 *   peer           NULL where nobody was accepted
 *   error_number   the errno that led to CLOSE_RESOURCES, otherwise 0
 */
void refusals_log(struct refusals *refusals, const char *listener, const struct address *peer,
	enum close_reason reason, int error_number, int64_t now_ms);

/* Logs how many were counted for each reason whose second is over. */
void refusals_flush(struct refusals *refusals, int64_t now_ms);

/* Logs how many were counted, however lately: nobody will be refused any more. */
void refusals_end(struct refusals *refusals, int64_t now_ms);

/* When to flush next, 0 where nothing is counted. */
int64_t refusals_deadline_ms(const struct refusals *refusals);

#endif
