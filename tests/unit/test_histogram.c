/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum { VALUES_MAX = 100000 };

static struct histogram histogram; /* emptied by each test */
static int64_t values[VALUES_MAX];

/* --- values of several shapes ----------------------------------------------------------------- */

static int64_t random_between(int64_t least, int64_t greatest)
{
	uint64_t bits = (uint64_t)support_random() << 32 | support_random();

	return least + (int64_t)(bits % ((uint64_t)(greatest - least) + 1));
}

static int64_t uniform(void)
{
	return random_between(0, 10000000);
}

/* Each doubling is as likely as the next, from 1 us to 1 h. */
static int64_t log_uniform(void)
{
	int64_t value;

	do
		value = random_between(512, 1023) << support_random() % 34;
	while (value < 1000);
	value += random_between(0, value / 512);
	return value < HISTOGRAM_MAX_NS ? value : HISTOGRAM_MAX_NS;
}

/* 50 us, but now and then a thousand times as much, and seldom a million times. */
static int64_t skewed(void)
{
	uint32_t luck = support_random() % 10000;
	int64_t value = random_between(50000, 60000);

	if (luck == 0)
		return value * random_between(1, 1000000);
	return luck < 100 ? value * random_between(1, 1000) : value;
}

static int64_t equal(void)
{
	return 123456789;
}

static int64_t one_of_two(void)
{
	return support_random() % 100 == 0 ? 40000000 : 200000;
}

static int64_t small(void)
{
	return random_between(0, 127);
}

static const struct shape {
	const char *name;
	int64_t (*draw)(void);
} shapes[] = {
	{"uniform", uniform},
	{"log-uniform", log_uniform},
	{"skewed", skewed},
	{"equal", equal},
	{"one of two", one_of_two},
	{"small", small},
};

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* Fills values and the histogram with the same, values in order. */
static void record_shape(const struct shape *shape, size_t count)
{
	histogram = (struct histogram){0};
	for (size_t i = 0; i < count; i++) {
		values[i] = shape->draw();
		histogram_record(&histogram, values[i]);
	}
	qsort(values, count, sizeof *values, compare);
}

static bool is_near(double a, double b)
{
	double difference = a < b ? b - a : a - b;

	return difference <= 1e-9 * (a < b ? b : a);
}

/* --- quantiles -------------------------------------------------------------------------------- */

/* As whole numbers, so that the rank to expect owes nothing to floating point. */
static const struct fraction {
	uint64_t part, whole;
} quantiles[] = {{0, 1}, {1, 2}, {9, 10}, {99, 100}, {999, 1000}, {9999, 10000}, {1, 1}};

static int64_t exact_quantile(struct fraction quantile, size_t count)
{
	uint64_t rank = (quantile.part * count + quantile.whole - 1) / quantile.whole;

	return values[rank == 0 ? 0 : rank - 1];
}

/* Calls fit with what the histogram says and what is true, for all shapes, sizes and quantiles. */
static void for_all_quantiles(bool (*fit)(int64_t got, int64_t exact, struct fraction quantile))
{
	static const size_t sizes[] = {1, 2, 10, 1000, VALUES_MAX};

	for (size_t i = 0; i < COUNT(shapes) * COUNT(sizes); i++) {
		const struct shape *shape = &shapes[i / COUNT(sizes)];
		size_t size = sizes[i % COUNT(sizes)];

		record_shape(shape, size);
		for (size_t j = 0; j < COUNT(quantiles); j++) {
			double quantile = (double)quantiles[j].part / (double)quantiles[j].whole;
			int64_t got = histogram_quantile(&histogram, quantile);
			int64_t exact = exact_quantile(quantiles[j], size);

			if (!fit(got, exact, quantiles[j]))
				fail_msg("%zu of %s: quantile %g is %" PRId64 ", not %" PRId64,
					size, shape->name, quantile, exact, got);
		}
	}
}

static bool is_not_below(int64_t got, int64_t exact, struct fraction quantile)
{
	(void)quantile;
	return got >= exact;
}

static bool is_within_a_hundredth(int64_t got, int64_t exact, struct fraction quantile)
{
	(void)quantile;
	return got - exact <= exact / 100;
}

static bool is_exact_where_small(int64_t got, int64_t exact, struct fraction quantile)
{
	(void)quantile;
	return exact >= HISTOGRAM_STEPS || got == exact;
}

