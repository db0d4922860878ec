/* SPDX-License-Identifier: MIT */
/*
 * Where a peer stands in a table: a hash of its prefix, keyed with random bytes, so that nobody can
 * choose addresses that collide. Owns nothing. Threads: any.
 */
#ifndef YODEL_SESSION_PEER_HASH_H
#define YODEL_SESSION_PEER_HASH_H

#include "yodel/transport/address.h"

#include <stdint.h>

/*
 * A seed for one table.
 *   table   its address, which has to do where there are no random bytes, as in early boot
 */
uint64_t peer_hash_seed(const void *table);

/* The hash of a prefix; all of its bits are as good as random. */
uint64_t peer_hash(uint64_t seed, const struct address_prefix *prefix);

#endif
