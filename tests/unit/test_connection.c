/* SPDX-License-Identifier: MIT */
#include "session_support.h"

#include "yodel/base/clock.h"
#include "yodel/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOMY = 0, SMALL = 4096, LARGE = 4 * 1024 * 1024 };

static int set_up(void **state)
{
	struct session *session = calloc(1, sizeof *session);

	assert_non_null(session);
	session_init(session);
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	*state = session;
	return 0;
}

static int tear_down(void **state)
{
	struct session *session = *state;

	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	session_fini(session);
	free(session);
	return 0;
}

static enum close_reason read_once(struct connection *connection)
{
	char bytes[16];
	size_t got;

	return connection_read(connection, bytes, sizeof bytes, &got);
}

/* A client that writes a byte every few milliseconds until the connection ends. */
struct trickle {
	int fd;
	short end; /* what poll(2) reports when it is over */
	pthread_t thread;
	size_t count;
};

static void *trickle(void *argument)
{
	struct trickle *trickle = argument;
	struct pollfd set = {.fd = trickle->fd, .events = trickle->end};

	/* The pause is the client's pace; it ends early when the server closes. */
	while (poll(&set, 1, 10) == 0 && send(trickle->fd, "x", 1, MSG_NOSIGNAL) == 1)
		trickle->count++;
	return NULL;
}

static void start_trickle(struct trickle *trickler, int fd, short end)
{
	*trickler = (struct trickle){.fd = fd, .end = end};
	assert_int_equal(pthread_create(&trickler->thread, NULL, trickle, trickler), 0);
}

