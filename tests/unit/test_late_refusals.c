/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/server/late_refusals.h"

enum { CAPACITY = 2 };

static int set_up(void **state)
{
	static struct late_refusals late;

	assert_int_equal(late_refusals_init(&late, CAPACITY), 0);
	*state = &late;
	return 0;
}

static int tear_down(void **state)
{
	late_refusals_fini(*state);
	return 0;
}

static void each_that_is_added_is_taken_once(void **state)
{
	struct connection one, other;
	struct late_refusal first, second, third;

	assert_false(late_refusals_take(*state, &first));
	for (int round = 0; round < 2; round++) {
		late_refusals_add(*state, &one, CLOSE_DENIED);
		late_refusals_add(*state, &other, CLOSE_LIMIT_PEER);
		assert_true(late_refusals_take(*state, &first));
		assert_true(late_refusals_take(*state, &second));
		assert_false(late_refusals_take(*state, &third));
		assert_true(first.connection == &one || second.connection == &one);
		assert_true(first.connection == &other || second.connection == &other);
		assert_int_equal(
			first.reason, first.connection == &one ? CLOSE_DENIED : CLOSE_LIMIT_PEER);
	}
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(each_that_is_added_is_taken_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
