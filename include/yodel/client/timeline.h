/* SPDX-License-Identifier: MIT */
/*
 * How many events fell into each stretch of time: slots of equal width that double when the run
 * outlasts them, so that a run of any length fits into constant memory.
 * The caller owns the storage. Threads: one per struct; merged when all have ended.
 */
#ifndef YODEL_CLIENT_TIMELINE_H
#define YODEL_CLIENT_TIMELINE_H

#include <stddef.h>
#include <stdint.h>

/* The narrowest slot; widths are this times a power of two. */
#define TIMELINE_SLOT_NS ((int64_t)100 * 1000 * 1000)

enum { TIMELINE_SLOTS = 512 };

/* All zeros is an empty timeline with the narrowest slots. */
struct timeline {
	unsigned doublings; /* the width of a slot is TIMELINE_SLOT_NS << doublings */
	size_t used;        /* slots up to the last event */
	uint64_t slots[TIMELINE_SLOTS];
};

/*
 * Counts an event.
 *   at_ns   since the beginning of the run; below 0 counts as 0
 */
void timeline_record(struct timeline *timeline, int64_t at_ns);

/* Adds all of more; the result has the wider slots of both. */
void timeline_merge(struct timeline *timeline, const struct timeline *more);

/* The width of a slot in ns. */
int64_t timeline_width(const struct timeline *timeline);

#endif
