/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/token_bucket.h"

static bool take(struct token_bucket *bucket, int64_t now_ms)
{
	if (!token_bucket_has(bucket, now_ms))
		return false;
	token_bucket_take(bucket);
	return true;
}

static int take_all(struct token_bucket *bucket, int64_t now_ms)
{
	int count = 0;

	while (count < 100000 && take(bucket, now_ms))
		count++;
	return count;
}

static void a_full_bucket_holds_one_periods_worth(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){50, 1000}, 7);
	assert_int_equal(take_all(&bucket, 7), 50);
	assert_false(token_bucket_has(&bucket, 7));
}

static void a_rate_of_none_never_runs_dry(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){0, 1000}, 0);
	assert_int_equal(take_all(&bucket, 0), 100000);
}

static void asking_takes_nothing(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){1, 1000}, 0);
	for (int i = 0; i < 100; i++)
		assert_true(token_bucket_has(&bucket, 0));
	assert_true(take(&bucket, 0));
	assert_false(token_bucket_has(&bucket, 0));
}

static void a_bucket_is_full_until_something_is_taken_and_again_after_a_while(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){10, 1000}, 0);
	assert_true(token_bucket_is_full(&bucket, 0));
	assert_true(take(&bucket, 0));
	assert_false(token_bucket_is_full(&bucket, 99));
	assert_true(token_bucket_is_full(&bucket, 100));
	assert_int_equal(take_all(&bucket, 100), 10);
	assert_false(token_bucket_is_full(&bucket, 1099));
	assert_true(token_bucket_is_full(&bucket, 1100));
}

static void a_token_comes_back_to_the_millisecond(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){3, 1000}, 0);
	assert_int_equal(take_all(&bucket, 0), 3);
	for (int64_t now = 1; now <= 333; now++)
		assert_false(token_bucket_has(&bucket, now));
	assert_true(take(&bucket, 334));
	assert_false(token_bucket_has(&bucket, 666));
	assert_true(take(&bucket, 667));
	assert_false(token_bucket_has(&bucket, 999));
	assert_true(take(&bucket, 1000)); /* exactly three a second: nothing was rounded away */
	assert_false(token_bucket_has(&bucket, 1000));
}

/* However the time is cut up, exactly burst + passed * count / period tokens are given. */
static void no_fraction_is_lost_over_a_long_time(void **state)
{
	static const struct rate rates[] = {{1, 1000}, {7, 1000}, {50, 1000}, {7, 60000},
		{1000, 3600000}, {999983, 3600000}, {1000000, 1000}};

	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct token_bucket bucket;
		int64_t now = 0, taken = 0;

		token_bucket_init(&bucket, rates[i], 0);
		while (take(&bucket, now))
			taken++;
		assert_int_equal(taken, rates[i].count);
		for (int step = 0; step < 20000; step++) {
			/* Steps so short that the bucket is never full again. */
			now += support_random() % 5;
			while (take(&bucket, now))
				taken++;
		}
		assert_int_equal(taken, rates[i].count + now * rates[i].count / rates[i].period_ms);
	}
}

static void a_long_silence_fills_it_no_more_than_once(void **state)
{
	static const int64_t gaps[] = {1000, 1001, 86400000, INT64_C(1) << 40, INT64_MAX / 2};

	(void)state;
	for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
		struct token_bucket bucket;

		token_bucket_init(&bucket, (struct rate){1000000, 1000}, 1);
		for (int j = 0; j < 10; j++)
			assert_true(take(&bucket, 1));
		assert_true(token_bucket_has(&bucket, 1 + gaps[i]));
		assert_true(bucket.level == INT64_C(1000000) * 1000);
	}
}

static void the_largest_rate_does_not_overflow(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){1000000, 3600000}, 0);
	assert_true(take(&bucket, 3599999));
	assert_true(take(&bucket, 7199997));
	assert_true(take(&bucket, INT64_MAX));
}

static void one_an_hour_is_one_an_hour(void **state)
{
	struct token_bucket bucket;

	(void)state;
	token_bucket_init(&bucket, (struct rate){1, 3600000}, 0);
	assert_true(take(&bucket, 0));
	assert_false(take(&bucket, 3599999));
	assert_true(take(&bucket, 3600000));
	assert_false(take(&bucket, 3600001));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_bucket_holds_one_periods_worth),
		cmocka_unit_test(a_rate_of_none_never_runs_dry),
		cmocka_unit_test(asking_takes_nothing),
		cmocka_unit_test(a_bucket_is_full_until_something_is_taken_and_again_after_a_while),
		cmocka_unit_test(a_token_comes_back_to_the_millisecond),
		cmocka_unit_test(no_fraction_is_lost_over_a_long_time),
		cmocka_unit_test(a_long_silence_fills_it_no_more_than_once),
		cmocka_unit_test(the_largest_rate_does_not_overflow),
		cmocka_unit_test(one_an_hour_is_one_an_hour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
