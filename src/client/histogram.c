/* SPDX-License-Identifier: MIT */
#include "yodel/client/histogram.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

enum {
	LAST_BUCKET = HISTOGRAM_BUCKETS - 1,
	TICKS = 5, /* rows of an .hgrm to each halving of what is left */
};

/* The number of low bits that a value of one doubling loses; those of the first two lose none. */
static unsigned shift_of(uint64_t value)
{
	return 63u - 7u - (unsigned)__builtin_clzll(value | HISTOGRAM_STEPS);
}

_Static_assert(HISTOGRAM_STEPS == 1 << 7, "shift_of counts on it");
/* So the last bucket holds nothing but values that are over. */
_Static_assert(HISTOGRAM_MAX_NS >> (HISTOGRAM_DOUBLINGS - 1) < 2 * HISTOGRAM_STEPS - 1,
	"the greatest value lies below the last bucket");

static size_t bucket_of(uint64_t value)
{
	unsigned shift = shift_of(value);

	return (size_t)shift * HISTOGRAM_STEPS + (size_t)(value >> shift);
}

/* The greatest value that is counted there. */
static int64_t upper_of(size_t bucket)
{
	size_t shift = bucket < HISTOGRAM_STEPS ? 0 : bucket / HISTOGRAM_STEPS - 1;
	int64_t upper_ns = (int64_t)((bucket - shift * HISTOGRAM_STEPS + 1) << shift) - 1;

	if (bucket == LAST_BUCKET)
		return INT64_MAX;
	return upper_ns < HISTOGRAM_MAX_NS ? upper_ns : HISTOGRAM_MAX_NS;
}

void histogram_record(struct histogram *histogram, int64_t value_ns)
{
	int64_t value = value_ns < 0 ? 0 : value_ns;
	bool is_over = value > HISTOGRAM_MAX_NS;

	histogram->buckets[is_over ? LAST_BUCKET : bucket_of((uint64_t)value)]++;
	histogram->over += is_over;
	if (value < histogram->min_ns || histogram->count == 0)
		histogram->min_ns = value;
	if (value > histogram->max_ns)
		histogram->max_ns = value;
	histogram->count++;
	histogram->sum_ns += (double)value;
	histogram->sum_of_squares += (double)value * (double)value;
}

void histogram_merge(struct histogram *histogram, const struct histogram *more)
{
	if (more->count == 0)
		return;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		histogram->buckets[i] += more->buckets[i];
	if (more->min_ns < histogram->min_ns || histogram->count == 0)
		histogram->min_ns = more->min_ns;
	if (more->max_ns > histogram->max_ns)
		histogram->max_ns = more->max_ns;
	histogram->count += more->count;
	histogram->over += more->over;
	histogram->sum_ns += more->sum_ns;
	histogram->sum_of_squares += more->sum_of_squares;
}

/*
 * The nearest rank: quantile * count, rounded up; 0 for 0. 0.07 * 100 is a little above 7 in
 * floating point, so what rounding may have added does not count.
 */
static uint64_t rank_of(double quantile, uint64_t count)
{
	double product = quantile * (double)count;

	if (quantile >= 1)
		return count;
	uint64_t rank = (uint64_t)product;
	if (product - (double)rank > product * 2 * DBL_EPSILON)
		rank++;
	return rank;
}

int64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
	uint64_t rank, count, passed = 0;
	int64_t upper_ns = 0;
	size_t index = 0;

	if (!(quantile > 0))
		return histogram->min_ns;
	rank = rank_of(quantile, histogram->count);
	while (passed < rank) {
		index = histogram_next(histogram, index, &upper_ns, &count);
		passed += count;
	}
	return upper_ns;
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->count == 0 ? 0 : histogram->sum_ns / (double)histogram->count;
}

double histogram_deviation(const struct histogram *histogram)
{
	double mean = histogram_mean(histogram);

	if (histogram->count == 0)
		return 0;
	double variance = histogram->sum_of_squares / (double)histogram->count - mean * mean;
	/* Rounding may take equal values below 0. */
	return variance > 0 ? sqrt(variance) : 0;
}

size_t histogram_next(
	const struct histogram *histogram, size_t index, int64_t *upper_ns, uint64_t *count)
{
	while (index < HISTOGRAM_BUCKETS && histogram->buckets[index] == 0)
		index++;
	if (index >= HISTOGRAM_BUCKETS)
		return 0;
	*upper_ns = upper_of(index);
	if (*upper_ns > histogram->max_ns)
		*upper_ns = histogram->max_ns;
	*count = histogram->buckets[index];
	return index + 1;
}

/* --- .hgrm ------------------------------------------------------------------------------------ */

static double in_ms(double ns)
{
	return ns / 1e6;
}

/* 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, ..: rounded once, so that no error adds up. */
static double quantile_at(unsigned step)
{
	double whole = 2.0 * TICKS * (double)(1ull << step / TICKS);

	return (whole - (2.0 * TICKS - step % TICKS)) / whole;
}

/* One row for each step, but only one that the last bucket reaches, as HdrHistogram has it. */
static bool write_rows(const struct histogram *histogram, FILE *out)
{
	uint64_t count, passed = 0;
	int64_t upper_ns;
	unsigned step = 0;
	size_t index = 0;

	while ((index = histogram_next(histogram, index, &upper_ns, &count)) != 0) {
		passed += count;
		while (rank_of(quantile_at(step), histogram->count) <= passed) {
			double quantile = quantile_at(step++);

			if (fprintf(out, "%12.3f %2.12f %10" PRIu64 " %14.2f\n",
				    in_ms((double)upper_ns), quantile, passed,
				    1 / (1 - quantile)) < 0)
				return false;
			if (passed == histogram->count)
				break;
		}
	}
	return true;
}

/* The row of the greatest value lacks the last column, which would be infinite. */
static bool write_last_row(const struct histogram *histogram, FILE *out)
{
	return histogram->count == 0 ||
	       fprintf(out, "%12.3f %2.12f %10" PRIu64 "\n", in_ms((double)histogram->max_ns), 1.0,
		       histogram->count) >= 0;
}

static bool write_closing_lines(const struct histogram *histogram, FILE *out)
{
	return fprintf(out,
		       "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n"
		       "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n"
		       "#[Buckets = %12d, SubBuckets     = %12d]\n",
		       in_ms(histogram_mean(histogram)), in_ms(histogram_deviation(histogram)),
		       in_ms((double)histogram->max_ns), histogram->count, HISTOGRAM_DOUBLINGS,
		       2 * HISTOGRAM_STEPS) >= 0;
}

int histogram_write_hgrm(const struct histogram *histogram, FILE *out)
{
	if (fputs("       Value     Percentile TotalCount 1/(1-Percentile)\n\n", out) < 0 ||
		!write_rows(histogram, out) || !write_last_row(histogram, out) ||
		!write_closing_lines(histogram, out))
		return -1;
	return fflush(out) == 0 ? 0 : -1;
}
