/* SPDX-License-Identifier: MIT */
/*
 * The two clocks: the monotonic one for every duration and deadline, the real one for the eyes.
 * Owns nothing. Threads: any. Source: clock_gettime(2); both are answered without a system call.
 */
#ifndef YODEL_BASE_CLOCK_H
#define YODEL_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

enum { CLOCK_UTC_TEXT_BYTES = sizeof "2026-11-20T12:00:00.123Z" };

/* Milliseconds on CLOCK_MONOTONIC; comparable only within this boot. */
int64_t clock_monotonic_ms(void);

/* Nanoseconds on the same clock, for what is measured. */
int64_t clock_monotonic_ns(void);

/*
 * The time now as RFC 3339 UTC with milliseconds, "2026-11-20T12:00:00.123Z".
 *   text   CLOCK_UTC_TEXT_BYTES bytes, NUL-terminated on return
 */
void clock_utc_text(char text[CLOCK_UTC_TEXT_BYTES]);

/*
 * min(later, earlier) where 0 means "never".
 * Returns 0 only if both are 0.
 */
int64_t clock_earlier_of(int64_t one_ms, int64_t other_ms);

/* What poll(2) is to wait from now_ms until a deadline; -1, for ever, where that is 0. */
int clock_poll_timeout(int64_t deadline_ms, int64_t now_ms);

#endif
