/* SPDX-License-Identifier: MIT */
#include "yodel/session/peer_table.h"

#include "yodel/base/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
	/* Without random bytes, as in early boot, the address of the table has to do. */
	if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) != sizeof table->seed)
		table->seed = (uint64_t)(uintptr_t)table->entries;
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

/* splitmix64's finalizer: every bit of the input moves every bit of the output. */
static uint64_t mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

static size_t home_of(const struct peer_table *table, const struct peer_key *key)
{
	uint64_t words[2];
	uint64_t hash = mix(
		table->seed ^ (uint32_t)key->listener ^ (uint64_t)key->prefix.bytes[0] << 32);

	memcpy(words, key->prefix.bytes + 1, sizeof words);
	hash = mix(hash ^ words[0]);
	hash = mix(hash ^ words[1]);
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
