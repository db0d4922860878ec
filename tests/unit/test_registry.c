/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/registry.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTENERS = 2, CAPACITY = 8 };

struct fixture {
	struct listener_settings listeners[LISTENERS];
	struct registry_settings settings;
	struct registry registry;
	bool is_made;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);

	assert_non_null(fixture);
	fixture->settings = (struct registry_settings){
		.capacity = CAPACITY,
		.peer_prefix_v4_bits = 32,
		.peer_prefix_v6_bits = 64,
		.listeners = fixture->listeners,
		.listener_count = LISTENERS,
	};
	*state = fixture;
	return 0;
}

static struct registry *make(struct fixture *fixture)
{
	assert_int_equal(registry_init(&fixture->registry, &fixture->settings), 0);
	fixture->is_made = true;
	return &fixture->registry;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->is_made)
		registry_fini(&fixture->registry);
	free(fixture);
	return 0;
}

/* Asks to let in a client 192.0.2.HOST. Descriptor 0 stands for one that nobody shuts down. */
static enum close_reason ask(struct registry *registry, size_t listener, unsigned host,
	int64_t now_ms, struct connection **connection)
{
	struct admission admission = {.listener_index = listener, .now_ms = now_ms};

	admission.peer = (struct address){.length = sizeof admission.peer.v4,
		.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000200 + host)}};
	return registry_admit(registry, &admission, connection);
}

static struct connection *admit(struct registry *registry, size_t listener, unsigned host)
{
	struct connection *connection = NULL;

	assert_int_equal(ask(registry, listener, host, 0, &connection), CLOSE_NONE);
	return connection;
}

static void refuse(
	struct registry *registry, size_t listener, unsigned host, enum close_reason reason)
{
	struct connection *connection = (struct connection *)registry;
	uint64_t before = registry_totals(registry).by_reason[reason];

	assert_int_equal(ask(registry, listener, host, 0, &connection), reason);
	assert_ptr_equal(connection, registry); /* untouched */
	assert_int_equal(registry_totals(registry).by_reason[reason], before + 1);
}

/* Unlists for a reason; returns the one that was counted. */
static enum close_reason unlist(
	struct registry *registry, struct connection *connection, enum close_reason reason)
{
	size_t open = registry_unlist(registry, connection, &reason);

	return open <= registry->settings.capacity ? reason : CLOSE_NONE;
}

static void leave(struct registry *registry, struct connection *connection)
{
	unlist(registry, connection, CLOSE_DONE);
	registry_release(registry, connection);
}

static void admit_fills_the_connection(void **state)
{
	struct fixture *fixture = *state;
	fixture->listeners[1].timeouts.lifetime_ms = 500;
	struct registry *registry = make(fixture);
	struct connection *connection = NULL;

	leave(registry, admit(registry, 0, 1));
	struct connection *other = admit(registry, 0, 1);
	assert_int_equal(ask(registry, 1, 7, 12345, &connection), CLOSE_NONE);
	assert_int_equal(connection->number, 3);
	assert_ptr_equal(connection->registry, registry);
	assert_ptr_equal(connection->listener, &fixture->listeners[1]);
	assert_int_equal(connection->listener_index, 1);
	assert_int_equal(connection->stream.fd, 0);
	assert_int_equal(connection->since_ms, 12345);
	assert_int_equal(connection->ready_ms, 12345);
	assert_int_equal(connection->lifetime_deadline_ms, 12845);
	assert_int_equal(connection->open_at_accept, 2);
	assert_int_equal(connection->bytes_in + connection->bytes_out, 0);
	assert_int_equal(connection->peer.v4.sin_addr.s_addr, htonl(0xc0000207));
	assert_int_equal(other->lifetime_deadline_ms, 0);
	leave(registry, connection);
	leave(registry, other);
}

static void admit_refuses_when_every_slot_is_taken(void **state)
{
	struct registry *registry = make(*state);
	struct connection *connections[CAPACITY];

	for (unsigned i = 0; i < CAPACITY; i++)
		connections[i] = admit(registry, 0, i);
	refuse(registry, 0, 99, CLOSE_LIMIT_TOTAL);
	leave(registry, connections[3]);
	connections[3] = admit(registry, 0, 99);
	refuse(registry, 1, 98, CLOSE_LIMIT_TOTAL);
	for (unsigned i = 0; i < CAPACITY; i++)
		leave(registry, connections[i]);
}

