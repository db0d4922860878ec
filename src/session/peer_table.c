/* SPDX-License-Identifier: MIT */
#include "yodel/session/peer_table.h"

#include "yodel/base/check.h"
#include "yodel/session/peer_hash.h"

#include <stdlib.h>
#include <string.h>

struct peer_entry {
	struct peer_key key;
	int32_t count; /* 0: the place is free */
};

int peer_table_init(struct peer_table *table, size_t max_keys)
{
	*table = (struct peer_table){.capacity = 16};
	while (table->capacity < max_keys * 2)
		table->capacity *= 2;
	table->entries = calloc(table->capacity, sizeof *table->entries);
	if (table->entries == NULL)
		return -1;
	table->seed = peer_hash_seed(table->entries);
	return 0;
}

void peer_table_fini(struct peer_table *table)
{
	free(table->entries);
	*table = (struct peer_table){.entries = NULL};
}

static bool is_same(const struct peer_key *one, const struct peer_key *other)
{
	return one->listener == other->listener &&
	       memcmp(&one->prefix, &other->prefix, sizeof one->prefix) == 0;
}

static size_t home_of(const struct peer_table *table, const struct peer_key *key)
{
	uint64_t hash = peer_hash(table->seed ^ (uint32_t)key->listener, &key->prefix);

	return (size_t)hash & (table->capacity - 1);
}

/* The place of key, or the free place where it would go. */
static size_t find(const struct peer_table *table, const struct peer_key *key)
{
	size_t at = home_of(table, key);

	while (table->entries[at].count != 0 && !is_same(&table->entries[at].key, key))
		at = (at + 1) & (table->capacity - 1);
	return at;
}

int64_t peer_table_count(const struct peer_table *table, const struct peer_key *key)
{
	return table->entries[find(table, key)].count;
}

void peer_table_add(struct peer_table *table, const struct peer_key *key)
{
	struct peer_entry *entry = &table->entries[find(table, key)];

	entry->key = *key;
	entry->count++;
}

/* Closes the gap at `gap`, so that no search stops short of an entry behind it. */
static void close_gap(struct peer_table *table, size_t gap)
{
	size_t mask = table->capacity - 1;

	for (size_t at = (gap + 1) & mask; table->entries[at].count != 0; at = (at + 1) & mask) {
		size_t home = home_of(table, &table->entries[at].key);

		if (((at - home) & mask) < ((at - gap) & mask))
			continue;
		table->entries[gap] = table->entries[at];
		gap = at;
	}
	table->entries[gap].count = 0;
}

void peer_table_remove(struct peer_table *table, const struct peer_key *key)
{
	size_t at = find(table, key);

	CHECK(table->entries[at].count > 0);
	if (--table->entries[at].count == 0)
		close_gap(table, at);
}
