/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/service/greeting.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char listener_name[] = "door";
static const struct listener_settings listener = {.name = listener_name};

static struct connection some_connection(void)
{
	struct connection connection = {.listener = &listener, .open_at_accept = 42};

	connection.peer.length = sizeof connection.peer.v4;
	connection.peer.v4.sin_family = AF_INET;
	connection.peer.v4.sin_port = htons(4711);
	connection.peer.v4.sin_addr.s_addr = htonl(0xc0000207);
	return connection;
}

static void expect_filled(const char *text, const char *expected, size_t length)
{
	struct connection connection = some_connection();
	char filled[GREETING_MAX_BYTES], why[OPTION_WHY_BYTES];

	assert_true(greeting_check(text, why));
	assert_int_equal(greeting_fill(text, &connection, filled), length);
	assert_memory_equal(filled, expected, length);
}

static void plain_text_stays_as_it_is(void **state)
{
	(void)state;
	expect_filled("Hello, Client!", "Hello, Client!", 14);
	expect_filled("", "", 0);
	expect_filled("$ { } $$ $x {peer} \xff", "$ { } $$ $x {peer} \xff", 20);
}

static void fields_are_filled_in(void **state)
{
	(void)state;
	expect_filled("${peer}", "192.0.2.7:4711", 14);
	expect_filled("${listener}", "door", 4);
	expect_filled("${connections}", "42", 2);
	expect_filled("<${listener}${connections}>${peer}\\n", "<door42>192.0.2.7:4711\n", 23);
}

static void the_time_is_rfc_3339(void **state)
{
	static const char pattern[] = "[0000-00-00T00:00:00.000Z]";
	struct connection connection = some_connection();
	char filled[GREETING_MAX_BYTES];

	(void)state;
	assert_int_equal(greeting_fill("[${time}]", &connection, filled), sizeof pattern - 1);
	for (size_t i = 0; i < sizeof pattern - 1; i++)
		assert_true(pattern[i] == '0' ? isdigit((unsigned char)filled[i])
					      : filled[i] == pattern[i]);
}

static void escapes_stand_for_their_bytes(void **state)
{
	(void)state;
	expect_filled("a\\r\\n", "a\r\n", 3);
	expect_filled("\\\\n \\\" \\x41\\102 \\377", "\\n \" AB \xff", 9);
	expect_filled("\\${peer}", "${peer}", 7);
}

static void nul_bytes_are_bytes_like_others(void **state)
{
	(void)state;
	expect_filled("a\\0b\\x00\\000c", "a\0b\0\0c", 6);
}

static void bad_greetings_are_refused(void **state)
{
	static const char *const texts[] = {"${", "${}", "${peer", "${Peer}", "${peer }",
		"${nonsense}", "x${time}${", "\\", "x\\", "\\q", "\\x4", "\\400", "\\$\\{"};
	char why[OPTION_WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (greeting_check(texts[i], why))
			fail_msg("%s was accepted", texts[i]);
		assert_non_null(strstr(why, "${connections}"));
	}
}

static void the_text_has_a_limit(void **state)
{
	char text[GREETING_TEXT_MAX_BYTES + 2], why[OPTION_WHY_BYTES];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[GREETING_TEXT_MAX_BYTES + 1] = '\0';
	assert_false(greeting_check(text, why));
	assert_non_null(strstr(why, "at most 4096 bytes"));
	text[GREETING_TEXT_MAX_BYTES] = '\0';
	assert_true(greeting_check(text, why));
}

/* With every number of bytes in front, so that the last field just fits, or just does not. */
static void a_greeting_that_grows_too_long_is_cut_before_a_field(void **state)
{
	struct connection connection = some_connection();
	char peer[ADDRESS_TEXT_BYTES], *filled = malloc(GREETING_MAX_BYTES); /* its exact size */

	(void)state;
	assert_non_null(filled);
	memset(&connection.peer.v6, 0xff, sizeof connection.peer.v6);
	connection.peer.v6.sin6_family = AF_INET6;
	address_format(&connection.peer, peer);
	for (size_t lead = 0; lead < strlen(peer); lead++) {
		char text[GREETING_TEXT_MAX_BYTES + 1], why[OPTION_WHY_BYTES];
		size_t fields = (GREETING_TEXT_MAX_BYTES - lead) / 7;
		size_t fitting = (GREETING_MAX_BYTES - lead) / strlen(peer);

		memset(text, 'x', lead);
		for (size_t i = 0; i < fields; i++)
			memcpy(text + lead + i * 7, "${peer}", 7);
		text[lead + fields * 7] = '\0';
		assert_true(fitting < fields);
		assert_true(greeting_check(text, why));
		size_t length = greeting_fill(text, &connection, filled);
		assert_int_equal(length, lead + fitting * strlen(peer));
		assert_memory_equal(filled + length - strlen(peer), peer, strlen(peer));
	}
	free(filled);
}

static void the_default_is_a_good_greeting(void **state)
{
	char why[OPTION_WHY_BYTES];

	(void)state;
	const struct option_row *row = option_find(greet_options, "text");
	assert_non_null(row);
	assert_true(option_check(row, VALUE_STRING, row->default_value, why));
	assert_false(option_check(row, VALUE_STRING, "${x}", why));
	assert_string_equal(why,
		"expected at most 4096 bytes with C escapes and ${peer}, ${listener}, ${connections} or ${time}, got \"${x}\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays_as_it_is),
		cmocka_unit_test(fields_are_filled_in),
		cmocka_unit_test(the_time_is_rfc_3339),
		cmocka_unit_test(escapes_stand_for_their_bytes),
		cmocka_unit_test(nul_bytes_are_bytes_like_others),
		cmocka_unit_test(bad_greetings_are_refused),
		cmocka_unit_test(the_text_has_a_limit),
		cmocka_unit_test(a_greeting_that_grows_too_long_is_cut_before_a_field),
		cmocka_unit_test(the_default_is_a_good_greeting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
