/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/server/partings.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CAPACITY = 3 };

/* One turn of the loop at this time: as far as the clients have something to say, they are heard. */
static void serve(struct partings *partings, int64_t now_ms)
{
	struct pollfd set[CAPACITY];

	partings_fill(partings, set);
	(void)poll(set, (nfds_t)partings->count, 0);
	partings_serve(partings, set, now_ms);
}

/* Waits until the client at index has something to say, then serves. */
static void wait_and_serve(struct partings *partings, size_t index, int64_t now_ms)
{
	assert_true(wait_readable(partings->entries[index].fd, SUPPORT_PATIENCE_MS));
	serve(partings, now_ms);
}

static int part(struct partings *partings, const char *text, int64_t deadline_ms)
{
	int server, client;

	tcp_pair(&server, &client);
	partings_add(partings, server, text, strlen(text), deadline_ms);
	return client;
}

static void expect_text_then_eof(int client, const char *text)
{
	char bytes[64];
	int end;

	assert_int_equal(receive(client, bytes, sizeof bytes, &end), strlen(text));
	assert_int_equal(end, 0);
	assert_memory_equal(bytes, text, strlen(text));
}

static void a_client_gets_the_text_and_a_fin(void **state)
{
	struct partings partings;

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	int client = part(&partings, "full\r\n", 1000);
	expect_text_then_eof(client, "full\r\n");
	assert_int_equal(partings.count, 1);
	close(client);
	wait_and_serve(&partings, 0, 0);
	assert_int_equal(partings.count, 0);
	partings_fini(&partings);
}

static void the_text_reaches_a_client_that_has_sent_much(void **state)
{
	static const char noise[20000];
	struct partings partings;
	int server, client;

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	tcp_pair(&server, &client);
	send_all(client, noise, sizeof noise);
	partings_add(&partings, server, "full", 4, 1000);
	while (wait_readable(partings.entries[0].fd, 0))
		serve(&partings, 0);
	send_all(client, noise, sizeof noise); /* and goes on sending */
	wait_and_serve(&partings, 0, 0);
	assert_int_equal(partings.count, 1);
	expect_text_then_eof(client, "full"); /* no reset has overtaken it */
	close(client);
	partings_fini(&partings);
}

static void a_client_that_does_not_close_is_closed_at_its_deadline(void **state)
{
	struct partings partings;

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	int client = part(&partings, "full", 1000);
	serve(&partings, 999);
	assert_int_equal(partings.count, 1);
	serve(&partings, 1000);
	assert_int_equal(partings.count, 0);
	close(client);
	partings_fini(&partings);
}

static void a_client_that_has_cut_the_connection_is_closed(void **state)
{
	struct partings partings;

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	close_with_reset(part(&partings, "full", 1000));
	wait_and_serve(&partings, 0, 0);
	assert_int_equal(partings.count, 0);
	partings_fini(&partings);
}

static void one_too_many_ends_the_oldest(void **state)
{
	struct partings partings;
	int clients[CAPACITY + 1];

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	for (int i = 0; i < CAPACITY; i++)
		clients[i] = part(&partings, "full", 1000 + i);
	int oldest = partings.entries[0].fd;
	clients[CAPACITY] = part(&partings, "full", 1000 + CAPACITY);
	assert_int_equal(partings.count, CAPACITY);
	for (int i = 0; i < CAPACITY; i++) {
		assert_int_equal(partings.entries[i].deadline_ms, 1001 + i);
		assert_true(fcntl(partings.entries[i].fd, F_GETFD) >= 0);
	}
	assert_int_equal(fcntl(oldest, F_GETFD), -1);
	for (int i = 0; i <= CAPACITY; i++) {
		expect_text_then_eof(clients[i], "full");
		close(clients[i]);
	}
	partings_fini(&partings);
}

static void those_that_stay_keep_their_order_and_their_places_in_the_poll_set(void **state)
{
	struct partings partings;
	int clients[CAPACITY];

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	for (int i = 0; i < CAPACITY; i++)
		clients[i] = part(&partings, "full", 1000 + i);
	close(clients[1]);
	wait_and_serve(&partings, 1, 0);
	assert_int_equal(partings.count, 2);
	assert_int_equal(partings.entries[0].deadline_ms, 1000);
	assert_int_equal(partings.entries[1].deadline_ms, 1002);
	close(clients[0]);
	wait_and_serve(&partings, 0, 0);
	assert_int_equal(partings.count, 1);
	assert_int_equal(partings.entries[0].deadline_ms, 1002);
	close(clients[2]);
	partings_fini(&partings);
}

static void the_deadline_is_the_first(void **state)
{
	struct partings partings;

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	assert_int_equal(partings_deadline_ms(&partings), 0);
	int first = part(&partings, "x", 3000), second = part(&partings, "x", 2000);
	assert_int_equal(partings_deadline_ms(&partings), 2000);
	close(first);
	close(second);
	partings_fini(&partings);
}

static void without_room_a_client_is_told_and_closed_at_once(void **state)
{
	struct partings partings;

	(void)state;
	assert_int_equal(partings_init(&partings, 0), 0);
	int client = part(&partings, "full", 1000);
	assert_int_equal(partings.count, 0);
	expect_text_then_eof(client, "full");
	close(client);
	partings_fini(&partings);
}

static void a_client_that_cannot_be_told_is_closed(void **state)
{
	struct partings partings;
	int server, client;

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	tcp_pair(&server, &client);
	close_with_reset(client);
	assert_true(wait_readable(server, SUPPORT_PATIENCE_MS));
	partings_add(&partings, server, "full", 4, 1000);
	assert_int_equal(partings.count, 0);
	assert_int_equal(fcntl(server, F_GETFD), -1);
	partings_fini(&partings);
}

static void fini_closes_all(void **state)
{
	struct partings partings;
	int fds[2], clients[2];

	(void)state;
	assert_int_equal(partings_init(&partings, CAPACITY), 0);
	for (int i = 0; i < 2; i++) {
		clients[i] = part(&partings, "full", 1000);
		fds[i] = partings.entries[i].fd;
	}
	partings_fini(&partings);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
		close(clients[i]);
	}
	partings_fini(&partings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_gets_the_text_and_a_fin),
		cmocka_unit_test(the_text_reaches_a_client_that_has_sent_much),
		cmocka_unit_test(a_client_that_does_not_close_is_closed_at_its_deadline),
		cmocka_unit_test(a_client_that_has_cut_the_connection_is_closed),
		cmocka_unit_test(one_too_many_ends_the_oldest),
		cmocka_unit_test(those_that_stay_keep_their_order_and_their_places_in_the_poll_set),
		cmocka_unit_test(the_deadline_is_the_first),
		cmocka_unit_test(without_room_a_client_is_told_and_closed_at_once),
		cmocka_unit_test(a_client_that_cannot_be_told_is_closed),
		cmocka_unit_test(fini_closes_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
