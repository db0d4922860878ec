/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_near(double a, double b)
{
	return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/* 1, 2 or 5 times a power of ten. */
static bool is_round(double value)
{
	double mantissa = value / pow(10, floor(log10(value) + 1e-9));

	return is_near(mantissa, 1) || is_near(mantissa, 2) || is_near(mantissa, 5);
}

static void assert_ticks_ascend_within(const struct chart_axis *axis)
{
	assert_true(axis->low < axis->high);
	for (size_t i = 0; i < axis->tick_count; i++) {
		double value = axis->ticks[i].value;

		assert_true(value >= axis->low * (1 - 1e-9) && value <= axis->high * (1 + 1e-9));
		assert_true(i == 0 || value > axis->ticks[i - 1].value);
	}
}

static void assert_labels(const struct chart_axis *axis, const char *const *labels, size_t count)
{
	assert_int_equal(axis->tick_count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(axis->ticks[i].label, labels[i]);
}

static void a_linear_axis_has_a_few_ticks_at_round_numbers(void **state)
{
	(void)state;
	for (double high = 1.7e-9; high < 1e15; high *= 1.37) {
		struct chart_axis axis;

		chart_axis_span(&axis, "", high);
		assert_ticks_ascend_within(&axis);
		assert_true(axis.low == 0 && axis.high == high);
		assert_in_range(axis.tick_count, 4, 9);
		assert_true(is_round(axis.ticks[1].value));
		for (size_t i = 0; i < axis.tick_count; i++) {
			double told = strtod(axis.ticks[i].label, NULL);

			assert_true(is_near(axis.ticks[i].value, (double)i * axis.ticks[1].value));
			assert_true(is_near(told, axis.ticks[i].value));
		}
	}
}

static void a_rounded_axis_ends_at_a_tick_not_far_above(void **state)
{
	(void)state;
	for (double high = 1.7e-9; high < 1e15; high *= 1.37) {
		struct chart_axis axis;

		chart_axis_round(&axis, "", high);
		assert_ticks_ascend_within(&axis);
		assert_true(is_near(axis.ticks[axis.tick_count - 1].value, axis.high));
		assert_true(axis.high >= high * (1 - 1e-9));
		assert_true(axis.high - axis.ticks[1].value < high);
	}
}

static void round_ends_stay_as_they_are(void **state)
{
	(void)state;
	for (double high = 1e-6; high < 1e9; high *= 10) {
		struct chart_axis axis;

		chart_axis_round(&axis, "", high);
		assert_true(is_near(axis.high, high));
	}
}

static void an_axis_of_nothing_goes_to_1(void **state)
{
	struct chart_axis axis;

	(void)state;
	chart_axis_span(&axis, "", 0);
	assert_true(axis.high == 1);
	chart_axis_round(&axis, "", 0);
	assert_true(axis.high == 1);
}

static void labels_have_as_many_digits_as_the_step(void **state)
{
	static const char *const labels[] = {"0.00", "0.02", "0.04", "0.06", "0.08", "0.10"};
	struct chart_axis axis;

	(void)state;
	chart_axis_span(&axis, "", 0.1);
	assert_labels(&axis, labels, 6);
}

static void decades_go_around_their_values(void **state)
{
	(void)state;
	for (double low = 1.3e-6; low < 1e6; low *= 2.9)
		for (double high = low; high < 1e8; high *= 3.1) {
			struct chart_axis axis;

			chart_axis_decades(&axis, "", low, high);
			assert_ticks_ascend_within(&axis);
			assert_true(axis.low <= low * (1 + 1e-9) && axis.low * 2.6 > low);
			assert_true(axis.high >= high * (1 - 1e-9) && axis.high < high * 2.6);
			assert_true(is_round(axis.low) && is_round(axis.high));
			assert_true(axis.tick_count >= 2);
		}
}

static void one_round_value_has_decades_too(void **state)
{
	static const char *const labels[] = {"10", "20"};
	struct chart_axis axis;

	(void)state;
	chart_axis_decades(&axis, "", 10, 10);
	assert_labels(&axis, labels, 2);
}

static void few_decades_have_ticks_between(void **state)
{
	static const char *const labels[] = {"0.05", "0.1", "0.2", "0.5", "1", "2"};
	static const char *const wide[] = {"0.001", "0.01", "0.1", "1", "10", "100", "1000"};
	struct chart_axis axis;

	(void)state;
	chart_axis_decades(&axis, "", 0.06, 1.5);
	assert_labels(&axis, labels, 6);
	chart_axis_decades(&axis, "", 0.001, 1500);
	assert_labels(&axis, wide, 7);
}

static void percentiles_go_one_decade_beyond_what_the_values_tell(void **state)
{
	static const char *const labels[] = {"0%", "50%", "90%", "99%", "99.9%", "99.99%"};
	struct chart_axis axis;

	(void)state;
	chart_axis_percentiles(&axis, "", 0);
	assert_labels(&axis, labels, 3);
	chart_axis_percentiles(&axis, "", 1);
	assert_labels(&axis, labels, 3);
	chart_axis_percentiles(&axis, "", 10);
	assert_labels(&axis, labels, 4);
	chart_axis_percentiles(&axis, "", 1001);
	assert_labels(&axis, labels, 6);
	assert_true(axis.high == 10000);
}

static void percentiles_of_the_most_values_there_may_be_fit(void **state)
{
	struct chart_axis axis;

	(void)state;
	chart_axis_percentiles(&axis, "", UINT64_MAX);
	assert_ticks_ascend_within(&axis);
	assert_string_equal(axis.ticks[axis.tick_count - 1].label, "99.999999999999999999%");
}

static void values_stand_between_the_ends_of_the_plot(void **state)
{
	struct chart chart;

	(void)state;
	chart_axis_decades(&chart.x, "", 1, 100);
	chart_axis_round(&chart.y, "", 10);
	assert_true(chart_x(&chart, 1) == CHART_PLOT_LEFT);
	assert_true(is_near(chart_x(&chart, 10), (CHART_PLOT_LEFT + CHART_PLOT_RIGHT) / 2.0));
	assert_true(chart_x(&chart, 100) == CHART_PLOT_RIGHT);
	assert_true(chart_x(&chart, 0) == CHART_PLOT_LEFT);
	assert_true(chart_x(&chart, 1e9) == CHART_PLOT_RIGHT);
	assert_true(chart_y(&chart, 0) == CHART_PLOT_BOTTOM);
	assert_true(is_near(chart_y(&chart, 5), (CHART_PLOT_TOP + CHART_PLOT_BOTTOM) / 2.0));
	assert_true(chart_y(&chart, 11) == CHART_PLOT_TOP);
}

static void the_frame_has_titles_and_labels(void **state)
{
	struct chart chart;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	assert_non_null(out);
	chart_axis_span(&chart.x, "time in s", 4);
	chart_axis_round(&chart.y, "rate", 10);
	chart_open(&chart, "Rate", out);
	chart_close(out);
	fclose(out);
	assert_memory_equal(text, "<svg ", 5);
	assert_non_null(strstr(text, "aria-label=\"Rate\""));
	assert_non_null(strstr(text, ">time in s</text>"));
	assert_non_null(strstr(text, ">rate</text>"));
	assert_non_null(strstr(text, ">10</text>"));
	assert_string_equal(text + length - 7, "</svg>\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_linear_axis_has_a_few_ticks_at_round_numbers),
		cmocka_unit_test(a_rounded_axis_ends_at_a_tick_not_far_above),
		cmocka_unit_test(round_ends_stay_as_they_are),
		cmocka_unit_test(an_axis_of_nothing_goes_to_1),
		cmocka_unit_test(labels_have_as_many_digits_as_the_step),
		cmocka_unit_test(decades_go_around_their_values),
		cmocka_unit_test(one_round_value_has_decades_too),
		cmocka_unit_test(few_decades_have_ticks_between),
		cmocka_unit_test(percentiles_go_one_decade_beyond_what_the_values_tell),
		cmocka_unit_test(percentiles_of_the_most_values_there_may_be_fit),
		cmocka_unit_test(values_stand_between_the_ends_of_the_plot),
		cmocka_unit_test(the_frame_has_titles_and_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
