/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/timeline.h"

#include <string.h>

#define END_NS (TIMELINE_SLOT_NS * TIMELINE_SLOTS)

static uint64_t total_of(const struct timeline *timeline)
{
	uint64_t total = 0;

	for (size_t i = 0; i < TIMELINE_SLOTS; i++)
		total += timeline->slots[i];
	return total;
}

static void assert_same(const struct timeline *a, const struct timeline *b)
{
	assert_int_equal(a->doublings, b->doublings);
	assert_int_equal(a->used, b->used);
	assert_memory_equal(a->slots, b->slots, sizeof a->slots);
}

static int64_t random_below(int64_t end)
{
	uint64_t bits = (uint64_t)support_random() << 32 | support_random();

	return (int64_t)(bits % (uint64_t)end);
}

static void an_empty_timeline_has_the_narrowest_slots_and_none_used(void **state)
{
	struct timeline timeline = {0};

	(void)state;
	assert_int_equal(timeline.used, 0);
	assert_true(timeline_width(&timeline) == TIMELINE_SLOT_NS);
}

static void an_event_falls_into_the_slot_of_its_time(void **state)
{
	struct timeline timeline = {0};

	(void)state;
	timeline_record(&timeline, 0);
	timeline_record(&timeline, TIMELINE_SLOT_NS - 1);
	assert_int_equal(timeline.used, 1);
	timeline_record(&timeline, TIMELINE_SLOT_NS);
	assert_int_equal(timeline.slots[0], 2);
	assert_int_equal(timeline.slots[1], 1);
	assert_int_equal(timeline.used, 2);
}

static void a_time_before_the_beginning_counts_as_0(void **state)
{
	struct timeline timeline = {0};

	(void)state;
	timeline_record(&timeline, -1);
	timeline_record(&timeline, INT64_MIN);
	assert_int_equal(timeline.slots[0], 2);
	assert_int_equal(timeline.used, 1);
}

static void the_width_doubles_only_when_the_slots_run_out(void **state)
{
	struct timeline timeline = {0};

	(void)state;
	timeline_record(&timeline, END_NS - 1);
	assert_int_equal(timeline.used, TIMELINE_SLOTS);
	assert_int_equal(timeline.doublings, 0);
	timeline_record(&timeline, END_NS);
	assert_true(timeline_width(&timeline) == 2 * TIMELINE_SLOT_NS);
	assert_int_equal(timeline.used, TIMELINE_SLOTS / 2 + 1);
	assert_int_equal(timeline.slots[TIMELINE_SLOTS / 2 - 1], 1);
	assert_int_equal(timeline.slots[TIMELINE_SLOTS / 2], 1);
}

static void doubling_adds_up_each_pair_of_slots(void **state)
{
	struct timeline timeline = {0};

	(void)state;
	for (int64_t slot = 0; slot < TIMELINE_SLOTS; slot++)
		for (int64_t i = 0; i <= slot; i++)
			timeline_record(&timeline, slot * TIMELINE_SLOT_NS);
	timeline_record(&timeline, 2 * END_NS - 1);
	for (size_t i = 0; i < TIMELINE_SLOTS / 2; i++)
		assert_int_equal(timeline.slots[i], 4 * i + 3);
	for (size_t i = TIMELINE_SLOTS / 2; i < TIMELINE_SLOTS - 1; i++)
		assert_int_equal(timeline.slots[i], 0);
	assert_int_equal(timeline.slots[TIMELINE_SLOTS - 1], 1);
}

static void an_odd_number_of_used_slots_is_rounded_up_by_doubling(void **state)
{
	struct timeline timeline = {0}, wide = {0};

	(void)state;
	timeline_record(&timeline, 2 * TIMELINE_SLOT_NS);
	wide.doublings = 1;
	timeline_merge(&timeline, &wide);
	assert_int_equal(timeline.used, 2);
	assert_int_equal(timeline.slots[1], 1);
}

