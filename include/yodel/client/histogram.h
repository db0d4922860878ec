/* SPDX-License-Identifier: MIT */
/*
 * Latencies, counted in buckets: 128 to each doubling, so that a quantile is told to better than one
 * hundredth, from 1 us to 1 h, in constant memory. Values are nanoseconds; count, least and greatest
 * are exact.
 * The caller owns the storage, about 36 KiB. Threads: one per struct; each thread fills its own, and
 * they are merged when all have ended.
 * Source: the log-linear layout of HdrHistogram; quantiles by nearest rank.
 */
#ifndef YODEL_CLIENT_HISTOGRAM_H
#define YODEL_CLIENT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HISTOGRAM_MAX_NS ((int64_t)3600 * 1000 * 1000 * 1000)

enum {
	HISTOGRAM_STEPS = 128,    /* buckets to a doubling; values below it have a bucket each */
	HISTOGRAM_DOUBLINGS = 35, /* from 128 ns to beyond 1 h */
	HISTOGRAM_BUCKETS = HISTOGRAM_STEPS * (HISTOGRAM_DOUBLINGS + 1),
};

/* All zeros is an empty histogram. */
struct histogram {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t over;  /* of count: values above HISTOGRAM_MAX_NS, counted in the last bucket */
	int64_t min_ns; /* 0 while empty */
	int64_t max_ns;
	double sum_ns;
	double sum_of_squares; /* of ns, for the standard deviation */
};

/* Counts a value; one below 0 counts as 0. */
void histogram_record(struct histogram *histogram, int64_t value_ns);

/* Adds all of more. */
void histogram_merge(struct histogram *histogram, const struct histogram *more);

/*
 * The value that a fraction of all values does not exceed.
 *   quantile   0 .. 1; 0 is the least, 1 the greatest, both exact
 * Returns at least the true value (nearest rank), and at most one hundredth more, never above
 * max_ns; among values over HISTOGRAM_MAX_NS max_ns; 0 while empty.
 */
int64_t histogram_quantile(const struct histogram *histogram, double quantile);

/* The mean in ns, 0 while empty. */
double histogram_mean(const struct histogram *histogram);

/* The standard deviation in ns, 0 while empty. */
double histogram_deviation(const struct histogram *histogram);

/*
 * One step of the distribution: the next bucket that holds something.
 *   index      0 at first, then what the call before returned
 *   upper_ns   the greatest value of the bucket, at most max_ns
 *   count      how many values it holds
 * Returns the index to go on with, or 0 where nothing was left (and nothing is stored).
 */
size_t histogram_next(
	const struct histogram *histogram, size_t index, int64_t *upper_ns, uint64_t *count);

/*
 * Writes the distribution in the form that the HdrHistogram plotter reads (.hgrm): values in
 * milliseconds, percentiles in five steps to each halving of what is left, and the closing lines.
 * Returns 0, or -1 with errno.
 */
int histogram_write_hgrm(const struct histogram *histogram, FILE *out);

#endif
