/* SPDX-License-Identifier: MIT */
/*
 * What the rounds of a ping came to, and the forms it is told in: text as of ping(8), JSON, the one
 * line of a monitoring plug-in.
 * Owns nothing. Threads: one per struct.
 * Source: ping(8), Monitoring Plugins Development Guidelines.
 */
#ifndef YODEL_CLIENT_PING_REPORT_H
#define YODEL_CLIENT_PING_REPORT_H

#include "yodel/base/attributes.h"
#include "yodel/client/failure.h"
#include "yodel/client/histogram.h"
#include "yodel/client/pinger.h"
#include "yodel/client/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes of a monitoring plug-in. */
enum nagios_state { NAGIOS_OK, NAGIOS_WARNING, NAGIOS_CRITICAL, NAGIOS_UNKNOWN };

struct ping_plan {
	size_t size_bytes;
	int64_t interval_ms; /* 0: as fast as answers come */
	int64_t count;       /* 0: up to Ctrl-C */
	bool is_connect;     /* handshakes alone */
	bool is_nagios;
	int64_t warning_ns, critical_ns; /* for the median; -1: none */
};

/* Zero at first. */
struct ping_tally {
	struct histogram rtts;
	uint64_t sent, lost, mismatched;
	int64_t last_rtt_ns; /* 0: none before */
	double jitter_sum_ns;
	uint64_t jitter_count;
	int64_t begun_ns, ended_ns; /* monotonic */
	bool is_interrupted;        /* before all rounds were done */
	struct failure failure;     /* of the last round that was not answered */
};

/* Counts a round that was not interrupted. */
void ping_tally_add(
	struct ping_tally *tally, const struct pinger *pinger, enum round_result result);

/* Mean absolute difference of consecutive round trips in ns, 0 where there are not two. */
double ping_tally_jitter(const struct ping_tally *tally);

/* Writes the line above all rounds. */
void ping_print_header(const struct ping_plan *plan, const struct pinger *pinger);

/* Writes what one round came to: on stdout where it was answered, or else on stderr. */
void ping_print_round(const struct ping_plan *plan, const struct pinger *pinger, uint64_t seq,
	enum round_result result);

/* Writes the lines at the end. */
void ping_print_summary(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally);

/* Writes all as one object. */
void ping_print_json(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally);

/* Writes the line of a plug-in. Returns its exit code. */
enum nagios_state ping_print_nagios(
	const struct ping_plan *plan, const struct pinger *pinger, const struct ping_tally *tally);

/* Writes the line of a plug-in that could not do its work. Returns state. */
enum nagios_state ping_print_nagios_failure(enum nagios_state state, const char *format, ...)
	PRINTF_LIKE(2, 3);

#endif
