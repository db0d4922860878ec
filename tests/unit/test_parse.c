/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { UNTOUCHED = -4711 };

static const struct good {
	const char *text;
	int64_t value;
} good_integers[] =
	{
		{"0", 0},
		{"7", 7},
		{"-7", -7},
		{"-0", 0},
		{"0010", 10},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN},
},
  good_durations[] =
	  {
		  {"0", 0},
		  {"0ms", 0},
		  {"30", 30000},
		  {"500ms", 500},
		  {"30s", 30000},
		  {"5m", 300000},
		  {"2h", 7200000},
		  {"1d", 86400000},
		  {"9223372036854775807ms", INT64_MAX},
		  {"9223372036854775", 9223372036854775000},
},
  good_sizes[] = {
	  {"0", 0},
	  {"512", 512},
	  {"64k", 65536},
	  {"1M", 1048576},
	  {"2G", 2147483648},
	  {"8589934591G", 8589934591 * 1073741824},
};

static const char *const bad_integers[] = {"", "-", "+1", "--1", "- 1", " 1", "1 ", "1\n", "\t1",
	"1.0", "1e3", "0x10", "a", "1k", "9223372036854775808", "-9223372036854775809",
	"99999999999999999999"};
static const char *const bad_durations[] = {"", "-1", "-1s", "+1s", " 1s", "1s ", "1 s", "s", "ms",
	"1S", "1M", "1H", "1w", "1.5s", "1ss", "1m30s", "1 ", "9223372036854775807s",
	"9223372036854776", "106751991168d", "99999999999999999999ms", "0x1s", "1\ts"};
static const char *const bad_sizes[] = {"", "-1", "-1k", "+1", " 1", "1 ", "1 k", "k", "1K", "1m",
	"1g", "1kB", "1.5k", "8589934592G", "9223372036854775808", "9007199254740993k"};
static const char *const bad_rates[] = {"", "-1/s", "+1/s", " 1/s", "1/s ", "1 /s", "/s", "1/",
	"1/d", "1/S", "1s", "1.5/s", "1/ms", "9223372036854775808/s"};

static void check_good(
	bool (*parse)(const char *text, int64_t *value), const struct good *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = UNTOUCHED;

		if (!parse(rows[i].text, &value) || value != rows[i].value)
			fail_msg("\"%s\" became %" PRId64, rows[i].text, value);
	}
}

static void check_bad(
	bool (*parse)(const char *text, int64_t *value), const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = UNTOUCHED;

		if (parse(texts[i], &value))
			fail_msg("\"%s\" was taken for %" PRId64, texts[i], value);
		assert_int_equal(value, UNTOUCHED);
	}
}

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static void integers_are_read_to_the_ends_of_their_range(void **state)
{
	(void)state;
	check_good(parse_integer, good_integers, COUNT(good_integers));
}

static void integers_refuse_blanks_signs_units_and_overflow(void **state)
{
	(void)state;
	check_bad(parse_integer, bad_integers, COUNT(bad_integers));
}

static void durations_are_read_in_every_unit(void **state)
{
	(void)state;
	check_good(parse_duration, good_durations, COUNT(good_durations));
}

static void durations_refuse_what_is_no_duration_or_does_not_fit(void **state)
{
	(void)state;
	check_bad(parse_duration, bad_durations, COUNT(bad_durations));
}

static void milliseconds_are_read_with_decimals(void **state)
{
	static const struct good rows[] = {
		{"0", 0},
		{"0.0", 0},
		{"20", 20000000},
		{"0.5", 500000},
		{"1.25", 1250000},
		{"0.000001", 1},
		{"9223372036854.775807", INT64_MAX},
	};
	static const char *const bad[] = {"", ".", ".5", "1.", "-1", "-0.5", "+1", " 1", "1 ",
		"1ms", "1.5s", "1,5", "1e3", "1.0000001", "1.5.5", "1.-5", "9223372036854.775808",
		"9223372036855"};

	(void)state;
	check_good(parse_milliseconds, rows, sizeof rows / sizeof *rows);
	check_bad(parse_milliseconds, bad, sizeof bad / sizeof *bad);
}

static void sizes_are_read_in_every_unit(void **state)
{
	(void)state;
	check_good(parse_size, good_sizes, COUNT(good_sizes));
}

static void sizes_refuse_what_is_no_size_or_does_not_fit(void **state)
{
	(void)state;
	check_bad(parse_size, bad_sizes, COUNT(bad_sizes));
}