static void the_latest_time_there_is_still_fits(void **state)
{
	struct timeline timeline = {0};
	int64_t last;

	(void)state;
	timeline_record(&timeline, 0);
	timeline_record(&timeline, INT64_MAX);
	assert_int_equal(total_of(&timeline), 2);
	assert_int_equal(timeline.slots[0], 1);
	last = INT64_MAX / timeline_width(&timeline);
	assert_true(last >= TIMELINE_SLOTS / 2 && last < TIMELINE_SLOTS);
	assert_int_equal(timeline.slots[last], 1);
	assert_int_equal(timeline.used, last + 1);
}

enum { EVENTS = 20000 };

/* Counts each event by a division of its own. */
static void count_plainly(struct timeline *timeline, const int64_t *events, unsigned doublings)
{
	*timeline = (struct timeline){.doublings = doublings};
	for (size_t i = 0; i < EVENTS; i++) {
		size_t slot = (size_t)(events[i] / (TIMELINE_SLOT_NS << doublings));

		timeline->slots[slot]++;
		if (timeline->used <= slot)
			timeline->used = slot + 1;
	}
}

static void events_in_any_order_are_counted_as_if_the_width_had_been_known(void **state)
{
	static const struct {
		int64_t end_ns;
		unsigned doublings;
	} rows[] = {{END_NS, 0}, {END_NS + 1, 1}, {3 * END_NS, 2}, {1000 * END_NS, 10}};

	(void)state;
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
		struct timeline timeline = {0}, plain;
		int64_t events[EVENTS];

		for (size_t i = 0; i < EVENTS; i++)
			events[i] = random_below(rows[row].end_ns);
		events[EVENTS / 2] = rows[row].end_ns - 1;
		for (size_t i = 0; i < EVENTS; i++)
			timeline_record(&timeline, events[i]);
		count_plainly(&plain, events, rows[row].doublings);
		assert_same(&timeline, &plain);
		assert_int_equal(total_of(&timeline), EVENTS);
	}
}

/* Two threads' events, one of which lasted longer, come out as if one had counted them all. */
static void check_merge(int64_t end_a_ns, int64_t end_b_ns)
{
	struct timeline all = {0}, a = {0}, b = {0}, b_before;

	for (size_t i = 0; i < EVENTS; i++) {
		bool is_a = support_random() % 2 == 0;
		int64_t at_ns = random_below(is_a ? end_a_ns : end_b_ns);

		timeline_record(&all, at_ns);
		timeline_record(is_a ? &a : &b, at_ns);
	}
	b_before = b;
	timeline_merge(&a, &b);
	assert_same(&a, &all);
	assert_same(&b, &b_before);
	assert_int_equal(total_of(&a), EVENTS);
}

static void merging_equals_recording_all_in_one(void **state)
{
	static const int64_t ends_ns[] = {
		TIMELINE_SLOT_NS, END_NS / 3, END_NS, 2 * END_NS, 5 * END_NS, 1000 * END_NS};
	size_t count = sizeof ends_ns / sizeof *ends_ns;

	(void)state;
	for (size_t i = 0; i < count * count; i++)
		check_merge(ends_ns[i / count], ends_ns[i % count]);
}

static void merging_an_empty_timeline_changes_nothing(void **state)
{
	struct timeline timeline = {0}, before, empty = {0};

	(void)state;
	timeline_record(&timeline, 3 * END_NS);
	before = timeline;
	timeline_merge(&timeline, &empty);
	assert_same(&timeline, &before);
	timeline_merge(&empty, &timeline);
	assert_same(&empty, &before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_timeline_has_the_narrowest_slots_and_none_used),
		cmocka_unit_test(an_event_falls_into_the_slot_of_its_time),
		cmocka_unit_test(a_time_before_the_beginning_counts_as_0),
		cmocka_unit_test(the_width_doubles_only_when_the_slots_run_out),
		cmocka_unit_test(doubling_adds_up_each_pair_of_slots),
		cmocka_unit_test(an_odd_number_of_used_slots_is_rounded_up_by_doubling),
		cmocka_unit_test(the_latest_time_there_is_still_fits),
		cmocka_unit_test(events_in_any_order_are_counted_as_if_the_width_had_been_known),
		cmocka_unit_test(merging_equals_recording_all_in_one),
		cmocka_unit_test(merging_an_empty_timeline_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