static bool is_exact_at_the_ends(int64_t got, int64_t exact, struct fraction quantile)
{
	return (quantile.part != 0 && quantile.part != quantile.whole) || got == exact;
}

static void quantile_is_never_below_the_true_value(void **state)
{
	(void)state;
	for_all_quantiles(is_not_below);
}

static void quantile_is_at_most_a_hundredth_above_the_true_value(void **state)
{
	(void)state;
	for_all_quantiles(is_within_a_hundredth);
}

static void quantile_below_128_ns_is_exact(void **state)
{
	(void)state;
	for_all_quantiles(is_exact_where_small);
}

static void quantiles_0_and_1_are_exact(void **state)
{
	(void)state;
	for_all_quantiles(is_exact_at_the_ends);
}

/* A greater value beside it, lest the exact maximum stand in for its bucket. */
static void check_single(int64_t value)
{
	int64_t got;

	histogram = (struct histogram){0};
	histogram_record(&histogram, value);
	histogram_record(&histogram, HISTOGRAM_MAX_NS);
	got = histogram_quantile(&histogram, 0.5);
	if (got < value || got - value > value / 100)
		fail_msg("%" PRId64 " is told as %" PRId64, value, got);
}

static void every_magnitude_is_told_to_a_hundredth(void **state)
{
	(void)state;
	for (int64_t power = 1; power <= HISTOGRAM_MAX_NS; power *= 2)
		for (int64_t value = power - 1; value <= power + 1; value++)
			check_single(value);
	for (int64_t value = 0; value < 2000; value++)
		check_single(value);
	for (int i = 0; i < 2000; i++)
		check_single(log_uniform());
	check_single(HISTOGRAM_MAX_NS - 1);
	check_single(HISTOGRAM_MAX_NS);
}

static void a_fraction_of_k_in_n_is_rank_k(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	for (int64_t n = 1; n < HISTOGRAM_STEPS; n++) {
		histogram_record(&histogram, n);
		for (int64_t k = 1; k <= n; k++) {
			double quantile = (double)k / (double)n;

			assert_true(histogram_quantile(&histogram, quantile) == k);
			assert_true(
				histogram_quantile(&histogram, quantile - 0.5 / (double)n) == k);
		}
	}
}

static void a_rank_is_not_off_by_one_among_many_values(void **state)
{
	static const struct fraction rows[] = {{7, 100}, {9, 10}, {29, 100}, {57, 100}, {99, 100},
		{999, 1000}, {9999, 10000}, {99999, 100000}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t size = 1000000, lesser = rows[i].part * (size / rows[i].whole);
		double quantile = (double)rows[i].part / (double)rows[i].whole;

		histogram = (struct histogram){0};
		for (uint64_t j = 0; j < size; j++)
			histogram_record(&histogram, j < lesser ? 1 : 2);
		assert_true(histogram_quantile(&histogram, quantile) == 1);
		assert_true(histogram_quantile(&histogram, quantile + 1e-9) == 2);
	}
}

static void a_quantile_outside_0_to_1_is_the_nearer_end(void **state)
{
	(void)state;
	record_shape(&shapes[0], 10);
	assert_true(histogram_quantile(&histogram, -1) == values[0]);
	assert_true(histogram_quantile(&histogram, 2) == values[9]);
}

/* --- recording -------------------------------------------------------------------------------- */

static void an_empty_histogram_answers_0(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	for (size_t i = 0; i < COUNT(quantiles); i++) {
		double quantile = (double)quantiles[i].part / (double)quantiles[i].whole;

		assert_true(histogram_quantile(&histogram, quantile) == 0);
	}
	assert_true(histogram_mean(&histogram) == 0);
	assert_true(histogram_deviation(&histogram) == 0);
}

static void count_sum_least_and_greatest_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		int64_t sum = 0;

		record_shape(&shapes[i], 1000);
		for (size_t j = 0; j < 1000; j++)
			sum += values[j];
		assert_true(histogram.count == 1000);
		assert_true(histogram.over == 0);
		assert_true(histogram.min_ns == values[0]);
		assert_true(histogram.max_ns == values[999]);
		assert_true(histogram.sum_ns == (double)sum);
	}
}