static void read_counts_what_the_client_sent(void **state)
{
	struct session *session = *state;
	char bytes[16];
	size_t got = 0;

	session_open(session, NULL, ROOMY);
	send_all(session->client, "hello", 5);
	assert_int_equal(
		connection_read(session->connection, bytes, sizeof bytes, &got), CLOSE_NONE);
	assert_int_equal(got, 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(session->connection->bytes_in, 5);
}

static void read_tells_fin(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	shutdown(session->client, SHUT_WR);
	assert_int_equal(read_once(session->connection), CLOSE_CLIENT_FIN);
}

static void read_tells_reset(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	close_with_reset(session->client);
	session->client = -1;
	assert_int_equal(read_once(session->connection), CLOSE_CLIENT_RESET);
}

static void the_first_byte_has_a_time_of_its_own(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.first_byte_ms = 100;
	session->listener.timeouts.idle_ms = 3600000;
	session_open(session, NULL, ROOMY);
	int64_t before = support_now_ms();
	assert_int_equal(read_once(session->connection), CLOSE_FIRST_BYTE);
	assert_in_range(support_now_ms() - before, 90, SUPPORT_PATIENCE_MS);
}

static void after_the_first_byte_the_idle_time_counts(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.first_byte_ms = 3600000;
	session->listener.timeouts.idle_ms = 100;
	session_open(session, NULL, ROOMY);
	send_all(session->client, "x", 1);
	assert_int_equal(read_once(session->connection), CLOSE_NONE);
	int64_t before = support_now_ms();
	assert_int_equal(read_once(session->connection), CLOSE_IDLE);
	assert_in_range(support_now_ms() - before, 90, SUPPORT_PATIENCE_MS);
}

static void without_a_first_byte_time_idle_counts_from_the_start(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.idle_ms = 50;
	session_open(session, NULL, ROOMY);
	assert_int_equal(read_once(session->connection), CLOSE_IDLE);
}

static void a_trickle_does_not_outlast_the_lifetime(void **state)
{
	struct session *session = *state;
	enum close_reason reason = CLOSE_NONE;
	struct trickle trickler;

	session->listener.timeouts.idle_ms = 3600000;
	session->listener.timeouts.lifetime_ms = 300;
	int64_t before = support_now_ms();
	session_open(session, NULL, ROOMY);
	start_trickle(&trickler, session->client, POLLRDHUP);
	while (reason == CLOSE_NONE)
		reason = read_once(session->connection);
	int64_t took = support_now_ms() - before;
	connection_close(session->connection, reason);
	pthread_join(trickler.thread, NULL);
	assert_int_equal(reason, CLOSE_LIFETIME);
	assert_in_range(took, 290, SUPPORT_PATIENCE_MS);
	assert_true(trickler.count > 1);
}

static enum close_reason read_before(struct connection *connection, int64_t deadline_ms)
{
	char bytes[16];
	size_t got;

	return connection_read_before(
		connection, deadline_ms, CLOSE_HEADER_TIME, bytes, sizeof bytes, &got);
}

static void a_trickle_does_not_outlast_a_deadline(void **state)
{
	struct session *session = *state;
	enum close_reason reason = CLOSE_NONE;
	struct trickle trickler;

	session_open(session, NULL, ROOMY);
	session->listener.timeouts.idle_ms = 3600000;
	int64_t deadline_ms = clock_monotonic_ms() + 300;
	start_trickle(&trickler, session->client, POLLRDHUP);
	while (reason == CLOSE_NONE)
		reason = read_before(session->connection, deadline_ms);
	assert_int_equal(reason, CLOSE_HEADER_TIME);
	assert_true(clock_monotonic_ms() >= deadline_ms);
	connection_close(session->connection, reason);
	pthread_join(trickler.thread, NULL);
	assert_true(trickler.count > 1);
}

static void the_earliest_of_deadline_idle_and_lifetime_decides(void **state)
{
	struct session *session = *state;
	int64_t now_ms = clock_monotonic_ms();

	session_open(session, NULL, ROOMY);
	session->listener.timeouts.idle_ms = 50;
	assert_int_equal(read_before(session->connection, 0), CLOSE_IDLE);
	assert_int_equal(read_before(session->connection, now_ms + 3600000), CLOSE_IDLE);
	assert_int_equal(read_before(session->connection, now_ms - 1), CLOSE_HEADER_TIME);
	session->listener.timeouts.idle_ms = 0;
	assert_int_equal(
		read_before(session->connection, clock_monotonic_ms() + 20), CLOSE_HEADER_TIME);
	session->connection->lifetime_deadline_ms = clock_monotonic_ms() + 20;
	assert_int_equal(read_before(session->connection, now_ms + 3600000), CLOSE_LIFETIME);
	assert_int_equal(read_before(session->connection, now_ms - 1), CLOSE_LIFETIME);
}

static void the_earlier_of_idle_and_lifetime_decides(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.idle_ms = 50;
	session->listener.timeouts.lifetime_ms = 3600000;
	session_open(session, NULL, ROOMY);
	assert_int_equal(read_once(session->connection), CLOSE_IDLE);
	session->connection->lifetime_deadline_ms = clock_monotonic_ms() + 20;
	assert_int_equal(read_once(session->connection), CLOSE_LIFETIME);
	session->connection->lifetime_deadline_ms = clock_monotonic_ms() - 1;
	send_all(session->client, "x", 1);
	assert_int_equal(read_once(session->connection), CLOSE_LIFETIME);
	assert_int_equal(connection_write(session->connection, "x", 1), CLOSE_LIFETIME);
	assert_int_equal(session->connection->bytes_out, 0);
}

/* --- waiting for the client and for another thread --------------------------------------------- */

static enum close_reason wait_with(
	struct session *session, struct connection_wait wait, bool *has_bytes)
{
	int wake_fd = eventfd(0, EFD_NONBLOCK);

	wait.wake_fd = wake_fd;
	enum close_reason reason = connection_wait(session->connection, &wait, has_bytes);
	close(wake_fd);
	return reason;
}

static void wait_tells_that_the_client_has_said_something(void **state)
{
	struct session *session = *state;
	bool has_bytes = false;

	session_open(session, NULL, ROOMY);
	send_all(session->client, "x", 1);
	assert_int_equal(
		wait_with(session, (struct connection_wait){.interest = STREAM_BYTES}, &has_bytes),
		CLOSE_NONE);
	assert_true(has_bytes);
}

static void wait_ends_at_the_callers_time_for_nothing(void **state)
{
	struct session *session = *state;
	int64_t before = support_now_ms();
	bool has_bytes = true;

	session->listener.timeouts.idle_ms = 3600000;
	session_open(session, NULL, ROOMY);
	while (support_now_ms() < before + 50) {
		assert_int_equal(wait_with(session,
					 (struct connection_wait){
						 .interest = STREAM_BYTES, .until_ms = before + 50},
					 &has_bytes),
			CLOSE_NONE);
		assert_false(has_bytes);
	}
}

static void wait_counts_idleness_from_where_it_is_told(void **state)
{
	struct session *session = *state;
	int64_t now_ms = support_now_ms();
	bool has_bytes;

	session->listener.timeouts.idle_ms = 3600000;
	session_open(session, NULL, ROOMY);
	assert_int_equal(wait_with(session,
				 (struct connection_wait){.interest = STREAM_BYTES,
					 .silent_since_ms = now_ms - 3600000 + 50},
				 &has_bytes),
		CLOSE_IDLE);
	assert_in_range(support_now_ms() - now_ms, 49, SUPPORT_PATIENCE_MS);
	assert_int_equal(
		wait_with(session, (struct connection_wait){.until_ms = now_ms - 1}, &has_bytes),
		CLOSE_NONE);
}

static void wait_gives_the_first_byte_its_own_time(void **state)
{
	struct session *session = *state;
	bool has_bytes;

	session->listener.timeouts.first_byte_ms = 50;
	session->listener.timeouts.idle_ms = 3600000;
	session_open(session, NULL, ROOMY);
	assert_int_equal(wait_with(session,
				 (struct connection_wait){.interest = STREAM_BYTES,
					 .silent_since_ms = support_now_ms()},
				 &has_bytes),
		CLOSE_FIRST_BYTE);
}

static void wait_ends_a_lifetime_also_for_a_client_that_talks_on(void **state)
{
	struct session *session = *state;
	bool has_bytes;

	session->listener.timeouts.lifetime_ms = 50;
	session_open(session, NULL, ROOMY);
	assert_int_equal(
		wait_with(session, (struct connection_wait){.interest = STREAM_CUT}, &has_bytes),
		CLOSE_LIFETIME);
	send_all(session->client, "x", 1);
	assert_int_equal(
		wait_with(session, (struct connection_wait){.interest = STREAM_BYTES}, &has_bytes),
		CLOSE_LIFETIME);
}

static void wait_sees_a_reset_while_no_bytes_are_wanted(void **state)
{
	struct session *session = *state;
	bool has_bytes;

	session_open(session, NULL, ROOMY);
	close_with_reset(session->client);
	session->client = -1;
	assert_int_equal(
		wait_with(session, (struct connection_wait){.interest = STREAM_CUT}, &has_bytes),
		CLOSE_CLIENT_RESET);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_counts_what_the_client_got(void **state)
{
	struct session *session = *state;
	char bytes[8];
	int end;

	session_open(session, NULL, ROOMY);
	assert_int_equal(connection_write(session->connection, "hello", 5), CLOSE_NONE);
	assert_int_equal(session->connection->bytes_out, 5);
	assert_int_equal(receive(session->client, bytes, 5, &end), 5);
}

static void write_to_a_client_that_has_gone_tells_reset(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	close_with_reset(session->client);
	session->client = -1;
	assert_true(wait_readable(session->connection->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(connection_write(session->connection, "x", 1), CLOSE_CLIENT_RESET);
}

static void write_gives_up_on_a_client_that_does_not_read_and_cuts_it_off(void **state)
{
	struct session *session = *state;
	char *bytes = calloc(1, LARGE);

	assert_non_null(bytes);
	session->listener.timeouts.write_ms = 100;
	session->listener.timeouts.linger_ms = 3600000;
	session_open(session, NULL, SMALL);
	int64_t before = support_now_ms();
	enum close_reason reason = connection_write(session->connection, bytes, LARGE);
	int64_t took = support_now_ms() - before;
	free(bytes);
	connection_close(session->connection, reason); /* and does not linger */
	assert_int_equal(reason, CLOSE_WRITE_TIMEOUT);
	assert_in_range(took, 90, SUPPORT_PATIENCE_MS);
	assert_in_range(session->connection->bytes_out, 1, LARGE - 1);
	assert_reset(session->client);
	assert_int_equal(session_ended(session, CLOSE_WRITE_TIMEOUT), 1);
}

static void a_lifetime_that_ends_in_a_write_lingers_and_then_cuts_the_client_off(void **state)
{
	struct session *session = *state;
	char *bytes = calloc(1, LARGE);

	assert_non_null(bytes);
	session->listener.timeouts.write_ms = 3600000;
	session->listener.timeouts.lifetime_ms = 100;
	session->listener.timeouts.linger_ms = 100;
	session_open(session, NULL, SMALL);
	enum close_reason reason = connection_write(session->connection, bytes, LARGE);
	free(bytes);
	int64_t before = support_now_ms();
	connection_close(session->connection, reason);
	assert_in_range(support_now_ms() - before, 90, SUPPORT_PATIENCE_MS);
	assert_int_equal(reason, CLOSE_LIFETIME);
	assert_reset(session->client);
	assert_int_equal(session_ended(session, CLOSE_LIFETIME), 1);
}

/* What the client never takes must not stay behind in the kernel. */
static void a_client_that_takes_nothing_in_the_linger_is_cut_off(void **state)
{
	struct session *session = *state;
	char bytes[1024] = "";

	session->listener.timeouts.linger_ms = 50;
	session->listener.timeouts.write_ms = 10;
	session_open(session, NULL, SMALL);
	while (connection_write(session->connection, bytes, sizeof bytes) == CLOSE_NONE)
		continue;
	session->connection->is_stuck = false; /* as if the service had just had enough */
	connection_close(session->connection, CLOSE_DONE);
	assert_reset(session->client);
	assert_int_equal(session_ended(session, CLOSE_LINGER), 1);
}

static void discard_pending_drops_what_is_there_and_does_not_wait(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	assert_int_equal(connection_discard_pending(session->connection), CLOSE_NONE);
	send_all(session->client, "hello", 5);
	assert_true(wait_readable(session->connection->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(connection_discard_pending(session->connection), CLOSE_NONE);
	assert_int_equal(session->connection->bytes_in, 5);
	shutdown(session->client, SHUT_WR);
	assert_true(wait_readable(session->connection->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(connection_discard_pending(session->connection), CLOSE_CLIENT_FIN);
}

static void discard_pending_tells_reset(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	close_with_reset(session->client);
	session->client = -1;
	assert_true(wait_readable(session->connection->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(connection_discard_pending(session->connection), CLOSE_CLIENT_RESET);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void *read_to_the_end_and_close(void *argument)
{
	struct session *session = argument;
	char bytes[64];

	while (recv(session->client, bytes, sizeof bytes, 0) > 0)
		continue;
	close(session->client);
	session->client = -1;
	return NULL;
}

static void close_says_fin_and_waits_for_the_clients(void **state)
{
	struct session *session = *state;
	pthread_t thread;

	session->listener.timeouts.linger_ms = 3600000;
	session_open(session, NULL, ROOMY);
	assert_int_equal(pthread_create(&thread, NULL, read_to_the_end_and_close, session), 0);
	int64_t before = support_now_ms();
	connection_close(session->connection, CLOSE_DONE);
	int64_t took = support_now_ms() - before;
	pthread_join(thread, NULL);
	assert_in_range(took, 0, SUPPORT_PATIENCE_MS / 2); /* else the client saw no FIN */
	assert_int_equal(session_ended(session, CLOSE_DONE), 1);
	assert_int_equal(registry_open_count(&session->registry), 0);
	assert_false(registry_is_empty(&session->registry)); /* the slot is still taken */
}

static void the_last_words_reach_a_client_that_has_sent_more_than_was_read(void **state)
{
	struct session *session = *state;
	char bytes[16];
	int end;

	session->listener.timeouts.linger_ms = 100;
	session_open(session, NULL, ROOMY);
	send_all(session->client, "never read by the service", 25);
	assert_int_equal(connection_write(session->connection, "bye", 3), CLOSE_NONE);
	connection_close(session->connection, CLOSE_DONE);
	assert_int_equal(receive(session->client, bytes, sizeof bytes, &end), 3);
	assert_int_equal(end, 0); /* FIN, no reset */
	assert_int_equal(session->connection->bytes_in, 25);
}

static void close_lingers_no_longer_than_its_time_whatever_the_client_sends(void **state)
{
	struct session *session = *state;
	struct trickle trickler;

	session->listener.timeouts.linger_ms = 200;
	session_open(session, NULL, ROOMY);
	send_all(session->client, "x", 1);
	start_trickle(&trickler, session->client, 0); /* goes on behind our FIN */
	int64_t before = support_now_ms();
	connection_close(session->connection, CLOSE_DONE);
	int64_t took = support_now_ms() - before;
	pthread_join(trickler.thread, NULL);
	assert_in_range(took, 190, SUPPORT_PATIENCE_MS);
	assert_int_equal(session_ended(session, CLOSE_LINGER), 1);
	assert_int_equal(session_ended(session, CLOSE_DONE), 0);
}

static void a_reason_other_than_done_stays_when_the_linger_is_over(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.linger_ms = 50;
	session_open(session, NULL, ROOMY);
	connection_close(session->connection, CLOSE_IDLE);
	assert_int_equal(session_ended(session, CLOSE_IDLE), 1);
	assert_eof(session->client);
}

static void a_linger_of_0_does_not_wait(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	int64_t before = support_now_ms();
	connection_close(session->connection, CLOSE_DONE);
	assert_in_range(support_now_ms() - before, 0, SUPPORT_PATIENCE_MS / 2);
	assert_int_equal(session_ended(session, CLOSE_DONE), 1);
	assert_eof(session->client);
}

static void a_reason_that_is_not_announced_does_not_linger(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.linger_ms = 3600000;
	session_open(session, NULL, ROOMY);
	connection_close(session->connection, CLOSE_ERROR);
	assert_int_equal(session_ended(session, CLOSE_ERROR), 1);
	assert_eof(session->client);
}

static void the_reason_of_a_shutdown_wins(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	registry_shut_all(&session->registry, SHUT_RDWR, CLOSE_DRAIN);
	enum close_reason reason = read_once(session->connection);
	connection_close(session->connection, reason);
	assert_int_equal(reason, CLOSE_CLIENT_FIN);
	assert_int_equal(session_ended(session, CLOSE_DRAIN), 1);
	assert_int_equal(session_ended(session, CLOSE_CLIENT_FIN), 0);
}

static void bytes_are_counted_in_the_totals(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	send_all(session->client, "hello", 5);
	assert_int_equal(read_once(session->connection), CLOSE_NONE);
	assert_int_equal(connection_write(session->connection, "abc", 3), CLOSE_NONE);
	connection_close(session->connection, CLOSE_DONE);
	struct totals totals = registry_totals(&session->registry);
	assert_int_equal(totals.bytes_in, 5);
	assert_int_equal(totals.bytes_out, 3);
}

/* --- the log ---------------------------------------------------------------------------------- */

static void open_and_close_are_a_line_each(void **state)
{
	struct session *session = *state;
	char peer[ADDRESS_TEXT_BYTES], expected[256];

	session_open(session, NULL, ROOMY);
	address_format(&session->connection->peer, peer);
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	capture_start();
	assert_int_equal(connection_open(session->connection), CLOSE_NONE);
	char *text = capture_end();
	snprintf(expected, sizeof expected, " info accept conn=1 listener=test peer=%s active=1\n",
		peer);
	assert_string_equal(text + strlen("2026-11-20T12:00:00.123Z"), expected);
	free(text);
	session->connection->bytes_in = 3;
	session->connection->since_ms = clock_monotonic_ms() - 5000;
	capture_start();
	connection_close(session->connection, CLOSE_CLIENT_RESET);
	text = capture_end();
	snprintf(expected, sizeof expected,
		" info close conn=1 listener=test peer=%s in=3 out=0 ms=", peer);
	assert_non_null(strstr(text, expected));
	assert_true(strtol(strstr(text, " ms=") + 4, NULL, 10) >= 5000);
	assert_non_null(strstr(text, " active=0 reason=client_reset\n"));
	free(text);
}

static void an_error_is_logged_with_its_text(void **state)
{
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	session->connection->stream.error_number = EHOSTUNREACH;
	log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	capture_start();
	connection_close(session->connection, CLOSE_ERROR);
	char *text = capture_end();
	assert_non_null(strstr(text, " reason=error error=\"No route to host\"\n"));
	free(text);
}

struct named {
	struct connection *connection;
	char name[32];
};

static void *open_and_read_name(void *argument)
{
	struct named *named = argument;

	assert_int_equal(connection_open(named->connection), CLOSE_NONE);
	pthread_getname_np(pthread_self(), named->name, sizeof named->name);
	return NULL;
}

static void the_thread_is_named_after_listener_and_number(void **state)
{
	static const struct {
		const char *listener;
		uint64_t number;
		const char *name;
	} rows[] = {
		{"echo", 17, "echo/17"},
		{"a-very-long-listener-name", 17, "a-very-long-/17"},
		{"listener", 1234567, "listene/1234567"},
		{"listener", 18446744073709551615u, "liste/709551615"},
	};
	struct session *session = *state;

	session_open(session, NULL, ROOMY);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct named named = {.connection = session->connection};
		char *name = strdup(rows[i].listener);
		pthread_t thread;

		session->listener.name = name;
		session->connection->number = rows[i].number;
		assert_int_equal(pthread_create(&thread, NULL, open_and_read_name, &named), 0);
		pthread_join(thread, NULL);
		free(name);
		assert_string_equal(named.name, rows[i].name);
	}
	char test[] = "test";
	session->listener.name = test;
	connection_close(session->connection, CLOSE_CLIENT_RESET);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(read_counts_what_the_client_sent),
		ROW(read_tells_fin),
		ROW(read_tells_reset),
		ROW(the_first_byte_has_a_time_of_its_own),
		ROW(after_the_first_byte_the_idle_time_counts),
		ROW(without_a_first_byte_time_idle_counts_from_the_start),
		ROW(a_trickle_does_not_outlast_the_lifetime),
		ROW(a_trickle_does_not_outlast_a_deadline),
		ROW(the_earliest_of_deadline_idle_and_lifetime_decides),
		ROW(the_earlier_of_idle_and_lifetime_decides),
		ROW(wait_tells_that_the_client_has_said_something),
		ROW(wait_ends_at_the_callers_time_for_nothing),
		ROW(wait_counts_idleness_from_where_it_is_told),
		ROW(wait_gives_the_first_byte_its_own_time),
		ROW(wait_ends_a_lifetime_also_for_a_client_that_talks_on),
		ROW(wait_sees_a_reset_while_no_bytes_are_wanted),
		ROW(write_counts_what_the_client_got),
		ROW(write_to_a_client_that_has_gone_tells_reset),
		ROW(write_gives_up_on_a_client_that_does_not_read_and_cuts_it_off),
		ROW(a_lifetime_that_ends_in_a_write_lingers_and_then_cuts_the_client_off),
		ROW(a_client_that_takes_nothing_in_the_linger_is_cut_off),
		ROW(discard_pending_drops_what_is_there_and_does_not_wait),
		ROW(discard_pending_tells_reset),
		ROW(close_says_fin_and_waits_for_the_clients),
		ROW(the_last_words_reach_a_client_that_has_sent_more_than_was_read),
		ROW(close_lingers_no_longer_than_its_time_whatever_the_client_sends),
		ROW(a_reason_other_than_done_stays_when_the_linger_is_over),
		ROW(a_linger_of_0_does_not_wait),
		ROW(a_reason_that_is_not_announced_does_not_linger),
		ROW(the_reason_of_a_shutdown_wins),
		ROW(bytes_are_counted_in_the_totals),
		ROW(open_and_close_are_a_line_each),
		ROW(an_error_is_logged_with_its_text),
		ROW(the_thread_is_named_after_listener_and_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
