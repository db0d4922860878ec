/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/lock.h"

#include <sched.h>

enum { THREADS = 8, ROUNDS = 2000 };

static struct {
	struct lock lock;
	int inside;
	int most_inside;
	long count;
} shared;

static void *enter_and_leave(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		lock_take(&shared.lock);
		shared.inside++;
		if (shared.inside > shared.most_inside)
			shared.most_inside = shared.inside;
		long seen = shared.count;
		if (i % 64 == 0)
			sched_yield();
		shared.count = seen + 1;
		shared.inside--;
		lock_give(&shared.lock);
	}
	return argument;
}

static void one_thread_at_a_time_is_inside(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	lock_init(&shared.lock);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, enter_and_leave, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	lock_fini(&shared.lock);
	assert_int_equal(shared.most_inside, 1);
	assert_int_equal(shared.count, THREADS * ROUNDS);
}

static void a_lock_can_be_made_again_after_its_end(void **state)
{
	struct lock lock;

	(void)state;
	for (int i = 0; i < 3; i++) {
		lock_init(&lock);
		lock_take(&lock);
		lock_give(&lock);
		lock_fini(&lock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_at_a_time_is_inside),
		cmocka_unit_test(a_lock_can_be_made_again_after_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
