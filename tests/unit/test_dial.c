/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/dial.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill_request(struct request *request, unsigned port, const char *source)
{
	static char port_text[8], none[] = "";

	snprintf(port_text, sizeof port_text, "%u", port);
	*request = (struct request){
		.host = "127.0.0.1",
		.port = port_text,
		.target = "the test",
		.source = strdup(source),
		.send_proxy = none,
		.timeout_ms = SUPPORT_PATIENCE_MS,
	};
	assert_non_null(request->source);
}

/* The address that a connection of that turn comes from, as text. */
static void source_of_turn(unsigned port, const char *source, uint64_t turn, char text[64])
{
	struct request request;
	struct target target;
	struct failure failure;
	struct sockaddr_in from;
	socklen_t length = sizeof from;
	int fd = -1;

	fill_request(&request, port, source);
	assert_int_equal(target_resolve(&request, request.port, &target, &failure), 0);
	assert_int_equal(dial_begin(&target, &target.addresses[0], turn, &fd), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&from, &length), 0);
	inet_ntop(AF_INET, &from.sin_addr, text, 64);
	close(fd);
	free(request.source);
}

static void sources_take_turns_within_their_bits(void **state)
{
	static const struct {
		const char *source;
		uint64_t turn;
		const char *from;
	} rows[] = {
		{"127.0.3.7", 0, "127.0.3.7"},
		{"127.0.3.7", 999, "127.0.3.7"},
		{"127.0.3.7/32", 1, "127.0.3.7"},
		{"127.0.3.0/31", 1, "127.0.3.1"},
		{"127.0.3.0/31", 2, "127.0.3.0"},
		{"127.0.3.0/24", 255, "127.0.3.255"},
		{"127.0.3.0/24", 256, "127.0.3.0"},
		{"127.1.0.0/16", 256, "127.1.1.0"},
		{"127.1.0.250/16", 10, "127.1.1.4"},
		{"127.1.255.255/16", 1, "127.1.0.0"},
		{"127.0.3.7/31", 1, "127.0.3.6"},
		{"127.0.3.6/30", 2, "127.0.3.4"},
	};
	unsigned port;
	int listener = tcp_listen(&port);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[64];

		source_of_turn(port, rows[i].source, rows[i].turn, text);
		assert_string_equal(text, rows[i].from);
	}
	close(listener);
}

static void sources_are_checked(void **state)
{
	static const char *const good[] = {"127.0.0.1", "127.0.0.1:80", "127.0.0.1/24",
		"127.0.0.1/24:80", "::1", "[::1]", "[::1]:80", "::1/120", "[::1/120]:80",
		"[::1]/120:80"};
	static const char *const bad[] = {"localhost", "127.0.0.1:", "127.0.0.1:65536",
		"127.0.0.1:-1", "127.0.0.1:http", "127.0.0.1/33", "127.0.0.1/15", "127.0.0.1/",
		"127.0.0.1/x", "::1/111", "::1/129", "1.2.3.4.5", ":80", "/24", "[::1", "256.1.1.1",
		"", "[::1]x", "[::1]x:0"};
	char why[OPTION_WHY_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!dial_check_source(good[i], why))
			fail_msg("expected \"%s\" to be good", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (dial_check_source(bad[i], why))
			fail_msg("expected \"%s\" to be bad", bad[i]);
	assert_non_null(strstr(why, "ADDR[/BITS][:PORT]"));
}

static void family_of_the_source_decides_that_of_the_target(void **state)
{
	struct request request;
	struct target target;
	struct failure failure;

	(void)state;
	fill_request(&request, 7, "::1");
	assert_int_equal(target_resolve(&request, request.port, &target, &failure), -1);
	assert_int_equal(failure.kind, FAILURE_DNS);
	free(request.source);
}

static void refused_connection_is_told_with_what_to_look_at(void **state)
{
	struct request request;
	struct failure failure;
	unsigned port;
	int listener = tcp_listen(&port);

	(void)state;
	close(listener);
	fill_request(&request, port, "");
	assert_int_equal(dial_target(&request, NULL, &failure), -1);
	assert_int_equal(failure.kind, FAILURE_REFUSED);
	assert_non_null(strstr(failure.message, "cannot connect to the test: 127.0.0.1:"));
	assert_non_null(strstr(failure.message, dial_refused_hint(&request)));
	free(request.source);
}

static void the_failure_that_says_most_decides_the_word(void **state)
{
	struct request request;
	struct target target;
	struct failure failure;
	unsigned port;
	int listener = tcp_listen(&port);

	(void)state;
	close(listener);
	fill_request(&request, port, "");
	assert_int_equal(target_resolve(&request, request.port, &target, &failure), 0);
	assert_true(address_from_path("/nowhere/socket", &target.addresses[1]));
	target.count = 2;
	assert_int_equal(dial(&request, &target, NULL, &failure), -1);
	assert_int_equal(failure.kind, FAILURE_REFUSED);
	assert_non_null(strstr(failure.message, ", unix:/nowhere/socket No such file"));
	free(request.source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_take_turns_within_their_bits),
		cmocka_unit_test(sources_are_checked),
		cmocka_unit_test(family_of_the_source_decides_that_of_the_target),
		cmocka_unit_test(refused_connection_is_told_with_what_to_look_at),
		cmocka_unit_test(the_failure_that_says_most_decides_the_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
