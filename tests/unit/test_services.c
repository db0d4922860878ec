/* SPDX-License-Identifier: MIT */
#include "session_support.h"

#include "yodel/base/log.h"
#include "yodel/service/greeting.h"
#include "yodel/service/service.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { RING = 95, LINE = 74, STREAMED_BYTES = 1024 * 1024 };

static int set_up(void **state)
{
	struct session *session = calloc(1, sizeof *session);

	assert_non_null(session);
	session_init(session);
	session->listener.timeouts.linger_ms = 2000;
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	*state = session;
	return 0;
}

static int tear_down(void **state)
{
	struct session *session = *state;

	session_fini(session);
	free(session);
	return 0;
}

static void start(struct session *session, const char *service)
{
	session_open(session, service_find(service), 0);
	session_start(session);
}

static void close_client(struct session *session)
{
	close(session->client);
	session->client = -1;
}

/* --- echo ------------------------------------------------------------------------------------- */

static void echo_sends_every_byte_back(void **state)
{
	struct session *session = *state;
	char sent[256], back[256];
	int end;

	for (size_t i = 0; i < sizeof sent; i++)
		sent[i] = (char)i;
	start(session, "echo");
	send_all(session->client, sent, sizeof sent);
	assert_int_equal(receive(session->client, back, sizeof back, &end), sizeof back);
	assert_memory_equal(back, sent, sizeof sent);
	shutdown(session->client, SHUT_WR);
	assert_eof(session->client);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_CLIENT_FIN);
	assert_int_equal(session->connection->bytes_in, 256);
	assert_int_equal(session->connection->bytes_out, 256);
}

/* What a client sends in a thread of its own, so that it can read meanwhile. */
struct outgoing {
	int fd;
	size_t length;
	size_t piece; /* bytes a write */
};

static char stream_byte(size_t index)
{
	return (char)(index * 31 >> 3);
}

static void *send_stream(void *argument)
{
	const struct outgoing *outgoing = argument;
	char *bytes = malloc(outgoing->length);

	for (size_t i = 0; bytes != NULL && i < outgoing->length; i++)
		bytes[i] = stream_byte(i);
	for (size_t sent = 0; bytes != NULL && sent < outgoing->length;) {
		size_t left = outgoing->length - sent;
		ssize_t count = send(outgoing->fd, bytes + sent,
			left < outgoing->piece ? left : outgoing->piece, MSG_NOSIGNAL);

		if (count < 0)
			break;
		sent += (size_t)count;
	}
	free(bytes);
	shutdown(outgoing->fd, SHUT_WR);
	return NULL;
}

/* Sends a stream to an echo that runs, and expects it back with its end. */
static void expect_stream_back(struct session *session, size_t length, size_t piece)
{
	struct outgoing outgoing = {session->client, length, piece};
	char *back = malloc(length);
	size_t wrong = 0;
	pthread_t sender;
	int end;

	assert_non_null(back);
	assert_int_equal(pthread_create(&sender, NULL, send_stream, &outgoing), 0);
	size_t got = receive(session->client, back, length, &end);
	pthread_join(sender, NULL);
	for (size_t i = 0; i < got; i++)
		wrong += back[i] != stream_byte(i);
	free(back);
	assert_int_equal(got, length);
	assert_int_equal(wrong, 0);
	assert_eof(session->client);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_CLIENT_FIN);
	assert_int_equal(session->connection->bytes_in, length);
	assert_int_equal(session->connection->bytes_out, length);
}

static void echo_keeps_the_order_of_a_long_stream(void **state)
{
	start(*state, "echo");
	expect_stream_back(*state, STREAMED_BYTES, 1000);
}

/* All large buffers are lent to others. */
static void echo_goes_on_with_its_small_buffer(void **state)
{
	struct session *session = *state;
	char *lent[BUFFER_POOL_MAX];

	for (size_t i = 0; i < BUFFER_POOL_MAX; i++) {
		lent[i] = buffer_pool_borrow(&session->buffers);
		assert_non_null(lent[i]);
	}
	start(session, "echo");
	expect_stream_back(session, STREAMED_BYTES, STREAMED_BYTES);
	assert_int_equal(session->buffers.idle_count, 0);
	for (size_t i = 0; i < BUFFER_POOL_MAX; i++)
		buffer_pool_return(&session->buffers, lent[i]);
}

/* Around the small buffer, the large one, and twice that. */
static void echo_answers_messages_of_every_size(void **state)
{
	static const size_t sizes[] = {
		1, 2047, 2048, 2049, 4096, 131071, 131072, 131073, 262144, 262145};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct session session;

		session_init(&session);
		start(&session, "echo");
		expect_stream_back(&session, sizes[i], sizes[i]);
		assert_int_equal(session.buffers.idle_count, session.buffers.made_count);
		session_fini(&session);
	}
}

