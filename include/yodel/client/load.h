/* SPDX-License-Identifier: MIT */
/*
 * A load on a server: what it shall be, and what came of it.
 * The plan is constant while it runs but for stop_ns; a result belongs to one thread and is merged
 * when the threads have ended. Threads: as said at each.
 */
#ifndef YODEL_CLIENT_LOAD_H
#define YODEL_CLIENT_LOAD_H

#include "yodel/client/dial.h"
#include "yodel/client/failure.h"
#include "yodel/client/histogram.h"
#include "yodel/client/timeline.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The options of the command, as rows store them. */
struct load_settings {
	int64_t connections;
	int64_t threads;
	int64_t depth;
	int64_t size_bytes;
	struct rate rate; /* count 0: as fast as answers come */
	int64_t duration_ms;
	int64_t warmup_ms;
	int64_t count; /* 0: the duration decides */
	bool is_connecting;
	bool wants_csv;
	char *hgrm_path;
	char *report_path;
};

struct load_plan {
	const struct request *request;
	const struct load_settings *settings;
	struct target target;
	/* Nanoseconds on the monotonic clock; set before the threads are let go. */
	int64_t start_ns;  /* the first message is due */
	int64_t record_ns; /* start and warm-up: messages due from here on are measured */
	/* No message is begun from here on; INT64_MAX: a count decides. Any thread; moved forward
	 * once, by Ctrl-C. */
	_Atomic int64_t stop_ns;
	_Atomic bool is_interrupted; /* any thread; set once, by Ctrl-C */
};

/* "Round trip": a message that came back whole; when connecting, a whole connection with one. */
struct load_result {
	uint64_t round_trips; /* completed while measured: these make the rate */
	uint64_t
		completed; /* completed at all, the warm-up and what came after the stop included */
	uint64_t lost;     /* begun, and the connection ended before it had come back */
	uint64_t unfinished;                 /* due and never begun, or cut by Ctrl-C */
	uint64_t opened;                     /* connections that were established */
	uint64_t mismatched;                 /* connections on which something else came back */
	uint64_t failed[FAILURE_KIND_COUNT]; /* connections that failed, by kind */
	uint64_t sent_bytes, received_bytes; /* all; of what came, up to the first wrong byte */
	int64_t end_ns;                      /* monotonic: the last moment that was measured */
	int64_t cpu_ns;                      /* of the threads, while measured */
	struct failure first_failure[FAILURE_KIND_COUNT]; /* of each kind that has a count */
	struct failure first_mismatch;
	struct histogram
		latency; /* of messages due while measured, from the moment they were due */
	struct histogram connect; /* of each connection at all, until it was established */
	struct timeline timeline; /* of the round trips, from record_ns on */
};

/* The length of what was measured, in seconds, at least a nanosecond. */
double load_elapsed_s(const struct load_plan *plan, const struct load_result *result);

/* Connections that failed, of all kinds. */
uint64_t load_failures(const struct load_result *result);

/* All failures and mismatches together. */
uint64_t load_trouble(const struct load_result *result);

/* Adds all of more. */
void load_result_merge(struct load_result *result, const struct load_result *more);

#endif
