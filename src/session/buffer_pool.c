/* SPDX-License-Identifier: MIT */
#include "yodel/session/buffer_pool.h"

#include "yodel/base/check.h"

#include <stdbool.h>
#include <stdlib.h>

void buffer_pool_init(struct buffer_pool *pool)
{
	*pool = (struct buffer_pool){.idle_count = 0};
	lock_init(&pool->lock);
}

void buffer_pool_fini(struct buffer_pool *pool)
{
	lock_take(&pool->lock);
	CHECK(pool->idle_count == pool->made_count);
	lock_give(&pool->lock);
	for (size_t i = 0; i < pool->idle_count; i++)
		free(pool->idle[i]);
	lock_fini(&pool->lock);
}

/* An idle buffer, or leave to make one. */
static char *take_idle(struct buffer_pool *pool, bool *may_make)
{
	char *buffer = NULL;

	lock_take(&pool->lock);
	if (pool->idle_count > 0)
		buffer = pool->idle[--pool->idle_count];
	*may_make = buffer == NULL && pool->made_count < BUFFER_POOL_MAX;
	pool->made_count += *may_make;
	lock_give(&pool->lock);
	return buffer;
}

static char *make(struct buffer_pool *pool)
{
	char *buffer = malloc(BUFFER_POOL_BUFFER_BYTES);

	if (buffer != NULL)
		return buffer;
	lock_take(&pool->lock);
	pool->made_count--;
	lock_give(&pool->lock);
	return NULL;
}

char *buffer_pool_borrow(struct buffer_pool *pool)
{
	bool may_make;
	char *buffer = take_idle(pool, &may_make);

	return may_make ? make(pool) : buffer;
}

void buffer_pool_return(struct buffer_pool *pool, char *buffer)
{
	lock_take(&pool->lock);
	CHECK(pool->idle_count < pool->made_count);
	pool->idle[pool->idle_count++] = buffer;
	lock_give(&pool->lock);
}