static void a_value_below_0_counts_as_0(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	histogram_record(&histogram, 5);
	histogram_record(&histogram, -1);
	histogram_record(&histogram, INT64_MIN);
	assert_true(histogram.count == 3);
	assert_true(histogram.min_ns == 0);
	assert_true(histogram.sum_ns == 5);
	assert_true(histogram_quantile(&histogram, 0.6) == 0);
}

static void only_a_value_above_the_greatest_is_over(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	histogram_record(&histogram, HISTOGRAM_MAX_NS);
	assert_true(histogram.over == 0);
	assert_true(histogram.buckets[HISTOGRAM_BUCKETS - 1] == 0);
	histogram_record(&histogram, HISTOGRAM_MAX_NS + 1);
	histogram_record(&histogram, INT64_MAX);
	assert_true(histogram.over == 2);
	assert_true(histogram.buckets[HISTOGRAM_BUCKETS - 1] == 2);
	assert_true(histogram.count == 3);
}

static void a_quantile_among_values_that_are_over_is_the_greatest(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	histogram_record(&histogram, 100);
	histogram_record(&histogram, HISTOGRAM_MAX_NS + 1);
	histogram_record(&histogram, 7 * HISTOGRAM_MAX_NS);
	histogram_record(&histogram, INT64_MAX);
	assert_true(histogram_quantile(&histogram, 0.25) == 100);
	assert_true(histogram_quantile(&histogram, 0.5) == INT64_MAX);
	assert_true(histogram_quantile(&histogram, 1) == INT64_MAX);
	histogram = (struct histogram){0};
	histogram_record(&histogram, HISTOGRAM_MAX_NS + 1);
	assert_true(histogram_quantile(&histogram, 0.5) == HISTOGRAM_MAX_NS + 1);
}

static void the_deviation_is_that_of_all_values(void **state)
{
	static const int64_t few[] = {2, 4, 4, 4, 5, 5, 7, 9};

	(void)state;
	histogram = (struct histogram){0};
	for (size_t i = 0; i < COUNT(few); i++)
		histogram_record(&histogram, few[i]);
	assert_true(is_near(histogram_mean(&histogram), 5));
	assert_true(is_near(histogram_deviation(&histogram), 2));
	histogram = (struct histogram){0};
	histogram_record(&histogram, 0);
	histogram_record(&histogram, HISTOGRAM_MAX_NS);
	assert_true(is_near(histogram_deviation(&histogram), (double)HISTOGRAM_MAX_NS / 2));
}

/* What rounding leaves of the difference of two great numbers stays out of sight. */
static void equal_values_do_not_deviate(void **state)
{
	(void)state;
	for (size_t i = 0; i < VALUES_MAX; i++) {
		if (i == 0)
			histogram = (struct histogram){0};
		histogram_record(&histogram, HISTOGRAM_MAX_NS - 1);
	}
	assert_true(is_near(histogram_mean(&histogram), (double)HISTOGRAM_MAX_NS));
	assert_true(histogram_deviation(&histogram) < 1e-6 * (double)HISTOGRAM_MAX_NS);
}

/* --- merging and walking ---------------------------------------------------------------------- */

static void assert_same(const struct histogram *a, const struct histogram *b)
{
	assert_memory_equal(a->buckets, b->buckets, sizeof a->buckets);
	assert_true(a->count == b->count);
	assert_true(a->over == b->over);
	assert_true(a->min_ns == b->min_ns);
	assert_true(a->max_ns == b->max_ns);
	assert_true(is_near(a->sum_ns, b->sum_ns));
	assert_true(is_near(a->sum_of_squares, b->sum_of_squares));
}

static void merging_equals_recording_all_in_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct histogram parts[4] = {0}, merged = {0};

		record_shape(&shapes[i], 10000);
		histogram_record(&histogram, INT64_MAX);
		histogram_record(&parts[2], INT64_MAX);
		for (size_t j = 0; j < 10000; j++)
			histogram_record(&parts[support_random() % COUNT(parts)], values[j]);
		for (size_t j = 0; j < COUNT(parts); j++)
			histogram_merge(&merged, &parts[j]);
		assert_same(&merged, &histogram);
	}
}

static void merging_an_empty_histogram_changes_nothing(void **state)
{
	struct histogram empty = {0}, before;

	(void)state;
	record_shape(&shapes[1], 10);
	before = histogram;
	histogram_merge(&histogram, &empty);
	assert_same(&histogram, &before);
	histogram_merge(&empty, &histogram);
	assert_same(&empty, &before);
}

