/* SPDX-License-Identifier: MIT */
/*
 * A rate limit: a bucket that holds one period's worth of tokens and fills steadily.
 * The caller owns the storage and guards it. Threads: as the owner's.
 * Source: "token bucket", RFC 2697 3.
 */
#ifndef YODEL_SESSION_TOKEN_BUCKET_H
#define YODEL_SESSION_TOKEN_BUCKET_H

#include "yodel/base/parse.h"

#include <stdbool.h>
#include <stdint.h>

struct token_bucket {
	struct rate rate;
	int64_t level;   /* tokens times period_ms, so that whole numbers are exact */
	int64_t then_ms; /* when level was right */
};

/* Makes a full bucket; a rate with count 0 never runs dry. now_ms: clock_monotonic_ms. */
void token_bucket_init(struct token_bucket *bucket, struct rate rate, int64_t now_ms);

/* Whether there is a token now; takes none. */
bool token_bucket_has(struct token_bucket *bucket, int64_t now_ms);

/* Whether there are as many as there can be: the same as after token_bucket_init. */
bool token_bucket_is_full(struct token_bucket *bucket, int64_t now_ms);

/* Takes a token that token_bucket_has found. */
void token_bucket_take(struct token_bucket *bucket);

/* Puts a token back that was taken for nothing. */
void token_bucket_return(struct token_bucket *bucket);

#endif
