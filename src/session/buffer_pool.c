/* SPDX-License-Identifier: MIT */
#include "yodel/session/buffer_pool.h"

#include "yodel/base/check.h"

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

static char *make(struct buffer_pool *pool) REQUIRES(pool->lock)
{
	if (pool->made_count == BUFFER_POOL_MAX)
		return NULL;
	char *buffer = malloc(BUFFER_POOL_BUFFER_BYTES);
	if (buffer != NULL)
		pool->made_count++;
	return buffer;
}

char *buffer_pool_borrow(struct buffer_pool *pool)
{
	lock_take(&pool->lock);
	char *buffer = pool->idle_count > 0 ? pool->idle[--pool->idle_count] : make(pool);
	lock_give(&pool->lock);
	return buffer;
}

void buffer_pool_return(struct buffer_pool *pool, char *buffer)
{
	lock_take(&pool->lock);
	CHECK(pool->idle_count < pool->made_count);
	pool->idle[pool->idle_count++] = buffer;
	lock_give(&pool->lock);
}
