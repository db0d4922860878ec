/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/config/assignment.h"

#include <stdio.h>
#include <string.h>

static void add(struct assignments *assignments, int listener, bool is_from_command_line,
	const char *path, const char *text)
{
	char path_copy[64], text_copy[64], origin[16] = "o";
	struct assignment item = {
		.path = path_copy,
		.listener = listener,
		.kind = VALUE_WORD,
		.text = text_copy,
		.origin = origin,
		.is_from_command_line = is_from_command_line,
	};

	snprintf(path_copy, sizeof path_copy, "%s", path);
	snprintf(text_copy, sizeof text_copy, "%s", text);
	assignments_add(assignments, &item);
	memset(path_copy, '#', sizeof path_copy - 1); /* it must have been copied */
	memset(text_copy, '#', sizeof text_copy - 1);
}

static const char *decided(const struct assignments *assignments, int listener, bool may_be_at_top)
{
	const struct assignment *item = assignments_decide(
		assignments, "port", listener, may_be_at_top);

	return item != NULL ? item->text : NULL;
}

static void nothing_decides_where_nothing_is_said(void **state)
{
	struct assignments assignments = {.count = 0};

	(void)state;
	assert_null(decided(&assignments, SCOPE_TOP, true));
	add(&assignments, SCOPE_TOP, false, "ports", "1");
	add(&assignments, SCOPE_TOP, false, "por", "2");
	add(&assignments, 1, false, "port", "3");
	assert_null(decided(&assignments, SCOPE_TOP, true));
	assert_null(decided(&assignments, 0, true));
	assignments_fini(&assignments);
	assignments_fini(&assignments);
}

/* Every order in which the four kinds of an assignment can come. */
static void precedence_does_not_depend_on_the_order(void **state)
{
	static const struct {
		int listener;
		bool is_from_command_line;
		const char *text;
	} kinds[] = {
		{SCOPE_TOP, false, "file top"},
		{0, false, "file own"},
		{SCOPE_TOP, true, "line top"},
		{0, true, "line own"},
	};

	(void)state;
	for (int order = 0; order < 256; order++) {
		struct assignments assignments = {.count = 0};
		int best = -1, best_top = -1;

		for (int i = 0; i < 4; i++) {
			int kind = order >> 2 * i & 3;

			add(&assignments, kinds[kind].listener, kinds[kind].is_from_command_line,
				"port", kinds[kind].text);
			best = kind > best ? kind : best;
			if (kinds[kind].listener == SCOPE_TOP && kind > best_top)
				best_top = kind;
		}
		assert_string_equal(decided(&assignments, 0, true), kinds[best].text);
		if (best_top >= 0)
			assert_string_equal(
				decided(&assignments, SCOPE_TOP, true), kinds[best_top].text);
		else
			assert_null(decided(&assignments, SCOPE_TOP, true));
		assignments_fini(&assignments);
	}
}

static void a_weak_one_yields_to_any_other_wherever_it_stands(void **state)
{
	const struct assignment weak = {.path = "port",
		.listener = SCOPE_TOP,
		.text = "weak",
		.origin = "",
		.is_from_command_line = true,
		.is_weak = true};
	struct assignments assignments = {.count = 0};

	(void)state;
	assignments_add(&assignments, &weak);
	assert_string_equal(decided(&assignments, SCOPE_TOP, true), "weak");
	add(&assignments, SCOPE_TOP, false, "port", "file");
	assignments_add(&assignments, &weak);
	assert_string_equal(decided(&assignments, SCOPE_TOP, true), "file");
	assert_string_equal(decided(&assignments, 0, true), "file");
	assignments_fini(&assignments);
}

static void the_last_of_equals_decides(void **state)
{
	struct assignments assignments = {.count = 0};

	(void)state;
	add(&assignments, 0, true, "port", "1");
	add(&assignments, 0, true, "port", "2");
	add(&assignments, 0, true, "host", "3");
	assert_string_equal(decided(&assignments, 0, true), "2");
	assignments_fini(&assignments);
}

