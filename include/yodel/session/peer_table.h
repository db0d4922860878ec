/* SPDX-License-Identifier: MIT */
/*
 * Counts connections per peer: a hash table of fixed size that never allocates after its making.
 * The owner guards it. Threads: as the owner's. Source: open addressing with linear probing and
 * backward-shift deletion (Knuth, TAOCP 6.4, algorithm R).
 */
#ifndef YODEL_SESSION_PEER_TABLE_H
#define YODEL_SESSION_PEER_TABLE_H

#include "yodel/transport/address.h"

#include <stddef.h>
#include <stdint.h>

/* What is counted: a peer on one listener, or on all. */
struct peer_key {
	struct address_prefix prefix;
	int32_t listener; /* index, or -1 for all */
};

struct peer_table {
	struct peer_entry *entries;
	size_t capacity; /* a power of two */
	uint64_t seed;
};

/* Makes a table for at most max_keys different keys at once. Returns 0, or -1 where memory is
 * short. */
int peer_table_init(struct peer_table *table, size_t max_keys) MUST_USE;

/* Frees the table. */
void peer_table_fini(struct peer_table *table);

/* How many connections key has, 0 for an unknown one. */
int64_t peer_table_count(const struct peer_table *table, const struct peer_key *key);

/* Counts one connection more. */
void peer_table_add(struct peer_table *table, const struct peer_key *key);

/* Counts one connection less; key must have one. */
void peer_table_remove(struct peer_table *table, const struct peer_key *key);

#endif
