/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/clock.h"

#include <limits.h>
#include <string.h>
#include <time.h>

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

static bool is_frozen;
static struct timespec frozen_real, frozen_monotonic;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!is_frozen)
		return __real_clock_gettime(clock, now);
	*now = clock == CLOCK_MONOTONIC ? frozen_monotonic : frozen_real;
	return 0;
}

static int thaw(void **state)
{
	(void)state;
	is_frozen = false;
	return 0;
}

static void monotonic_counts_whole_milliseconds(void **state)
{
	static const struct {
		struct timespec at;
		int64_t ms;
	} rows[] = {
		{{0, 0}, 0},
		{{0, 999999}, 0},
		{{0, 1000000}, 1},
		{{5, 999999999}, 5999},
		{{4000000000, 1}, 4000000000000},
	};

	(void)state;
	is_frozen = true;
	frozen_real = (struct timespec){77, 0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		frozen_monotonic = rows[i].at;
		assert_true(clock_monotonic_ms() == rows[i].ms);
		assert_true(clock_monotonic_ns() ==
			    rows[i].at.tv_sec * 1000000000 + rows[i].at.tv_nsec);
	}
}

static void monotonic_counts_nanoseconds_on_the_same_clock(void **state)
{
	static const struct {
		struct timespec at;
		int64_t ns;
	} rows[] = {
		{{0, 0}, 0},
		{{0, 999999999}, 999999999},
		{{5, 1}, 5000000001},
		{{4000000000, 7}, 4000000000000000007},
	};

	(void)state;
	is_frozen = true;
	frozen_real = (struct timespec){77, 0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		frozen_monotonic = rows[i].at;
		assert_true(clock_monotonic_ns() == rows[i].ns);
	}
}

static void monotonic_never_goes_back(void **state)
{
	int64_t before = clock_monotonic_ms();

	(void)state;
	assert_true(before > 0);
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_monotonic_ms();

		assert_true(now >= before);
		before = now;
	}
}

static void utc_text_is_rfc_3339_with_milliseconds(void **state)
{
	static const struct {
		struct timespec at;
		const char *text;
	} rows[] = {
		{{0, 0}, "1970-01-01T00:00:00.000Z"},
		{{951782400, 1000000}, "2000-02-29T00:00:00.001Z"},
		{{1700000000, 999999999}, "2023-11-14T22:13:20.999Z"},
		{{4102444799, 12345678}, "2099-12-31T23:59:59.012Z"},
	};

	(void)state;
	is_frozen = true;
	frozen_monotonic = (struct timespec){77, 0};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[CLOCK_UTC_TEXT_BYTES];

		frozen_real = rows[i].at;
		clock_utc_text(text);
		assert_string_equal(text, rows[i].text);
		assert_int_equal(strlen(text) + 1, CLOCK_UTC_TEXT_BYTES);
	}
}

static void earlier_of_takes_zero_for_never(void **state)
{
	(void)state;
	assert_int_equal(clock_earlier_of(0, 0), 0);
	assert_int_equal(clock_earlier_of(0, 7), 7);
	assert_int_equal(clock_earlier_of(7, 0), 7);
	assert_int_equal(clock_earlier_of(3, 7), 3);
	assert_int_equal(clock_earlier_of(7, 3), 3);
	assert_int_equal(clock_earlier_of(7, 7), 7);
}

static void poll_waits_for_ever_or_as_long_as_it_can(void **state)
{
	(void)state;
	assert_int_equal(clock_poll_timeout(0, 5), -1);
	assert_int_equal(clock_poll_timeout(5, 5), 0);
	assert_int_equal(clock_poll_timeout(3, 5), 0);
	assert_int_equal(clock_poll_timeout(7, 5), 2);
	assert_int_equal(clock_poll_timeout(INT64_C(30) * 86400000, 5), INT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(monotonic_counts_whole_milliseconds, thaw),
		cmocka_unit_test_teardown(monotonic_counts_nanoseconds_on_the_same_clock, thaw),
		cmocka_unit_test(monotonic_never_goes_back),
		cmocka_unit_test_teardown(utc_text_is_rfc_3339_with_milliseconds, thaw),
		cmocka_unit_test(earlier_of_takes_zero_for_never),
		cmocka_unit_test(poll_waits_for_ever_or_as_long_as_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