static void a_slot_is_taken_until_it_is_released(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.capacity = 1;
	struct registry *registry = make(fixture);
	struct connection *connection = admit(registry, 0, 1);
	enum close_reason reason = CLOSE_DONE;

	assert_int_equal(registry_unlist(registry, connection, &reason), 0);
	assert_int_equal(registry_open_count(registry), 0);
	assert_false(registry_is_empty(registry));
	refuse(registry, 0, 2, CLOSE_LIMIT_TOTAL);
	registry_release(registry, connection);
	assert_true(registry_is_empty(registry));
	leave(registry, admit(registry, 0, 2));
}

static void admit_refuses_when_the_listener_is_at_its_limit(void **state)
{
	struct fixture *fixture = *state;
	fixture->listeners[0].limits.max_connections = 2;
	struct registry *registry = make(fixture);
	struct connection *first = admit(registry, 0, 1), *second = admit(registry, 0, 2);

	refuse(registry, 0, 3, CLOSE_LIMIT_LISTENER);
	struct connection *third = admit(registry, 1, 3);
	leave(registry, first);
	first = admit(registry, 0, 4);
	refuse(registry, 0, 5, CLOSE_LIMIT_LISTENER);
	leave(registry, first);
	leave(registry, second);
	leave(registry, third);
}

static void admit_refuses_when_peer_is_at_its_limit(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.limits.max_per_peer = 2;
	struct registry *registry = make(fixture);
	struct connection *first = admit(registry, 0, 1), *second = admit(registry, 1, 1);

	refuse(registry, 0, 1, CLOSE_LIMIT_PEER);
	refuse(registry, 1, 1, CLOSE_LIMIT_PEER);
	struct connection *third = admit(registry, 0, 2);
	leave(registry, first);
	first = admit(registry, 0, 1);
	refuse(registry, 0, 1, CLOSE_LIMIT_PEER);
	leave(registry, first);
	leave(registry, second);
	leave(registry, third);
}

static void a_listeners_limit_per_peer_is_its_own(void **state)
{
	struct fixture *fixture = *state;
	fixture->listeners[0].limits.max_per_peer = 1;
	struct registry *registry = make(fixture);
	struct connection *elsewhere = admit(registry, 1, 1), *first = admit(registry, 0, 1);

	refuse(registry, 0, 1, CLOSE_LIMIT_PEER);
	struct connection *second = admit(registry, 1, 1), *other = admit(registry, 0, 2);
	leave(registry, first);
	leave(registry, admit(registry, 0, 1));
	leave(registry, elsewhere);
	leave(registry, second);
	leave(registry, other);
}

static void peers_are_told_apart_by_their_prefix(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.limits.max_per_peer = 1;
	fixture->settings.peer_prefix_v4_bits = 30;
	struct registry *registry = make(fixture);
	struct connection *first = admit(registry, 0, 4);

	refuse(registry, 0, 7, CLOSE_LIMIT_PEER);
	leave(registry, admit(registry, 0, 8));
	leave(registry, first);
}

static void admit_refuses_when_the_rate_is_used_up(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.limits.accept_rate = (struct rate){3, 1000};
	fixture->listeners[0].limits.accept_rate = (struct rate){1, 1000};
	struct registry *registry = make(fixture);
	struct connection *connection;

	leave(registry, admit(registry, 0, 1));
	refuse(registry, 0, 1, CLOSE_RATE);
	/* The listener's refusal cost the daemon's rate nothing: two are left. */
	leave(registry, admit(registry, 1, 1));
	leave(registry, admit(registry, 1, 1));
	refuse(registry, 1, 1, CLOSE_RATE);
	assert_int_equal(ask(registry, 1, 1, 333, &connection), CLOSE_RATE);
	assert_int_equal(ask(registry, 1, 1, 334, &connection), CLOSE_NONE);
	leave(registry, connection);
}

static void a_refusal_for_another_limit_costs_no_rate(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.limits.accept_rate = (struct rate){2, 1000};
	fixture->listeners[0].limits.max_connections = 1;
	struct registry *registry = make(fixture);
	struct connection *first = admit(registry, 0, 1);

	for (int i = 0; i < 10; i++)
		refuse(registry, 0, 1, CLOSE_LIMIT_LISTENER);
	leave(registry, admit(registry, 1, 1));
	leave(registry, first);
}

static void totals_count_everybody_once(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.capacity = 1;
	struct registry *registry = make(fixture);
	struct connection *connection = admit(registry, 0, 1);
	enum close_reason reason = CLOSE_IDLE;

	refuse(registry, 0, 1, CLOSE_LIMIT_TOTAL);
	registry_count_refusal(registry, CLOSE_RESOURCES);
	connection->bytes_in = 5;
	connection->bytes_out = 7;
	assert_int_equal(registry_unlist(registry, connection, &reason), 0);
	registry_release(registry, connection);
	assert_int_equal(reason, CLOSE_IDLE);
	struct totals totals = registry_totals(registry);
	assert_int_equal(totals.accepted, 1);
	assert_int_equal(totals.refused, 2);
	assert_int_equal(totals.bytes_in, 5);
	assert_int_equal(totals.bytes_out, 7);
	for (int i = 0; i < CLOSE_REASON_COUNT; i++)
		assert_int_equal(totals.by_reason[i],
			i == CLOSE_IDLE || i == CLOSE_LIMIT_TOTAL || i == CLOSE_RESOURCES);
}

