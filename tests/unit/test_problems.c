/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/config/problems.h"

#include <string.h>

static void there_are_none_at_first(void **state)
{
	struct problems problems;

	(void)state;
	problems_init(&problems);
	assert_int_equal(problems.count, 0);
	assert_string_equal(problems_text(&problems), "");
	problems_fini(&problems);
}

static void each_is_a_line_with_origin_and_path(void **state)
{
	struct problems problems;

	(void)state;
	problems_init(&problems);
	problems_add(&problems, "a.conf:3", "port", "expected %s, got %d", "a port", 99999);
	assert_string_equal(
		problems_text(&problems), "a.conf:3: port: expected a port, got 99999\n");
	problems_add(&problems, "-o", NULL, "nothing");
	assert_string_equal(problems_text(&problems),
		"a.conf:3: port: expected a port, got 99999\n-o: nothing\n");
	assert_int_equal(problems.count, 2);
	problems_fini(&problems);
}

static void there_is_room_for_many(void **state)
{
	struct problems problems;
	char path[300];

	(void)state;
	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	problems_init(&problems);
	for (int i = 0; i < 1000; i++)
		problems_add(&problems, "o", path, "%d", i);
	assert_int_equal(problems.count, 1000);
	const char *text = problems_text(&problems);
	assert_non_null(strstr(text, "p: 999\n"));
	assert_int_equal(strlen(text), 1000 * (3 + 299 + 2 + 1) + 10 + 180 + 2700);
	problems_fini(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_are_none_at_first),
		cmocka_unit_test(each_is_a_line_with_origin_and_path),
		cmocka_unit_test(there_is_room_for_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
