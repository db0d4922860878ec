/* SPDX-License-Identifier: MIT */
/*
 * How much of its stack a client's thread really touches: the accept loop runs on stacks that were
 * painted before, with a listener for each service, its log lines written and a refused client.
 */
#include "server_support.h"
#include "stack_support.h"

#include "yodel/base/log.h"
#include "yodel/service/greeting.h"
#include "yodel/service/service.h"
#include "yodel/transport/frame.h"
#include "yodel/transport/peer_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GREETING_FIELDS = 500 };

/*
 * One request that is answered, and one that is refused by the parser at the end of its way: nested as
 * deeply as may be, with a number of many digits and a name of many letters twice.
 */
static void ask(int client)
{
	char content[1024] = "{\"action\": \"search\", \"value\": \"x\", \"deep\":";
	size_t length;

	for (int i = 1; i < PEER_JSON_DEPTH_MAX; i++)
		append_text(content, sizeof content, "[");
	append_text(content, sizeof content, "-123456789.01234567890123456789e-300");
	for (int i = 1; i < PEER_JSON_DEPTH_MAX; i++)
		append_text(content, sizeof content, "]");
	for (int i = 0; i < 2; i++) {
		append_text(content, sizeof content, i == 0 ? "}" : ",\"action\":\"\"}");
		char *message = frame_encode(FRAME_TEXT, content, strlen(content), &length);

		assert_non_null(message);
		send_all(client, message, length);
		free(message);
		content[strlen(content) - 1] = '\0';
	}
}

/* The operator of service talk fills the room for answers and ends the conversation. */
static void answer(struct hub *hub)
{
	static struct hub_message message;
	int operator_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(hub_attach(hub, operator_fd));
	while (!hub_take(hub, &message)) {
		assert_true(wait_readable(operator_fd, SUPPORT_PATIENCE_MS));
		(void)!eventfd_read(operator_fd, &(eventfd_t){0});
	}
	assert_int_equal(message.length, HUB_TEXT_BYTES);
	assert_int_equal(hub_say(hub, message.number, message.text, HUB_TEXT_BYTES), HUB_SAID);
	assert_int_equal(hub_say(hub, message.number, message.text, HUB_TEXT_BYTES - 3), HUB_SAID);
	assert_int_equal(hub_say(hub, message.number, "bye", 3), HUB_SAID);
	hub_detach(hub);
	close(operator_fd);
}

/* What a client does to make the service go everywhere it can. */
static void talk(struct running *running, int client, const char *service)
{
	char bytes[4096];
	int end;

	memset(bytes, 'x', sizeof bytes);
	if (strcmp(service, "message") == 0)
		ask(client);
	else
		send_all(client, bytes, sizeof bytes);
	if (strcmp(service, "chargen") == 0) {
		for (int i = 0; i < 100; i++)
			(void)receive(client, bytes, sizeof bytes, &end);
		close_with_reset(client);
		return;
	}
	if (strcmp(service, "talk") == 0)
		answer(&running->hub); /* a client that has ended its stream waits for one only */
	shutdown(client, SHUT_WR);
	while (receive(client, bytes, sizeof bytes, &end) == sizeof bytes)
		continue;
	close(client);
}

/* A listener with a long name, a time for everything, and a text for whom it refuses. */
static struct config *config_for(const char *service)
{
	char service_word[64], greeting[16 + 7 * GREETING_FIELDS] = "-otext=", refusal[600];

	snprintf(service_word, sizeof service_word, "-oservice=%s", service);
	for (size_t i = 0; i < GREETING_FIELDS; i++)
		memcpy(greeting + 7 + 7 * i, "${peer}", sizeof "${peer}");
	snprintf(refusal, sizeof refusal, "-olimits.refuse_text=%0512d", 0);
	return CONFIG(service_word,
		strcmp(service, "greet") == 0     ? greeting
		: strcmp(service, "message") == 0 ? "-okeep=true"
						  : "-oport=0",
		refusal, "-oport=0", "-oname=listener-with-a-32-character-nam",
		"-olimits.max_connections=1", "-otimeouts.idle=10s", "-otimeouts.lifetime=10s",
		"-otimeouts.first_byte=10s", "-otimeouts.linger=1s");
}

/* Returns the most bytes of a stack that were written to. */
static size_t measure(const char *service)
{
	struct running running;

	stack_paint();
	running_start(&running, config_for(service));
	int client = running_connect(&running, 0), refused = running_connect(&running, 0);
	char byte;
	int end;
	assert_int_equal(receive(refused, &byte, 1, &end), 1);
	close(refused);
	talk(&running, client, service);
	running_stop(&running);
	return stack_touched();
}

/* daytime and time end at once, so that their second client may be served instead of refused. */
static void a_client_needs_less_than_half_of_its_stack(void **state)
{
	static const char *const services[] = {
		"daytime", "echo", "greet", "discard", "chargen", "time", "message", "talk"};
	size_t most = 0;

	(void)state;
	if (support_is_under_valgrind())
		skip();
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		log_configure(LOG_LEVEL_DEBUG, (enum log_format)format);
		for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
			size_t bytes = measure(services[i]);

			print_message("%-8s %s: %6zu of %zu bytes of stack\n", services[i],
				log_format_names[format], bytes, stack_default());
			most = bytes > most ? bytes : most;
		}
	}
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	assert_true(most > GREETING_MAX_BYTES); /* else nothing was measured */
	if (!SUPPORT_IS_SANITIZED)
		assert_true(most < stack_default() / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_needs_less_than_half_of_its_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