static void retract_is_as_if_it_had_been_refused(void **state)
{
	struct fixture *fixture = *state;
	fixture->settings.limits.max_per_peer = 1;
	fixture->listeners[0].limits.max_connections = 1;
	struct registry *registry = make(fixture);

	for (uint64_t i = 1; i <= 20; i++) {
		registry_retract(registry, admit(registry, 0, 1), CLOSE_RESOURCES);
		struct totals totals = registry_totals(registry);
		assert_int_equal(totals.accepted, 0);
		assert_int_equal(totals.refused, i);
		assert_int_equal(totals.by_reason[CLOSE_RESOURCES], i);
		assert_true(registry_is_empty(registry));
		assert_int_equal(registry_open_count(registry), 0);
	}
	struct connection *connection = admit(registry, 0, 1);
	assert_int_equal(connection->number, 21); /* never given twice */
	assert_int_equal(connection->open_at_accept, 1);
	leave(registry, connection);
}

/* "A refusal ... costs the rate limits nothing", and retract is "as if it had been refused". */
static void retract_gives_the_token_of_the_rate_back(void **state)
{
	struct fixture *fixture = *state;
	struct connection *connection = NULL;
	fixture->settings.limits.accept_rate = (struct rate){1, 1000};
	fixture->listeners[0].limits.accept_rate = (struct rate){1, 1000};
	struct registry *registry = make(fixture);

	registry_retract(registry, admit(registry, 0, 1), CLOSE_RESOURCES);
	enum close_reason reason = ask(registry, 0, 1, 0, &connection);
	if (reason == CLOSE_NONE)
		leave(registry, connection);
	assert_int_equal(reason, CLOSE_NONE);
	assert_int_equal(ask(registry, 0, 1, 0, &connection), CLOSE_RATE);
}

static void shut_all_shuts_what_is_listed_and_notes_why(void **state)
{
	struct registry *registry = make(*state);
	struct connection *connections[3];
	int server[3], client[3];
	enum close_reason reason = CLOSE_DONE;

	for (unsigned i = 0; i < 3; i++) {
		tcp_pair(&server[i], &client[i]);
		connections[i] = admit(registry, 0, i);
		connections[i]->stream.fd = server[i];
	}
	assert_int_equal(registry_unlist(registry, connections[1], &reason), 2);
	assert_int_equal(reason, CLOSE_DONE);
	registry_shut_all(registry, SHUT_RDWR, CLOSE_DRAIN);
	assert_eof(client[0]);
	assert_eof(client[2]);
	assert_false(wait_readable(client[1], 0)); /* not listed any more: not touched */
	reason = CLOSE_CLIENT_FIN;
	assert_int_equal(registry_unlist(registry, connections[0], &reason), 1);
	assert_int_equal(reason, CLOSE_DRAIN);
	reason = CLOSE_ERROR;
	assert_int_equal(registry_unlist(registry, connections[2], &reason), 0);
	assert_int_equal(reason, CLOSE_DRAIN);
	assert_int_equal(registry_totals(registry).by_reason[CLOSE_DRAIN], 2);
	for (int i = 0; i < 3; i++) {
		registry_release(registry, connections[i]);
		close(server[i]);
		close(client[i]);
	}
}

static void shut_all_for_reading_leaves_what_has_arrived(void **state)
{
	struct registry *registry = make(*state);
	struct connection *connection = admit(registry, 0, 1);
	int server, client, end;
	char bytes[8];

	tcp_pair(&server, &client);
	connection->stream.fd = server;
	send_all(client, "hello", 5);
	assert_true(wait_readable(server, SUPPORT_PATIENCE_MS));
	registry_shut_all(registry, SHUT_RD, CLOSE_DRAIN);
	assert_int_equal(receive(server, bytes, sizeof bytes, &end), 5);
	assert_int_equal(end, 0);
	send_all(server, "bye", 3);
	assert_int_equal(receive(client, bytes, 3, &end), 3);
	leave(registry, connection);
	close(server);
	close(client);
}

static int unlist_twice(void *context)
{
	struct registry *registry = context;
	struct connection *connection;

	if (ask(registry, 0, 1, 0, &connection) != CLOSE_NONE)
		return 1;
	unlist(registry, connection, CLOSE_DONE);
	unlist(registry, connection, CLOSE_DONE);
	return 0;
}

