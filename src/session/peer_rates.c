/* SPDX-License-Identifier: MIT */
#include "yodel/session/peer_rates.h"

#include "yodel/session/peer_hash.h"
#include "yodel/session/token_bucket.h"

#include <stdlib.h>
#include <string.h>

struct peer_rate {
	struct address_prefix peer;
	bool is_taken;
	struct token_bucket bucket;
};

int peer_rates_init(struct peer_rates *rates, struct rate rate)
{
	*rates = (struct peer_rates){.rate = rate};
	if (rate.count == 0)
		return 0;
	rates->places = calloc(PEER_RATES_PLACES, sizeof *rates->places);
	rates->seed = peer_hash_seed(rates->places);
	return rates->places != NULL ? 0 : -1;
}

void peer_rates_fini(struct peer_rates *rates)
{
	free(rates->places);
	*rates = (struct peer_rates){.places = NULL};
}

static bool is_of(const struct peer_rate *place, const struct address_prefix *peer)
{
	return place->is_taken && memcmp(&place->peer, peer, sizeof *peer) == 0;
}

/* The peer's place, or one that is free or can be given away; NULL where there is none. */
static struct peer_rate *find(
	struct peer_rate *places, const struct address_prefix *peer, int64_t now_ms)
{
	struct peer_rate *free_place = NULL;

	for (size_t i = 0; i < PEER_RATES_WAYS; i++) {
		struct peer_rate *place = &places[i];

		if (is_of(place, peer))
			return place;
		if (!place->is_taken || token_bucket_is_full(&place->bucket, now_ms))
			free_place = place;
	}
	return free_place;
}

bool peer_rates_take(struct peer_rates *rates, const struct address_prefix *peer, int64_t now_ms)
{
	enum { SETS = PEER_RATES_PLACES / PEER_RATES_WAYS };

	if (rates->places == NULL)
		return true;
	size_t set = (size_t)peer_hash(rates->seed, peer) % SETS;
	struct peer_rate *place = find(rates->places + set * PEER_RATES_WAYS, peer, now_ms);
	if (place == NULL)
		return false;
	if (!is_of(place, peer)) {
		*place = (struct peer_rate){.peer = *peer, .is_taken = true};
		token_bucket_init(&place->bucket, rates->rate, now_ms);
	}
	if (!token_bucket_has(&place->bucket, now_ms))
		return false;
	token_bucket_take(&place->bucket);
	return true;
}