static void check_walk(size_t size)
{
	uint64_t count, passed = 0;
	int64_t upper_ns, before_ns = -1;

	for (size_t i = 0; (i = histogram_next(&histogram, i, &upper_ns, &count)) != 0;) {
		assert_true(count > 0);
		assert_true(upper_ns > before_ns);
		for (uint64_t end = passed + count; passed < end; passed++)
			assert_true(values[passed] > before_ns && values[passed] <= upper_ns);
		before_ns = upper_ns;
	}
	assert_true(passed == size);
	assert_true(before_ns == histogram.max_ns);
}

static void next_walks_all_counts_in_ascending_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		record_shape(&shapes[i], 1000);
		check_walk(1000);
		values[1000] = HISTOGRAM_MAX_NS + 5;
		histogram_record(&histogram, values[1000]);
		check_walk(1001);
	}
}

static void next_stores_nothing_where_nothing_is_left(void **state)
{
	int64_t upper_ns = -4711;
	uint64_t count = 4711;

	(void)state;
	histogram = (struct histogram){0};
	assert_int_equal(histogram_next(&histogram, 0, &upper_ns, &count), 0);
	assert_int_equal(histogram_next(&histogram, HISTOGRAM_BUCKETS, &upper_ns, &count), 0);
	assert_true(upper_ns == -4711);
	assert_true(count == 4711);
}

/* --- .hgrm ------------------------------------------------------------------------------------ */

#define HGRM_HEAD "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"

