/* SPDX-License-Identifier: MIT */
/*
 * Large buffers for connections that stream: borrowed while more is there than fits into a small
 * buffer on the stack, and given back as soon as it is not. A bounded number; the last one given
 * back is lent first, for it is still in the processor's cache. They are made when first needed and
 * kept. Owns the buffers. Threads: any.
 */
#ifndef YODEL_SESSION_BUFFER_POOL_H
#define YODEL_SESSION_BUFFER_POOL_H

#include "yodel/base/attributes.h"
#include "yodel/base/lock.h"

#include <stddef.h>

enum {
	BUFFER_POOL_MAX = 64,               /* buffers at once */
	BUFFER_POOL_BUFFER_BYTES = 1 << 17, /* of each */
};

struct buffer_pool {
	struct lock lock;
	/* Guarded by lock. */
	char *idle[BUFFER_POOL_MAX]; /* the last one given back on top */
	size_t idle_count;
	size_t made_count;
};

/* Makes a pool without buffers. */
void buffer_pool_init(struct buffer_pool *pool);

/* Frees all buffers, which must have been given back. */
void buffer_pool_fini(struct buffer_pool *pool) EXCLUDES(pool->lock);

/* Lends a buffer of BUFFER_POOL_BUFFER_BYTES, or NULL where all are lent or memory is short. */
char *buffer_pool_borrow(struct buffer_pool *pool) EXCLUDES(pool->lock) MUST_USE;

/* Takes a buffer back. */
void buffer_pool_return(struct buffer_pool *pool, char *buffer) EXCLUDES(pool->lock);

#endif