static void echo_answers_what_came_before_the_end(void **state)
{
	struct session *session = *state;
	char back[8];
	int end;

	session_open(session, service_find("echo"), 0);
	send_all(session->client, "last", 4);
	shutdown(session->client, SHUT_WR);
	session_start(session);
	assert_int_equal(receive(session->client, back, sizeof back, &end), 4);
	assert_int_equal(end, 0);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_CLIENT_FIN);
}

static void echo_ends_on_silence(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.idle_ms = 50;
	start(session, "echo");
	assert_eof(session->client);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_IDLE);
}

static void echo_ends_on_reset(void **state)
{
	struct session *session = *state;

	start(session, "echo");
	close_with_reset(session->client);
	session->client = -1;
	assert_int_equal(session_join(session), CLOSE_CLIENT_RESET);
}

/* --- discard ---------------------------------------------------------------------------------- */

static void discard_reads_everything_and_answers_nothing(void **state)
{
	struct session *session = *state;

	start(session, "discard");
	struct outgoing outgoing = {session->client, STREAMED_BYTES, 1000};
	(void)send_stream(&outgoing);
	assert_eof(session->client);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_CLIENT_FIN);
	assert_int_equal(session->connection->bytes_in, STREAMED_BYTES);
	assert_int_equal(session->connection->bytes_out, 0);
}

/* --- greet ------------------------------------------------------------------------------------ */

static void greet_sends_its_text_and_closes(void **state)
{
	struct session *session = *state;
	char text[] = "I am ${listener}\\0\\r\\n", back[64];
	struct greet_settings settings = {.text = text};
	int end;

	session->listener.service_settings = &settings;
	start(session, "greet");
	assert_int_equal(receive(session->client, back, sizeof back, &end), 12);
	assert_int_equal(end, 0);
	assert_memory_equal(back, "I am test\0\r\n", 12);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_DONE);
	assert_int_equal(session_ended(session, CLOSE_DONE), 1);
}

static void greet_with_an_empty_text_just_closes(void **state)
{
	struct session *session = *state;
	char text[] = "";
	struct greet_settings settings = {.text = text};

	session->listener.service_settings = &settings;
	start(session, "greet");
	assert_eof(session->client);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_DONE);
	assert_int_equal(session->connection->bytes_out, 0);
}

static void greet_reaches_a_client_that_sends_before_it_reads(void **state)
{
	struct session *session = *state;
	char text[] = "hello", back[64], noise[10000] = "";
	struct greet_settings settings = {.text = text};
	int end;

	session->listener.service_settings = &settings;
	session_open(session, service_find("greet"), 0);
	send_all(session->client, noise, sizeof noise);
	session_start(session);
	assert_int_equal(receive(session->client, back, sizeof back, &end), 5);
	assert_int_equal(end, 0); /* a FIN; with unread bytes a close would reset */
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_DONE);
}

/* --- chargen ---------------------------------------------------------------------------------- */

static void chargen_sends_the_lines_of_rfc_864(void **state)
{
	struct session *session = *state;
	char *back = malloc((2 * RING + 1) * LINE);
	size_t wrong = 0, length = (2 * RING + 1) * LINE;
	int end;

	assert_non_null(back);
	start(session, "chargen");
	size_t got = receive(session->client, back, length, &end);
	for (size_t i = 0; i < got; i++) {
		size_t line = i / LINE, column = i % LINE;
		char expected = column == 72   ? '\r'
				: column == 73 ? '\n'
					       : (char)(' ' + (line + column) % RING);

		wrong += back[i] != expected;
	}
	assert_int_equal(got, length);
	assert_int_equal(wrong, 0);
	assert_memory_equal(back, " !\"#$%&'()*+,-./0123456789:;<=>?@ABC", 36);
	free(back);
	close_with_reset(session->client);
	session->client = -1;
	assert_int_equal(session_join(session), CLOSE_CLIENT_RESET);
}

static void chargen_goes_on_for_a_client_that_only_reads(void **state)
{
	struct session *session = *state;
	size_t length = 3 * RING * LINE;
	char *back = malloc(length);
	int end;

	assert_non_null(back);
	start(session, "chargen");
	shutdown(session->client, SHUT_WR);
	for (int i = 0; i < 20; i++)
		assert_int_equal(receive(session->client, back, length, &end), length);
	free(back);
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_CLIENT_RESET);
}

/* Whether the service has read all that the client has sent. */
static bool is_all_read(const struct session *session)
{
	int unsent, unread;

	assert_int_equal(ioctl(session->client, TIOCOUTQ, &unsent), 0);
	assert_int_equal(ioctl(session->fd, FIONREAD, &unread), 0);
	return unsent == 0 && unread == 0;
}

