/* SPDX-License-Identifier: MIT */
/* The TLS of a stream, where other people's clients do not reach: see tests/system/test_tls.py. */
#include "tls_support.h"

#include "yodel/transport/stream.h"
#include "yodel/transport/tls_stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
	char folder[64], path[TLS_PATH_BYTES];
	struct tls_context context;
	struct stream stream;
	int peer;
	SSL *ssl; /* the peer's */
};

static void *connect_peer(void *argument)
{
	struct ends *ends = argument;

	ends->ssl = tls_connect(ends->peer, NULL);
	return NULL;
}

static int set_up(void **state)
{
	struct ends *ends = calloc(1, sizeof *ends);
	pthread_t thread;
	int fd;

	assert_non_null(ends);
	*state = ends;
	support_make_folder(ends->folder);
	tls_make_pair(ends->folder, "server.pem", "ec", ends->path);
	tls_make_context(&ends->context, ends->path, TLS_VERIFY_NONE);
	tcp_pair_small(&fd, &ends->peer, 4096);
	stream_init(&ends->stream, fd);
	assert_int_equal(pthread_create(&thread, NULL, connect_peer, ends), 0);
	assert_int_equal(stream_secure(&ends->stream, &ends->context, SUPPORT_PATIENCE_MS), IO_OK);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(ends->ssl);
	return 0;
}

static int tear_down(void **state)
{
	struct ends *ends = *state;

	SSL_free(ends->ssl);
	close(ends->peer);
	stream_close(&ends->stream, 0);
	tls_context_fini(&ends->context);
	support_remove_folder(ends->folder);
	free(ends);
	return 0;
}

static void say(struct ends *ends, const char *word)
{
	assert_int_equal(SSL_write(ends->ssl, word, (int)strlen(word)), strlen(word));
}

static void a_wait_ends_for_bytes_that_are_decrypted_already(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_CLOEXEC);
	char bytes[16];
	size_t got = 0;
	bool has_bytes = false;

	say(ends, "hello");
	assert_int_equal(
		stream_read_some(&ends->stream, bytes, 2, SUPPORT_PATIENCE_MS, &got), IO_OK);
	assert_false(wait_readable(ends->stream.fd, 0)); /* poll(2) does not know of them */
	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, 0, &has_bytes), IO_OK);
	assert_true(has_bytes);
	assert_int_equal(
		stream_wait(&ends->stream, STREAM_CUT, wake_fd, 0, &has_bytes), IO_TIMEOUT);
	assert_int_equal(stream_read_pending(&ends->stream, bytes, sizeof bytes, &got), IO_OK);
	assert_int_equal(got, 3);
	assert_memory_equal(bytes, "llo", 3);
	assert_int_equal(
		stream_wait(&ends->stream, STREAM_BYTES, wake_fd, 0, &has_bytes), IO_TIMEOUT);
	close(wake_fd);
}

static void a_wait_ends_for_another_thread(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(1, EFD_CLOEXEC);
	bool has_bytes = true;

	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, -1, &has_bytes), IO_OK);
	assert_false(has_bytes);
	close(wake_fd);
}

static void what_is_pending_is_read_without_a_wait(void **state)
{
	struct ends *ends = *state;
	char bytes[16];
	size_t got = 77;

	assert_int_equal(stream_read_pending(&ends->stream, bytes, sizeof bytes, &got), IO_TIMEOUT);
	assert_int_equal(got, 77);
	say(ends, "one");
	say(ends, "two"); /* a record of its own */
	assert_true(wait_readable(ends->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_OK);
	assert_int_equal(got, 3);
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_OK);
	assert_memory_equal(bytes, "two", 3);
}

static void a_read_times_out_and_goes_on_later(void **state)
{
	struct ends *ends = *state;
	int64_t began_ms = support_now_ms();
	char bytes[16];
	size_t got;

	assert_int_equal(
		stream_read_some(&ends->stream, bytes, sizeof bytes, 50, &got), IO_TIMEOUT);
	assert_true(support_now_ms() - began_ms >= 50);
	say(ends, "late");
	assert_int_equal(
		stream_read_some(&ends->stream, bytes, sizeof bytes, SUPPORT_PATIENCE_MS, &got),
		IO_OK);
	assert_int_equal(got, 4);
}

