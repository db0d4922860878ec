/* SPDX-License-Identifier: MIT */
#include "yodel/session/peer_hash.h"

#include <string.h>
#include <sys/random.h>

uint64_t peer_hash_seed(const void *table)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
		seed = (uint64_t)(uintptr_t)table;
	return seed;
}

/* splitmix64's finalizer: every bit of the input moves every bit of the output. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

uint64_t peer_hash(uint64_t seed, const struct address_prefix *prefix)
{
	uint64_t words[2];
	uint64_t hash = mix(seed ^ (uint64_t)prefix->bytes[0] << 32);

	memcpy(words, prefix->bytes + 1, sizeof words);
	hash = mix(hash ^ words[0]);
	return mix(hash ^ words[1]);
}