static void chargen_drops_what_the_client_sends(void **state)
{
	struct session *session = *state;
	char noise[5000] = "", *back = malloc(STREAMED_BYTES);
	int end;

	assert_non_null(back);
	start(session, "chargen");
	send_all(session->client, noise, sizeof noise);
	do
		assert_int_equal(
			receive(session->client, back, STREAMED_BYTES, &end), STREAMED_BYTES);
	while (!is_all_read(session));
	free(back);
	close_with_reset(session->client);
	session->client = -1;
	(void)session_join(session);
	assert_int_equal(session->connection->bytes_in, sizeof noise);
}

static void chargen_gives_up_on_a_client_that_does_not_read(void **state)
{
	struct session *session = *state;

	session->listener.timeouts.write_ms = 100;
	session_open(session, service_find("chargen"), 4096);
	session_start(session);
	assert_int_equal(session_join(session), CLOSE_WRITE_TIMEOUT);
	assert_reset(session->client);
}

/* --- daytime, time ---------------------------------------------------------------------------- */

static void daytime_sends_one_line_in_utc(void **state)
{
	struct session *session = *state;
	time_t before = time(NULL), told;
	struct tm utc = {.tm_sec = 0};
	char back[128];
	int end;

	start(session, "daytime");
	size_t got = receive(session->client, back, sizeof back - 1, &end);
	assert_int_equal(end, 0);
	back[got] = '\0';
	const char *rest = strptime(back, "%A, %B %d, %Y %H:%M:%S-UTC", &utc);
	assert_non_null(rest);
	assert_string_equal(rest, "\r\n");
	told = timegm(&utc);
	assert_in_range(told, before, time(NULL));
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_DONE);
}

static void time_sends_the_seconds_since_1900(void **state)
{
	struct session *session = *state;
	time_t before = time(NULL);
	unsigned char back[8];
	int end;

	start(session, "time");
	assert_int_equal(receive(session->client, back, sizeof back, &end), 4);
	assert_int_equal(end, 0);
	uint32_t told = (uint32_t)back[0] << 24 | (uint32_t)back[1] << 16 | (uint32_t)back[2] << 8 |
			back[3];
	/* RFC 868: 2,208,988,800 corresponds to 00:00 1 Jan 1970. */
	assert_in_range(told - 2208988800u, before, time(NULL));
	close_client(session);
	assert_int_equal(session_join(session), CLOSE_DONE);
}

/* --- the table -------------------------------------------------------------------------------- */

static void every_service_of_the_table_has_its_function(void **state)
{
	static const struct {
		const char *name;
		service_run *run;
	} rows[] = {{"echo", service_echo}, {"greet", service_greet}, {"discard", service_discard},
		{"chargen", service_chargen}, {"daytime", service_daytime}, {"time", service_time},
		{"message", service_message}, {"talk", service_talk}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_string_equal(service_schemas[i].name, rows[i].name);
		assert_true(service_find(rows[i].name) == rows[i].run);
		assert_int_equal(
			service_schemas[i].settings_bytes != 0, service_schemas[i].options != NULL);
	}
	assert_null(service_schemas[sizeof rows / sizeof *rows].name);
}

static int find_nonsense(void *context)
{
	return service_find(context) == NULL;
}

static void a_service_that_is_not_in_the_table_is_a_bug(void **state)
{
	char name[] = "nonsense";

	(void)state;
	capture_start();
	int status = in_child(find_nonsense, name);
	free(capture_end());
	assert_int_equal(status, 128 + SIGABRT);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(echo_sends_every_byte_back),
		ROW(echo_keeps_the_order_of_a_long_stream),
		ROW(echo_goes_on_with_its_small_buffer),
		cmocka_unit_test(echo_answers_messages_of_every_size),
		ROW(echo_answers_what_came_before_the_end),
		ROW(echo_ends_on_silence),
		ROW(echo_ends_on_reset),
		ROW(discard_reads_everything_and_answers_nothing),
		ROW(greet_sends_its_text_and_closes),
		ROW(greet_with_an_empty_text_just_closes),
		ROW(greet_reaches_a_client_that_sends_before_it_reads),
		ROW(chargen_sends_the_lines_of_rfc_864),
		ROW(chargen_goes_on_for_a_client_that_only_reads),
		ROW(chargen_drops_what_the_client_sends),
		ROW(chargen_gives_up_on_a_client_that_does_not_read),
		ROW(daytime_sends_one_line_in_utc),
		ROW(time_sends_the_seconds_since_1900),
		cmocka_unit_test(every_service_of_the_table_has_its_function),
		cmocka_unit_test(a_service_that_is_not_in_the_table_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
