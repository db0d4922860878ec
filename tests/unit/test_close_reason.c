/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/close_reason.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void every_reason_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		const char *word = close_reason_word((enum close_reason)i);

		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"), strlen(word));
		assert_true(strlen(word) > 2);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(word, close_reason_word((enum close_reason)j));
	}
	assert_string_equal(close_reason_word(CLOSE_CLIENT_FIN), "client_fin");
	assert_string_equal(close_reason_word(CLOSE_ERROR), "error");
	assert_int_equal(CLOSE_NONE, 0);
}

static void only_an_end_of_ours_while_the_client_listens_is_announced(void **state)
{
	(void)state;
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		bool expected = i == CLOSE_DONE || i == CLOSE_IDLE || i == CLOSE_FIRST_BYTE ||
				i == CLOSE_LIFETIME || i == CLOSE_TLS ||
				(i >= CLOSE_PROTOCOL && i <= CLOSE_ENCODING);

		assert_int_equal(close_reason_is_announced((enum close_reason)i), expected);
	}
}

static int ask_for_the_word_of(void *context)
{
	(void)close_reason_word(*(enum close_reason *)context);
	return 0;
}

static void a_number_that_is_no_reason_is_a_bug(void **state)
{
	enum close_reason reason = CLOSE_REASON_COUNT;

	(void)state;
	capture_start();
	int status = in_child(ask_for_the_word_of, &reason);
	free(capture_end());
	assert_int_equal(status, 128 + SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_word_of_its_own),
		cmocka_unit_test(only_an_end_of_ours_while_the_client_listens_is_announced),
		cmocka_unit_test(a_number_that_is_no_reason_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