enum { LONG_BYTES = 400000 };

struct reading {
	SSL *ssl;
	char *bytes;
	size_t count;
};

static void *read_all(void *argument)
{
	struct reading *reading = argument;
	int got;

	while (reading->count < LONG_BYTES &&
		(got = SSL_read(reading->ssl, reading->bytes + reading->count,
			 (int)(LONG_BYTES - reading->count))) > 0)
		reading->count += (size_t)got;
	return NULL;
}

/* Also in the middle of a record, which has to be the same one then. */
static void a_write_that_was_too_slow_goes_on_later(void **state)
{
	struct ends *ends = *state;
	char *bytes = malloc(LONG_BYTES);
	struct reading reading = {.ssl = ends->ssl, .bytes = malloc(LONG_BYTES)};
	pthread_t thread;
	size_t sent = 0, more = 0;

	assert_true(bytes != NULL && reading.bytes != NULL);
	for (size_t i = 0; i < LONG_BYTES; i++)
		bytes[i] = (char)support_random();
	assert_int_equal(stream_write_all(&ends->stream, bytes, LONG_BYTES, 50, &sent), IO_TIMEOUT);
	assert_true(sent < LONG_BYTES);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &reading), 0);
	assert_int_equal(stream_write_all(&ends->stream, bytes + sent, LONG_BYTES - sent,
				 SUPPORT_PATIENCE_MS, &more),
		IO_OK);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reading.count, LONG_BYTES);
	assert_memory_equal(reading.bytes, bytes, LONG_BYTES);
	free(bytes);
	free(reading.bytes);
}

static void an_end_comes_behind_the_bytes_and_leaves_the_other_way_open(void **state)
{
	struct ends *ends = *state;
	char bytes[16];
	size_t got;

	say(ends, "last");
	assert_int_equal(SSL_shutdown(ends->ssl), 0);
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_OK);
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_EOF);
	assert_int_equal(stream_write_all(&ends->stream, "answer", 6, 0, &got), IO_OK);
	assert_int_equal(stream_finish(&ends->stream, 0), IO_OK);
	assert_int_equal(SSL_read(ends->ssl, bytes, sizeof bytes), 6);
	assert_int_equal(SSL_read(ends->ssl, bytes, sizeof bytes), 0);
	assert_int_equal(SSL_get_error(ends->ssl, 0), SSL_ERROR_ZERO_RETURN);
}

static void after_a_failure_what_comes_is_dropped(void **state)
{
	struct ends *ends = *state;
	char bytes[16];
	size_t got = 77;

	send_all(ends->peer, "no record at all", 16);
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_TLS);
	assert_string_equal(stream_tls_failure(&ends->stream), "wrong version number");
	send_all(ends->peer, "more of it", 10);
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_OK);
	assert_int_equal(got, 0);
	assert_int_equal(stream_write_all(&ends->stream, "answer", 6, 0, &got), IO_TLS);
	assert_int_equal(stream_finish(&ends->stream, 0), IO_OK);
	shutdown(ends->peer, SHUT_WR);
	while (stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got) == IO_OK)
		continue;
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_EOF);
}

static void a_context_outlasts_its_end_for_who_has_begun(void **state)
{
	struct ends *ends = *state;
	char bytes[16];
	size_t got;

	tls_context_fini(&ends->context);
	say(ends, "hello");
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_OK);
	tls_make_context(&ends->context, ends->path, TLS_VERIFY_NONE); /* for tear_down */
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(a_wait_ends_for_bytes_that_are_decrypted_already),
		ROW(a_wait_ends_for_another_thread),
		ROW(what_is_pending_is_read_without_a_wait),
		ROW(a_read_times_out_and_goes_on_later),
		ROW(a_write_that_was_too_slow_goes_on_later),
		ROW(an_end_comes_behind_the_bytes_and_leaves_the_other_way_open),
		ROW(after_a_failure_what_comes_is_dropped),
		ROW(a_context_outlasts_its_end_for_who_has_begun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
