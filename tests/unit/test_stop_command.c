/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/stop_command.h"

#include <string.h>

/* Feeds the pieces one after the other, NULL at the end; returns which was the command, or -1. */
static int feed(const char *text, const char *const *pieces)
{
	struct stop_command command = {.matched = 0};

	for (int i = 0; pieces[i] != NULL; i++)
		if (stop_command_feed(&command, text, pieces[i], strlen(pieces[i]), true))
			return i;
	return -1;
}

#define FEED(text, ...) feed(text, (const char *const[]){__VA_ARGS__, NULL})

static void a_line_is_the_command(void **state)
{
	(void)state;
	assert_int_equal(FEED("stop", "stop\n"), 0);
	assert_int_equal(FEED("stop", "stop\r\n"), 0);
	assert_int_equal(FEED("stop now", "stop now\n"), 0);
	assert_int_equal(FEED("stop", "hello\nstop\nhello\n"), 0);
}

static void a_command_without_a_line_end_is_one(void **state)
{
	(void)state;
	assert_int_equal(FEED("stop", "stop"), 0);
	assert_int_equal(FEED("stop", "hello\n", "and\nstop"), 1);
}

static void a_command_may_come_in_pieces(void **state)
{
	(void)state;
	assert_int_equal(FEED("stop", "s", "t", "o", "p"), 3);
	assert_int_equal(FEED("stop", "hello\nst", "op\r", "\n"), 1);
}

static void other_lines_are_none(void **state)
{
	(void)state;
	assert_int_equal(FEED("stop", "stopped\n", "nonstop\n", " stop\n", "Stop\n", "\n"), -1);
	assert_int_equal(FEED("stop", "sto", "\n", "p\n"), -1);
	assert_int_equal(FEED("stop", "stst", "op\n"), -1);
	assert_int_equal(FEED("stop", "full ", "stop", "\n"), -1);
	assert_int_equal(FEED("stop", "st\rop\n"), -1);
}

static void the_line_after_another_is_looked_at_afresh(void **state)
{
	(void)state;
	assert_int_equal(FEED("stop", "stopped", "\nstop", "\n"), 1);
	assert_int_equal(FEED("stop", "x", "\n", "stop\n"), 2);
}

static void where_more_has_come_a_line_goes_on(void **state)
{
	struct stop_command command = {.matched = 0};

	(void)state;
	assert_false(stop_command_feed(&command, "stop", "stop", 4, false));
	assert_false(stop_command_feed(&command, "stop", "ping\n", 5, true));
	assert_false(stop_command_feed(&command, "stop", "stop", 4, false));
	assert_true(stop_command_feed(&command, "stop", "\n", 1, false));
}

static void a_nul_byte_matches_nothing(void **state)
{
	struct stop_command command = {.matched = 0};

	(void)state;
	assert_false(stop_command_feed(&command, "stop", "stop\0", 5, true));
	assert_false(stop_command_feed(&command, "stop", "\0\0\0", 3, true));
	assert_true(stop_command_feed(&command, "stop", "\nstop", 5, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_the_command),
		cmocka_unit_test(a_command_without_a_line_end_is_one),
		cmocka_unit_test(a_command_may_come_in_pieces),
		cmocka_unit_test(other_lines_are_none),
		cmocka_unit_test(the_line_after_another_is_looked_at_afresh),
		cmocka_unit_test(where_more_has_come_a_line_goes_on),
		cmocka_unit_test(a_nul_byte_matches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