static void the_top_counts_for_a_listener_only_where_it_may(void **state)
{
	struct assignments assignments = {.count = 0};

	(void)state;
	add(&assignments, SCOPE_TOP, true, "port", "top");
	assert_string_equal(decided(&assignments, 0, true), "top");
	assert_null(decided(&assignments, 0, false));
	add(&assignments, 0, false, "port", "own");
	assert_string_equal(decided(&assignments, 0, false), "own");
	assert_string_equal(decided(&assignments, 0, true), "top");
	assignments_fini(&assignments);
}

static void append_adds_behind_and_keeps_the_larger_listener_count(void **state)
{
	struct assignments first = {.count = 0}, second = {.count = 0};

	(void)state;
	add(&first, SCOPE_TOP, false, "port", "1");
	first.listener_count = 3;
	add(&second, SCOPE_TOP, false, "port", "2");
	second.listener_count = 1;
	assignments_append(&first, &second);
	assert_int_equal(first.count, 2);
	assert_int_equal(first.listener_count, 3);
	second.listener_count = 5;
	assignments_append(&first, &second);
	assert_int_equal(first.listener_count, 5);
	assignments_fini(&second);
	assert_string_equal(decided(&first, SCOPE_TOP, true), "2");
	assignments_fini(&first);
}

static void drop_listeners_keeps_the_top_in_its_order(void **state)
{
	struct assignments assignments = {.count = 0};

	(void)state;
	add(&assignments, 0, false, "port", "a");
	add(&assignments, SCOPE_TOP, false, "port", "b");
	add(&assignments, 1, false, "port", "c");
	add(&assignments, SCOPE_TOP, false, "host", "d");
	assignments.listener_count = 2;
	assignments_drop_listeners(&assignments);
	assert_int_equal(assignments.count, 2);
	assert_int_equal(assignments.listener_count, 0);
	assert_string_equal(assignments.items[0].text, "b");
	assert_string_equal(assignments.items[1].text, "d");
	assignments_fini(&assignments);
}

static void what_a_group_holds_is_walked_to_its_end(void **state)
{
	struct assignments assignments = {.count = 0};

	(void)state;
	add(&assignments, 0, false, "list", "2");
	add(&assignments, 0, false, "list.[0]", "");
	add(&assignments, 0, false, "list.[0].key", "a");
	add(&assignments, 0, false, "list.[1]", "");
	add(&assignments, 0, false, "lists", "b");
	const struct assignment *list = assignments.items, *item = list;
	for (int i = 1; i <= 3; i++) {
		item = assignments_next(&assignments, list, item);
		assert_ptr_equal(item, list + i);
	}
	assert_null(assignments_next(&assignments, list, item));
	assert_ptr_equal(assignments_next(&assignments, list + 1, list + 1), list + 2);
	assert_null(assignments_next(&assignments, list + 1, list + 2));
	assert_null(assignments_next(&assignments, list + 4, list + 4));
	assignments_fini(&assignments);
}

static void nothing_of_the_command_line_or_another_listener_is_inside(void **state)
{
	struct assignments assignments = {.count = 0};

	(void)state;
	add(&assignments, 0, false, "list", "1");
	add(&assignments, 0, true, "list.[0]", "a");
	add(&assignments, 1, false, "list.[0]", "b");
	const struct assignment *list = assignments.items;
	assert_false(assignment_is_inside(list + 1, list));
	assert_false(assignment_is_inside(list + 2, list));
	assert_false(assignment_is_inside(list, list));
	assert_null(assignments_next(&assignments, list, list));
	assignments_fini(&assignments);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_decides_where_nothing_is_said),
		cmocka_unit_test(precedence_does_not_depend_on_the_order),
		cmocka_unit_test(a_weak_one_yields_to_any_other_wherever_it_stands),
		cmocka_unit_test(the_last_of_equals_decides),
		cmocka_unit_test(the_top_counts_for_a_listener_only_where_it_may),
		cmocka_unit_test(append_adds_behind_and_keeps_the_larger_listener_count),
		cmocka_unit_test(drop_listeners_keeps_the_top_in_its_order),
		cmocka_unit_test(what_a_group_holds_is_walked_to_its_end),
		cmocka_unit_test(nothing_of_the_command_line_or_another_listener_is_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
