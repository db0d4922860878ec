/* SPDX-License-Identifier: MIT */
#include "yodel/base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

int64_t clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clock_monotonic_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

void clock_utc_text(char text[CLOCK_UTC_TEXT_BYTES])
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	size_t used = strftime(text, CLOCK_UTC_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + used, CLOCK_UTC_TEXT_BYTES - used, ".%03uZ",
		(unsigned)(now.tv_nsec / 1000000) % 1000);
}

int64_t clock_earlier_of(int64_t one_ms, int64_t other_ms)
{
	if (one_ms == 0 || other_ms == 0)
		return one_ms + other_ms;
	return one_ms < other_ms ? one_ms : other_ms;
}

/* Waking too early, after 24 days, does no harm. */
int clock_poll_timeout(int64_t deadline_ms, int64_t now_ms)
{
	if (deadline_ms == 0)
		return -1;
	if (deadline_ms <= now_ms)
		return 0;
	return deadline_ms - now_ms < INT_MAX ? (int)(deadline_ms - now_ms) : INT_MAX;
}
