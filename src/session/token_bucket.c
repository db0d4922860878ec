/* SPDX-License-Identifier: MIT */
#include "yodel/session/token_bucket.h"

static int64_t capacity_of(const struct token_bucket *bucket)
{
	return bucket->rate.count * bucket->rate.period_ms;
}

void token_bucket_init(struct token_bucket *bucket, struct rate rate, int64_t now_ms)
{
	*bucket = (struct token_bucket){.rate = rate, .then_ms = now_ms};
	bucket->level = capacity_of(bucket);
}

static void fill(struct token_bucket *bucket, int64_t now_ms)
{
	int64_t passed_ms = now_ms - bucket->then_ms;

	bucket->then_ms = now_ms;
	if (passed_ms >= bucket->rate.period_ms ||
		bucket->level + passed_ms * bucket->rate.count > capacity_of(bucket))
		bucket->level = capacity_of(bucket);
	else
		bucket->level += passed_ms * bucket->rate.count;
}

bool token_bucket_has(struct token_bucket *bucket, int64_t now_ms)
{
	if (bucket->rate.count == 0)
		return true;
	fill(bucket, now_ms);
	return bucket->level >= bucket->rate.period_ms;
}

bool token_bucket_is_full(struct token_bucket *bucket, int64_t now_ms)
{
	fill(bucket, now_ms);
	return bucket->level == capacity_of(bucket);
}

void token_bucket_take(struct token_bucket *bucket)
{
	if (bucket->rate.count != 0)
		bucket->level -= bucket->rate.period_ms;
}

void token_bucket_return(struct token_bucket *bucket)
{
	if (bucket->rate.count != 0)
		bucket->level += bucket->rate.period_ms;
}
