/* SPDX-License-Identifier: MIT */
/*
 * A rate limit for each peer, in a table of fixed size that never allocates after its making.
 * A peer has one of the few places that its hash allows. It keeps it until its bucket is full again,
 * for then there is nothing to remember; so nobody gets more than the rate, however many there are.
 * Where all places of a peer are taken it gets nothing until one is free.
 * The owner guards it. Threads: as the owner's.
 */
#ifndef YODEL_SESSION_PEER_RATES_H
#define YODEL_SESSION_PEER_RATES_H

#include "yodel/base/attributes.h"
#include "yodel/base/parse.h"
#include "yodel/transport/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PEER_RATES_PLACES = 8192, /* peers that are remembered at once */
	PEER_RATES_WAYS = 8,      /* of these, for each hash */
};

struct peer_rates {
	struct rate rate;
	struct peer_rate *places; /* NULL where the rate has no limit */
	uint64_t seed;
};

/* Makes an empty table; a rate with count 0 limits nobody. Returns 0, or -1 where memory is short. */
int peer_rates_init(struct peer_rates *rates, struct rate rate) MUST_USE;

/* Frees the table. */
void peer_rates_fini(struct peer_rates *rates);

/* Takes one from what a peer may have. Returns false where there is none left, or no place for it. */
bool peer_rates_take(
	struct peer_rates *rates, const struct address_prefix *peer, int64_t now_ms) MUST_USE;

#endif
