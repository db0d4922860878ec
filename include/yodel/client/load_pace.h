/* SPDX-License-Identifier: MIT */
/*
 * When the messages of a worker are due, and whether it is time for more: what follows from the plan
 * and the clock alone.
 * Owns nothing. Threads: the worker's.
 */
#ifndef YODEL_CLIENT_LOAD_PACE_H
#define YODEL_CLIENT_LOAD_PACE_H

#include "yodel/client/load_worker.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOAD_INTERRUPTED_MS = 1000 /* for what is under way at Ctrl-C */ };

/* Whether messages are due at fixed times, and not when an answer came. */
bool load_is_paced(const struct load_worker *worker);

/* Whether each message has a connection of its own. */
bool load_is_connecting(const struct load_worker *worker);

/* The stop of the plan as it is now: Ctrl-C moves it. */
int64_t load_stop_ns(const struct load_worker *worker);

/* The request's timeout; INT64_MAX where there is none. */
int64_t load_timeout_ns(const struct load_worker *worker);

/* The time between two paced messages of this worker. */
double load_gap_ns(const struct load_worker *worker);

/* When paced message k of this worker is due; the workers take turns. */
int64_t load_due_ns(const struct load_worker *worker, uint64_t k);

/* Whether a message that nothing paces may be begun now. */
bool load_may_begin(const struct load_worker *worker);

/* Whether the next paced message may be begun: it was due before the stop, and its answer is still
 * waited for. Whether it is due yet is another question. */
bool load_may_begin_paced(const struct load_worker *worker);

/* Whether Ctrl-C came. */
bool load_is_interrupted(const struct load_worker *worker);

/* Whether it is too late for what was due before the stop: Ctrl-C does not wait for long. */
bool load_is_too_late(const struct load_worker *worker);

#endif
