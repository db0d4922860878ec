/* SPDX-License-Identifier: MIT */
/* The accept loop and its threads, with real clients. */
#include "server_support.h"

#include "yodel/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);

static atomic_int threads_until_failure = -1; /* -1: none fails */
static atomic_int threads_made;

int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	if (threads_until_failure == 0)
		return EAGAIN;
	if (threads_until_failure > 0)
		threads_until_failure--;
	threads_made++;
	return __real_pthread_create(thread, attributes, start, argument);
}

static int set_up(void **state)
{
	(void)state;
	threads_until_failure = -1;
	threads_made = 0;
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	return 0;
}

/* Ends a client from its side and waits for the server's end. */
static void leave(int client)
{
	shutdown(client, SHUT_WR);
	assert_eof(client);
	close(client);
}

static void clients_are_served_at_once(void **state)
{
	enum { CLIENTS = 10 };
	struct running running;
	int clients[CLIENTS];

	(void)state;
	running_start(&running, CONFIG("-oport=0"));
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = running_connect(&running, 0);
	for (int i = CLIENTS; i-- > 0;)
		expect_echo(clients[i]);
	assert_true(threads_made > CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		leave(clients[i]);
	running_stop(&running);
}

static void a_thread_serves_one_client_after_another(void **state)
{
	enum { CLIENTS = 100 };
	struct running running;

	(void)state;
	running_start(&running, CONFIG("-oport=0"));
	for (int i = 0; i < CLIENTS; i++) {
		int client = running_connect(&running, 0);

		expect_echo(client);
		leave(client);
	}
	running_stop(&running);
	assert_true(threads_made < CLIENTS / 2);
}

static void every_listener_is_served(void **state)
{
	struct running running;

	(void)state;
	running_start(&running, CONFIG("-l127.0.0.1:0", "-l127.0.0.1:0=daytime", "-l127.0.0.1:0"));
	int last = running_connect(&running, 2), first = running_connect(&running, 0);
	expect_echo(last);
	expect_echo(first);
	int middle = running_connect(&running, 1);
	char byte;
	int end;
	assert_int_equal(receive(middle, &byte, 1, &end), 1);
	close(middle);
	leave(first);
	leave(last);
	running_stop(&running);
}

/* One thread, which cannot be followed: it turns clients away, and goes on once it can. */
static void without_a_follower_a_client_is_turned_away(void **state)
{
	struct running running;

	(void)state;
	threads_until_failure = 1;
	running_start(&running, CONFIG("-oport=0"));
	int client = running_connect(&running, 0);
	assert_eof(client);
	close(client);
	threads_until_failure = -1;
	client = running_connect(&running, 0);
	expect_echo(client);
	leave(client);
	struct totals totals = registry_totals(&running.registry);
	assert_int_equal(totals.by_reason[CLOSE_RESOURCES], 1);
	assert_int_equal(totals.refused, 1);
	assert_int_equal(totals.accepted, 1);
	running_stop(&running);
}

static void without_a_first_thread_it_does_not_start(void **state)
{
	struct config *config = CONFIG("-oport=0");
	struct listening listening;
	struct registry registry = {.used_slots = 0};
	struct accept_loop loop;
	struct error error;

	(void)state;
	threads_until_failure = 0;
	assert_int_equal(listening_open(&listening, config, &error), 0);
	assert_int_equal(accept_loop_init(&loop, config, &listening, &registry, 1, -1, &error), -1);
	assert_string_equal(
		error.message, "cannot make a thread: Resource temporarily unavailable");
	listening_close(&listening);
	config_free(config);
}

/* More than are taken in a turn; none of them before it is told to finish. */
static void finishing_lets_in_who_is_connected(void **state)
{
	enum { CLIENTS = 100 };
	struct running running;
	int clients[CLIENTS];

	(void)state;
	running_prepare(&running, CONFIG("-oport=0"));
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = running_connect(&running, 0);
		send_all(clients[i], "hello", 5);
	}
	running_await_queue(&running, 0, CLIENTS);
	accept_loop_finish(&running.loop);
	accept_loop_begin(&running.loop);
	for (int i = 0; i < CLIENTS; i++) {
		char bytes[5];
		int end;

		assert_int_equal(receive(clients[i], bytes, 5, &end), 5);
		leave(clients[i]);
	}
	running_stop(&running);
}

static void finishing_has_an_end_though_clients_keep_coming(void **state)
{
	enum { CLIENTS = 200 };
	struct running running;
	int clients[CLIENTS];

	(void)state;
	running_prepare(&running, CONFIG("-oport=0"));
	running.loop.last_turns_left = 2;
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = running_connect(&running, 0);
	running_await_queue(&running, 0, CLIENTS);
	accept_loop_finish(&running.loop);
	accept_loop_begin(&running.loop);
	assert_true(wait_readable(running.event_fd, SUPPORT_PATIENCE_MS));
	struct totals totals = registry_totals(&running.registry);
	assert_in_range(totals.accepted, 1, CLIENTS - 1);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	running_stop(&running);
}

/* The first listener has many in its queue, the second one: he comes second. */
static void no_listener_has_to_wait_for_the_others(void **state)
{
	enum { CLIENTS = 20 };
	struct running running;
	int clients[CLIENTS];

	(void)state;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	running_prepare(&running, CONFIG("-l127.0.0.1:0", "-l127.0.0.1:0=discard"));
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = running_connect(&running, i == CLIENTS - 1 ? 1 : 0);
	running_await_queue(&running, 0, CLIENTS - 1);
	running_await_queue(&running, 1, 1);
	capture_start();
	accept_loop_begin(&running.loop);
	for (int i = 0; i < CLIENTS; i++)
		shutdown(clients[i], SHUT_WR);
	running_stop(&running);
	char *log = capture_end();
	bool is_second = strstr(log, "accept conn=2 listener=discard") != NULL ||
			 strstr(log, "accept conn=1 listener=discard") != NULL;
	free(log);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	assert_true(is_second);
}

/* A refused client that does not close is waited for, although nobody is accepted any more. */
static void a_refused_client_leaves_in_its_own_time(void **state)
{
	struct running running;
	char text[8];
	int end;

	(void)state;
	running_start(&running, CONFIG("-oport=0", "-olimits.max_connections=1",
					"-olimits.refuse_text=full", "-otimeouts.linger=1h"));
	int client = running_connect(&running, 0);
	expect_echo(client);
	int refused = running_connect(&running, 0);
	assert_int_equal(receive(refused, text, sizeof text, &end), 4);
	accept_loop_finish(&running.loop);
	leave(client);
	assert_false(accept_loop_is_empty(&running.loop));
	close(refused);
	running_stop(&running);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, set_up)
	const struct CMUnitTest tests[] = {
		ROW(clients_are_served_at_once),
		ROW(a_thread_serves_one_client_after_another),
		ROW(every_listener_is_served),
		ROW(without_a_follower_a_client_is_turned_away),
		ROW(without_a_first_thread_it_does_not_start),
		ROW(finishing_lets_in_who_is_connected),
		ROW(finishing_has_an_end_though_clients_keep_coming),
		ROW(no_listener_has_to_wait_for_the_others),
		ROW(a_refused_client_leaves_in_its_own_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