static char *hgrm_text(void)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	assert_int_equal(histogram_write_hgrm(&histogram, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_hgrm(const char *expected)
{
	char *text = hgrm_text();

	assert_string_equal(text, expected);
	free(text);
}

static void hgrm_of_an_empty_histogram_has_no_rows(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	assert_hgrm(HGRM_HEAD "#[Mean    =        0.000, StdDeviation   =        0.000]\n"
			      "#[Max     =        0.000, Total count    =            0]\n"
			      "#[Buckets =           35, SubBuckets     =          256]\n");
}

static void hgrm_steps_five_times_to_each_halving(void **state)
{
	(void)state;
	histogram = (struct histogram){0};
	for (int64_t ms = 1; ms <= 4; ms++)
		histogram_record(&histogram, (ms << 20) - 1);
	assert_hgrm(HGRM_HEAD "       1.049 0.000000000000          1           1.00\n"
			      "       1.049 0.100000000000          1           1.11\n"
			      "       1.049 0.200000000000          1           1.25\n"
			      "       2.097 0.300000000000          2           1.43\n"
			      "       2.097 0.400000000000          2           1.67\n"
			      "       2.097 0.500000000000          2           2.00\n"
			      "       3.146 0.550000000000          3           2.22\n"
			      "       3.146 0.600000000000          3           2.50\n"
			      "       3.146 0.650000000000          3           2.86\n"
			      "       3.146 0.700000000000          3           3.33\n"
			      "       3.146 0.750000000000          3           4.00\n"
			      "       4.194 0.775000000000          4           4.44\n"
			      "       4.194 1.000000000000          4\n"
			      "#[Mean    =        2.621, StdDeviation   =        1.172]\n"
			      "#[Max     =        4.194, Total count    =            4]\n"
			      "#[Buckets =           35, SubBuckets     =          256]\n");
}

struct hgrm_row {
	double value_ms, quantile, inverse;
	uint64_t passed;
};

/* Returns the number of columns. */
static int read_row(const char *line, struct hgrm_row *row)
{
	return sscanf(line, "%lf %lf %" SCNu64 " %lf", &row->value_ms, &row->quantile, &row->passed,
		&row->inverse);
}

static uint64_t recorded_up_to(double value_ms, size_t size)
{
	uint64_t count = 0;

	while (count < size && (double)values[count] / 1e6 <= value_ms + 0.0005)
		count++;
	return count;
}

static void check_row(const struct hgrm_row *row, const struct hgrm_row *before, size_t size)
{
	/* The row of 0 tells the first bucket, where quantile 0 is the least value itself. */
	double quantile = row->quantile > 0 ? row->quantile : 1e-9;
	int64_t value_ns = histogram_quantile(&histogram, quantile);
	double error_ms = row->value_ms - (double)value_ns / 1e6;

	assert_true(row->quantile > before->quantile);
	assert_true(row->passed >= before->passed);
	assert_true((double)row->passed >= row->quantile * (double)size * (1 - 1e-9));
	assert_true(row->passed <= recorded_up_to(row->value_ms, size));
	assert_true(error_ms < 0.00051 && error_ms > -0.00051);
}

/* Returns what follows the rows. */
static char *check_rows(char *text, size_t size)
{
	struct hgrm_row row, before = {.quantile = -1};
	int columns = 4;

	while (*text != '#') {
		assert_int_equal(columns, 4);
		columns = read_row(text, &row);
		assert_true(columns >= 3);
		check_row(&row, &before, size);
		if (columns == 4)
			assert_true(row.inverse > 0.99 / (1 - row.quantile) - 0.01 &&
				    row.inverse < 1.01 / (1 - row.quantile) + 0.01);
		before = row;
		text = strchr(text, '\n') + 1;
	}
	assert_int_equal(columns, 3);
	assert_true(before.quantile == 1);
	assert_true(before.passed == size);
	return text;
}

static void check_closing_lines(const char *text, size_t size)
{
	double mean, deviation, greatest;
	uint64_t total;
	int end = 0;

	assert_int_equal(sscanf(text,
				 "#[Mean = %lf, StdDeviation = %lf]\n"
				 "#[Max = %lf, Total count = %" SCNu64 "]\n"
				 "#[Buckets = 35, SubBuckets = 256]\n%n",
				 &mean, &deviation, &greatest, &total, &end),
		4);
	assert_int_equal(text[end], '\0');
	assert_true(end > 0);
	assert_true(total == size);
	assert_true(greatest >= mean && greatest - (double)values[size - 1] / 1e6 < 0.00051);
	assert_true(deviation >= 0);
}

static void hgrm_is_read_back_as_the_distribution(void **state)
{
	static const size_t sizes[] = {1, 2, 10, 1000, VALUES_MAX};

	(void)state;
	for (size_t i = 0; i < COUNT(shapes) * COUNT(sizes); i++) {
		size_t size = sizes[i % COUNT(sizes)];
		char *text;

		record_shape(&shapes[i / COUNT(sizes)], size);
		text = hgrm_text();
		assert_int_equal(strncmp(text, HGRM_HEAD, strlen(HGRM_HEAD)), 0);
		check_closing_lines(check_rows(text + strlen(HGRM_HEAD), size), size);
		free(text);
	}
}

static void hgrm_that_cannot_be_written_is_reported(void **state)
{
	FILE *out = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(out);
	record_shape(&shapes[1], 1000);
	errno = 0;
	assert_int_equal(histogram_write_hgrm(&histogram, out), -1);
	assert_int_equal(errno, ENOSPC);
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantile_is_never_below_the_true_value),
		cmocka_unit_test(quantile_is_at_most_a_hundredth_above_the_true_value),
		cmocka_unit_test(quantile_below_128_ns_is_exact),
		cmocka_unit_test(quantiles_0_and_1_are_exact),
		cmocka_unit_test(every_magnitude_is_told_to_a_hundredth),
		cmocka_unit_test(a_fraction_of_k_in_n_is_rank_k),
		cmocka_unit_test(a_rank_is_not_off_by_one_among_many_values),
		cmocka_unit_test(a_quantile_outside_0_to_1_is_the_nearer_end),
		cmocka_unit_test(an_empty_histogram_answers_0),
		cmocka_unit_test(count_sum_least_and_greatest_are_exact),
		cmocka_unit_test(a_value_below_0_counts_as_0),
		cmocka_unit_test(only_a_value_above_the_greatest_is_over),
		cmocka_unit_test(a_quantile_among_values_that_are_over_is_the_greatest),
		cmocka_unit_test(the_deviation_is_that_of_all_values),
		cmocka_unit_test(equal_values_do_not_deviate),
		cmocka_unit_test(merging_equals_recording_all_in_one),
		cmocka_unit_test(merging_an_empty_histogram_changes_nothing),
		cmocka_unit_test(next_walks_all_counts_in_ascending_order),
		cmocka_unit_test(next_stores_nothing_where_nothing_is_left),
		cmocka_unit_test(hgrm_of_an_empty_histogram_has_no_rows),
		cmocka_unit_test(hgrm_steps_five_times_to_each_halving),
		cmocka_unit_test(hgrm_is_read_back_as_the_distribution),
		cmocka_unit_test(hgrm_that_cannot_be_written_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
