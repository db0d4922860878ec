/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/log.h"
#include "yodel/server/refusals.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STAMP = sizeof "2026-11-20T12:00:00.123Z" - 1 };

static const struct address peer = {
	.length = sizeof(struct sockaddr_in),
	.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f, .sin_port = 0x0700},
};

static void expect_log(const char *expected)
{
	char *text = capture_end();

	if (*expected == '\0')
		assert_string_equal(text, "");
	else if (strlen(text) < STAMP)
		fail_msg("nothing was logged, not \"%s\"", expected);
	else
		assert_string_equal(text + STAMP, expected);
	free(text);
}

static void the_first_refusal_is_a_line(void **state)
{
	struct refusals refusals = {0};

	(void)state;
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5000);
	expect_log(" warn refuse listener=door peer=127.0.0.1:7 reason=rate\n");
	assert_int_equal(refusals_deadline_ms(&refusals), 0);
}

static void a_refusal_for_want_of_resources_names_the_error(void **state)
{
	struct refusals refusals = {0};

	(void)state;
	capture_start();
	refusals_log(&refusals, "door", NULL, CLOSE_RESOURCES, EMFILE, 5000);
	expect_log(" warn refuse listener=door reason=resources error=\"Too many open files\"\n");
}

static void further_ones_are_counted_for_a_second_and_then_told(void **state)
{
	struct refusals refusals = {0};

	(void)state;
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5000);
	free(capture_end());
	capture_start();
	for (int i = 0; i < 41; i++)
		refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5001 + i * 24);
	refusals_flush(&refusals, 5999);
	expect_log("");
	assert_int_equal(refusals_deadline_ms(&refusals), 6000);
	capture_start();
	refusals_flush(&refusals, 6000);
	expect_log(" warn refuse reason=rate suppressed=41\n");
	assert_int_equal(refusals_deadline_ms(&refusals), 0);
	capture_start();
	refusals_flush(&refusals, 9000);
	expect_log("");
}

static void each_reason_has_a_second_of_its_own(void **state)
{
	struct refusals refusals = {0};

	(void)state;
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5000);
	free(capture_end());
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_LIMIT_PEER, 0, 5500);
	expect_log(" warn refuse listener=door peer=127.0.0.1:7 reason=limit_peer\n");
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5600);
	refusals_log(&refusals, "door", &peer, CLOSE_LIMIT_PEER, 0, 5600);
	expect_log("");
	assert_int_equal(refusals_deadline_ms(&refusals), 6000);
	capture_start();
	refusals_flush(&refusals, 6000);
	expect_log(" warn refuse reason=rate suppressed=1\n");
	assert_int_equal(refusals_deadline_ms(&refusals), 6500);
	capture_start();
	refusals_flush(&refusals, 6500);
	expect_log(" warn refuse reason=limit_peer suppressed=1\n");
}

static void after_a_quiet_second_a_refusal_is_a_line_again(void **state)
{
	struct refusals refusals = {0};

	(void)state;
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5000);
	free(capture_end());
	capture_start();
	refusals_log(&refusals, "wall", &peer, CLOSE_RATE, 0, 6000);
	expect_log(" warn refuse listener=wall peer=127.0.0.1:7 reason=rate\n");
}

/* What was counted is never lost, also where nobody flushed in time. */
static void a_late_refusal_brings_the_count_before_it_along(void **state)
{
	struct refusals refusals = {0};

	(void)state;
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5000);
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 5001);
	free(capture_end());
	capture_start();
	refusals_log(&refusals, "door", &peer, CLOSE_RATE, 0, 9000);
	expect_log(" warn refuse listener=door peer=127.0.0.1:7 reason=rate suppressed=1\n");
	assert_int_equal(refusals_deadline_ms(&refusals), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_refusal_is_a_line),
		cmocka_unit_test(a_refusal_for_want_of_resources_names_the_error),
		cmocka_unit_test(further_ones_are_counted_for_a_second_and_then_told),
		cmocka_unit_test(each_reason_has_a_second_of_its_own),
		cmocka_unit_test(after_a_quiet_second_a_refusal_is_a_line_again),
		cmocka_unit_test(a_late_refusal_brings_the_count_before_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