static int release_listed(void *context)
{
	struct connection *connection;

	if (ask(context, 0, 1, 0, &connection) != CLOSE_NONE)
		return 1;
	registry_release(context, connection);
	return 0;
}

static void a_slot_goes_its_way_only_once(void **state)
{
	struct registry *registry = make(*state);

	capture_start();
	int twice = in_child(unlist_twice, registry);
	int listed = in_child(release_listed, registry);
	free(capture_end());
	assert_int_equal(twice, 128 + SIGABRT);
	assert_int_equal(listed, 128 + SIGABRT);
}

/* --- many threads ----------------------------------------------------------------------------- */

enum { WORKERS = 8, CLIENTS = 4000 };

struct hall {
	struct registry *registry;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct connection *waiting[CLIENTS];
	size_t first, last;
	bool is_over;
};

static struct connection *next_client(struct hall *hall)
{
	struct connection *connection = NULL;

	pthread_mutex_lock(&hall->mutex);
	while (hall->first == hall->last && !hall->is_over)
		pthread_cond_wait(&hall->changed, &hall->mutex);
	if (hall->first < hall->last)
		connection = hall->waiting[hall->first++];
	pthread_mutex_unlock(&hall->mutex);
	return connection;
}

static void *serve_clients(void *argument)
{
	struct hall *hall = argument;
	struct connection *connection;

	while ((connection = next_client(hall)) != NULL) {
		connection->bytes_in = 1;
		connection->bytes_out = 2;
		leave(hall->registry, connection);
	}
	return NULL;
}

static void *look_around(void *argument)
{
	struct hall *hall = argument;
	bool is_over = false;

	while (!is_over) {
		struct totals totals = registry_totals(hall->registry);

		if (registry_open_count(hall->registry) > CAPACITY ||
			totals.bytes_out != 2 * totals.bytes_in)
			abort();
		pthread_mutex_lock(&hall->mutex);
		is_over = hall->is_over;
		pthread_mutex_unlock(&hall->mutex);
		sched_yield();
	}
	return NULL;
}

static void counts_hold_with_many_threads(void **state)
{
	static struct hall hall = {
		.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	pthread_t workers[WORKERS], observer;
	uint64_t refused = 0;
	struct fixture *fixture = *state;
	fixture->settings.limits.max_per_peer = 2;

	hall.registry = make(fixture);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, serve_clients, &hall), 0);
	assert_int_equal(pthread_create(&observer, NULL, look_around, &hall), 0);
	for (unsigned admitted = 0; admitted < CLIENTS;) {
		struct connection *connection;

		if (ask(hall.registry, admitted % 2, admitted % 5, 0, &connection) != CLOSE_NONE) {
			refused++;
			sched_yield();
			continue;
		}
		admitted++;
		pthread_mutex_lock(&hall.mutex);
		hall.waiting[hall.last++] = connection;
		pthread_cond_signal(&hall.changed);
		pthread_mutex_unlock(&hall.mutex);
	}
	pthread_mutex_lock(&hall.mutex);
	hall.is_over = true;
	pthread_cond_broadcast(&hall.changed);
	pthread_mutex_unlock(&hall.mutex);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	pthread_join(observer, NULL);
	struct totals totals = registry_totals(hall.registry);
	assert_int_equal(totals.accepted, CLIENTS);
	assert_int_equal(totals.refused, refused);
	assert_int_equal(totals.bytes_in, CLIENTS);
	assert_int_equal(totals.bytes_out, 2 * CLIENTS);
	assert_int_equal(totals.by_reason[CLOSE_DONE], CLIENTS);
	assert_true(registry_is_empty(hall.registry));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(admit_fills_the_connection),
		ROW(admit_refuses_when_every_slot_is_taken),
		ROW(a_slot_is_taken_until_it_is_released),
		ROW(admit_refuses_when_the_listener_is_at_its_limit),
		ROW(admit_refuses_when_peer_is_at_its_limit),
		ROW(a_listeners_limit_per_peer_is_its_own),
		ROW(peers_are_told_apart_by_their_prefix),
		ROW(admit_refuses_when_the_rate_is_used_up),
		ROW(a_refusal_for_another_limit_costs_no_rate),
		ROW(totals_count_everybody_once),
		ROW(retract_is_as_if_it_had_been_refused),
		ROW(retract_gives_the_token_of_the_rate_back),
		ROW(shut_all_shuts_what_is_listed_and_notes_why),
		ROW(shut_all_for_reading_leaves_what_has_arrived),
		ROW(a_slot_goes_its_way_only_once),
		ROW(counts_hold_with_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
