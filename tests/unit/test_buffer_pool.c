/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/buffer_pool.h"

#include <string.h>

static void a_buffer_is_as_large_as_promised_and_nobody_elses(void **state)
{
	struct buffer_pool pool;

	(void)state;
	buffer_pool_init(&pool);
	char *first = buffer_pool_borrow(&pool), *second = buffer_pool_borrow(&pool);
	assert_non_null(first);
	assert_non_null(second);
	memset(first, 1, BUFFER_POOL_BUFFER_BYTES);
	memset(second, 2, BUFFER_POOL_BUFFER_BYTES);
	assert_int_equal(first[0] + first[BUFFER_POOL_BUFFER_BYTES - 1], 2);
	buffer_pool_return(&pool, first);
	buffer_pool_return(&pool, second);
	buffer_pool_fini(&pool);
}

static void the_last_one_given_back_is_lent_first(void **state)
{
	struct buffer_pool pool;

	(void)state;
	buffer_pool_init(&pool);
	char *first = buffer_pool_borrow(&pool), *second = buffer_pool_borrow(&pool);
	buffer_pool_return(&pool, second);
	buffer_pool_return(&pool, first);
	assert_ptr_equal(buffer_pool_borrow(&pool), first);
	assert_ptr_equal(buffer_pool_borrow(&pool), second);
	buffer_pool_return(&pool, first);
	buffer_pool_return(&pool, second);
	buffer_pool_fini(&pool);
}

static void there_are_no_more_than_the_bound(void **state)
{
	struct buffer_pool pool;
	char *buffers[BUFFER_POOL_MAX];

	(void)state;
	buffer_pool_init(&pool);
	for (size_t i = 0; i < BUFFER_POOL_MAX; i++) {
		buffers[i] = buffer_pool_borrow(&pool);
		assert_non_null(buffers[i]);
	}
	assert_null(buffer_pool_borrow(&pool));
	buffer_pool_return(&pool, buffers[0]);
	assert_ptr_equal(buffer_pool_borrow(&pool), buffers[0]);
	assert_null(buffer_pool_borrow(&pool));
	for (size_t i = 0; i < BUFFER_POOL_MAX; i++)
		buffer_pool_return(&pool, buffers[i]);
	buffer_pool_fini(&pool);
}

static int end_with_a_buffer_lent(void *context)
{
	struct buffer_pool pool;

	(void)context;
	buffer_pool_init(&pool);
	(void)!buffer_pool_borrow(&pool);
	buffer_pool_fini(&pool);
	return 0;
}

static void a_buffer_that_is_not_given_back_is_a_bug(void **state)
{
	(void)state;
	assert_int_equal(in_child(end_with_a_buffer_lent, NULL), 128 + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_is_as_large_as_promised_and_nobody_elses),
		cmocka_unit_test(the_last_one_given_back_is_lent_first),
		cmocka_unit_test(there_are_no_more_than_the_bound),
		cmocka_unit_test(a_buffer_that_is_not_given_back_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