static void rates_are_read_in_every_unit(void **state)
{
	static const struct {
		const char *text;
		struct rate rate;
	} rows[] = {
		{"50/s", {50, 1000}},
		{"100/m", {100, 60000}},
		{"1000/h", {1000, 3600000}},
		{"7", {7, 1000}},
		{"0", {0, 1000}},
		{"0/h", {0, 3600000}},
		{"9223372036854775807/s", {INT64_MAX, 1000}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rate rate = {UNTOUCHED, UNTOUCHED};

		assert_true(parse_rate(rows[i].text, &rate));
		assert_true(rate.count == rows[i].rate.count);
		assert_true(rate.period_ms == rows[i].rate.period_ms);
	}
}

static void rates_refuse_what_is_no_rate(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_rates); i++) {
		struct rate rate = {UNTOUCHED, UNTOUCHED};

		if (parse_rate(bad_rates[i], &rate))
			fail_msg("\"%s\" was taken for a rate", bad_rates[i]);
		assert_int_equal(rate.count, UNTOUCHED);
		assert_int_equal(rate.period_ms, UNTOUCHED);
	}
}

static void values_are_written_in_their_largest_whole_unit(void **state)
{
	static const struct {
		void (*format)(char text[PARSE_TEXT_BYTES], int64_t value);
		int64_t value;
		const char *text;
	} rows[] = {
		{format_duration, 0, "0"},
		{format_duration, 1, "1ms"},
		{format_duration, 1500, "1500ms"},
		{format_duration, 1000, "1s"},
		{format_duration, 90000, "90s"},
		{format_duration, 300000, "5m"},
		{format_duration, 7200000, "2h"},
		{format_duration, 86400000, "1d"},
		{format_duration, INT64_MAX, "9223372036854775807ms"},
		{format_size, 0, "0"},
		{format_size, 1023, "1023"},
		{format_size, 1024, "1k"},
		{format_size, 1536, "1536"},
		{format_size, 65536, "64k"},
		{format_size, 1048576, "1M"},
		{format_size, 1073741824, "1G"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[PARSE_TEXT_BYTES];

		rows[i].format(text, rows[i].value);
		assert_string_equal(text, rows[i].text);
	}
}

/* A value of every magnitude, many of them whole in some unit. */
static int64_t any_value(void)
{
	static const int64_t factors[] = {1, 1000, 1024, 60000, 1048576, 3600000, 86400000};
	uint64_t bits = (uint64_t)support_random() << 32 | support_random();
	int64_t value = (int64_t)(bits >> 1 >> support_random() % 63);
	int64_t scaled;

	if (__builtin_mul_overflow(value, factors[support_random() % COUNT(factors)], &scaled))
		return value;
	return scaled;
}

static void what_is_written_is_read_back(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t value = any_value(), back;
		char text[PARSE_TEXT_BYTES];

		format_duration(text, value);
		if (!parse_duration(text, &back) || back != value)
			fail_msg("duration %" PRId64 " was written as %s", value, text);
		format_size(text, value);
		if (!parse_size(text, &back) || back != value)
			fail_msg("size %" PRId64 " was written as %s", value, text);
	}
}

static void rates_that_are_written_are_read_back(void **state)
{
	static const int64_t periods[] = {1000, 60000, 3600000};

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct rate rate = {any_value(), periods[i % 3]}, back;
		char text[PARSE_TEXT_BYTES];

		format_rate(text, rate);
		assert_true(parse_rate(text, &back));
		assert_true(back.count == rate.count);
		assert_true(rate.count == 0 || back.period_ms == rate.period_ms);
	}
}

static void a_rate_of_none_is_written_as_0(void **state)
{
	char text[PARSE_TEXT_BYTES];

	(void)state;
	format_rate(text, (struct rate){0, 60000});
	assert_string_equal(text, "0");
	format_rate(text, (struct rate){.count = 0});
	assert_string_equal(text, "0");
	format_rate(text, (struct rate){50, 1000});
	assert_string_equal(text, "50/s");
	format_rate(text, (struct rate){1, 3600000});
	assert_string_equal(text, "1/h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_read_to_the_ends_of_their_range),
		cmocka_unit_test(integers_refuse_blanks_signs_units_and_overflow),
		cmocka_unit_test(durations_are_read_in_every_unit),
		cmocka_unit_test(durations_refuse_what_is_no_duration_or_does_not_fit),
		cmocka_unit_test(milliseconds_are_read_with_decimals),
		cmocka_unit_test(sizes_are_read_in_every_unit),
		cmocka_unit_test(sizes_refuse_what_is_no_size_or_does_not_fit),
		cmocka_unit_test(rates_are_read_in_every_unit),
		cmocka_unit_test(rates_refuse_what_is_no_rate),
		cmocka_unit_test(values_are_written_in_their_largest_whole_unit),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(rates_that_are_written_are_read_back),
		cmocka_unit_test(a_rate_of_none_is_written_as_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
