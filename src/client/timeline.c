/* SPDX-License-Identifier: MIT */
#include "yodel/client/timeline.h"

#include <string.h>

static void double_width(struct timeline *timeline)
{
	uint64_t *slots = timeline->slots;

	for (size_t i = 0; i < TIMELINE_SLOTS / 2; i++)
		slots[i] = slots[2 * i] + slots[2 * i + 1];
	memset(slots + TIMELINE_SLOTS / 2, 0, TIMELINE_SLOTS / 2 * sizeof *slots);
	timeline->used = (timeline->used + 1) / 2;
	timeline->doublings++;
}

static void add(struct timeline *timeline, size_t slot, uint64_t count)
{
	timeline->slots[slot] += count;
	if (slot >= timeline->used)
		timeline->used = slot + 1;
}

void timeline_record(struct timeline *timeline, int64_t at_ns)
{
	/* The division is by a constant, and the shift does the rest: both are cheap. */
	uint64_t narrow = (uint64_t)(at_ns < 0 ? 0 : at_ns) / (uint64_t)TIMELINE_SLOT_NS;

	while (narrow >> timeline->doublings >= TIMELINE_SLOTS)
		double_width(timeline);
	add(timeline, (size_t)(narrow >> timeline->doublings), 1);
}

void timeline_merge(struct timeline *timeline, const struct timeline *more)
{
	while (timeline->doublings < more->doublings)
		double_width(timeline);
	for (size_t i = 0; i < more->used; i++)
		add(timeline, i >> (timeline->doublings - more->doublings), more->slots[i]);
}

int64_t timeline_width(const struct timeline *timeline)
{
	return TIMELINE_SLOT_NS << timeline->doublings;
}
