/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/stream.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SMALL_BUFFER = 4096,
	LARGE = 4 * 1024 * 1024,
	ENDLESS = 256 * 1024 * 1024,
	PIECE = 16 * 1024
};

struct ends {
	struct stream stream;
	int peer;
};

static void open_ends(struct ends *ends, int buffer_bytes)
{
	int fd;

	tcp_pair_small(&fd, &ends->peer, buffer_bytes);
	stream_init(&ends->stream, fd);
}

static int set_up(void **state)
{
	struct ends *ends = calloc(1, sizeof *ends);

	assert_non_null(ends);
	open_ends(ends, 0);
	*state = ends;
	return 0;
}

static int set_up_small(void **state)
{
	struct ends *ends = calloc(1, sizeof *ends);

	assert_non_null(ends);
	open_ends(ends, SMALL_BUFFER);
	*state = ends;
	return 0;
}

static int set_up_unix(void **state)
{
	struct ends *ends = calloc(1, sizeof *ends);
	int pair[2];

	assert_non_null(ends);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	stream_init(&ends->stream, pair[0]);
	ends->peer = pair[1];
	*state = ends;
	return 0;
}

static int tear_down(void **state)
{
	struct ends *ends = *state;

	stream_close(&ends->stream, 0);
	if (ends->peer >= 0)
		close(ends->peer);
	free(ends);
	return 0;
}

static void read_returns_what_is_there(void **state)
{
	struct ends *ends = *state;
	char bytes[16];
	size_t got = 0;

	send_all(ends->peer, "hello", 5);
	assert_int_equal(stream_read_some(&ends->stream, bytes, sizeof bytes, 0, &got), IO_OK);
	assert_int_equal(got, 5);
	assert_memory_equal(bytes, "hello", 5);
}

static void read_takes_no_more_than_capacity(void **state)
{
	struct ends *ends = *state;
	char bytes[4] = "....";
	size_t got = 0;

	send_all(ends->peer, "hello", 5);
	assert_int_equal(stream_read_some(&ends->stream, bytes, 3, 1000, &got), IO_OK);
	assert_int_equal(got, 3);
	assert_memory_equal(bytes, "hel.", 4);
	assert_int_equal(stream_read_some(&ends->stream, bytes, 3, 1000, &got), IO_OK);
	assert_int_equal(got, 2);
	assert_memory_equal(bytes, "lo", 2);
}

static void read_tells_the_end_of_the_stream_behind_its_last_byte(void **state)
{
	struct ends *ends = *state;
	char bytes[4];
	size_t got = 99;

	send_all(ends->peer, "x", 1);
	shutdown(ends->peer, SHUT_WR);
	assert_int_equal(stream_read_some(&ends->stream, bytes, 4, 1000, &got), IO_OK);
	assert_int_equal(got, 1);
	assert_int_equal(stream_read_some(&ends->stream, bytes, 4, 1000, &got), IO_EOF);
	assert_int_equal(stream_read_some(&ends->stream, bytes, 4, 0, &got), IO_EOF);
	assert_int_equal(got, 1);
}

static void read_tells_a_reset(void **state)
{
	struct ends *ends = *state;
	char bytes[4];
	size_t got = 99;

	close_with_reset(ends->peer);
	ends->peer = -1;
	assert_int_equal(stream_read_some(&ends->stream, bytes, 4, 1000, &got), IO_RESET);
	assert_int_equal(got, 99);
}

static void wait_tells_bytes_an_end_and_another_threads_word(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_NONBLOCK);
	bool has_bytes = true;

	assert_int_equal(
		stream_wait(&ends->stream, STREAM_BYTES, wake_fd, 10, &has_bytes), IO_TIMEOUT);
	assert_int_equal(eventfd_write(wake_fd, 1), 0);
	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, -1, &has_bytes), IO_OK);
	assert_false(has_bytes);
	send_all(ends->peer, "x", 1);
	assert_true(wait_readable(ends->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, -1, &has_bytes), IO_OK);
	assert_true(has_bytes);
	assert_int_equal(stream_wait(&ends->stream, STREAM_CUT, wake_fd, -1, &has_bytes), IO_OK);
	assert_false(has_bytes);
	close(wake_fd);
}

/* Nor does the end of its stream, which a peer that still reads may have sent. */
static void wait_does_not_see_bytes_that_are_not_wanted(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_NONBLOCK);
	bool has_bytes = true;

	send_all(ends->peer, "x", 1);
	shutdown(ends->peer, SHUT_WR);
	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, -1, &has_bytes), IO_OK);
	assert_int_equal(
		stream_wait(&ends->stream, STREAM_CUT, wake_fd, 50, &has_bytes), IO_TIMEOUT);
	close(wake_fd);
}

static void wait_sees_an_end_behind_bytes_that_are_not_read(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_NONBLOCK);
	bool has_bytes = true;

	send_all(ends->peer, "x", 1);
	assert_int_equal(
		stream_wait(&ends->stream, STREAM_END, wake_fd, 50, &has_bytes), IO_TIMEOUT);
	shutdown(ends->peer, SHUT_WR);
	assert_int_equal(stream_wait(&ends->stream, STREAM_END, wake_fd, -1, &has_bytes), IO_EOF);
	close(wake_fd);
}

static void wait_sees_a_reset_though_no_bytes_are_wanted(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_NONBLOCK);
	bool has_bytes = true;

	close_with_reset(ends->peer);
	ends->peer = -1;
	assert_int_equal(stream_wait(&ends->stream, STREAM_CUT, wake_fd, -1, &has_bytes), IO_RESET);
	close(wake_fd);
}

static void wait_ends_when_both_directions_are_shut_down(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_NONBLOCK);
	bool has_bytes = true;

	shutdown(ends->stream.fd, SHUT_RD);
	assert_int_equal(
		stream_wait(&ends->stream, STREAM_CUT, wake_fd, 50, &has_bytes), IO_TIMEOUT);
	shutdown(ends->stream.fd, SHUT_RDWR);
	assert_int_equal(stream_wait(&ends->stream, STREAM_CUT, wake_fd, -1, &has_bytes), IO_RESET);
	close(wake_fd);
}

static void bytes_before_a_reset_are_read_before_it_is_told(void **state)
{
	struct ends *ends = *state;
	int wake_fd = eventfd(0, EFD_NONBLOCK);
	char bytes[4];
	size_t got = 0;
	bool has_bytes = false;

	send_all(ends->peer, "x", 1);
	assert_true(wait_readable(ends->stream.fd, SUPPORT_PATIENCE_MS));
	close_with_reset(ends->peer);
	ends->peer = -1;
	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, -1, &has_bytes), IO_OK);
	assert_true(has_bytes);
	assert_int_equal(stream_read_pending(&ends->stream, bytes, 4, &got), IO_OK);
	assert_int_equal(got, 1);
	assert_int_equal(stream_wait(&ends->stream, STREAM_BYTES, wake_fd, -1, &has_bytes), IO_OK);
	assert_int_equal(stream_read_pending(&ends->stream, bytes, 4, &got), IO_RESET);
	close(wake_fd);
}

static void read_waits_for_its_timeout_and_no_longer(void **state)
{
	struct ends *ends = *state;
	int64_t before = support_now_ms();
	char bytes[4];
	size_t got = 99;

	assert_int_equal(stream_read_some(&ends->stream, bytes, 4, 100, &got), IO_TIMEOUT);
	int64_t took = support_now_ms() - before;
	assert_in_range(took, 90, SUPPORT_PATIENCE_MS);
	assert_int_equal(got, 99);
}

static void read_timeout_is_armed_anew_when_it_changes(void **state)
{
	struct ends *ends = *state;
	struct timeval armed;
	socklen_t length = sizeof armed;
	char byte;
	size_t got;

	send_all(ends->peer, "abc", 3);
	assert_int_equal(stream_read_some(&ends->stream, &byte, 1, 60000, &got), IO_OK);
	getsockopt(ends->stream.fd, SOL_SOCKET, SO_RCVTIMEO, &armed, &length);
	assert_int_equal(armed.tv_sec, 60);
	assert_int_equal(stream_read_some(&ends->stream, &byte, 1, 0, &got), IO_OK);
	getsockopt(ends->stream.fd, SOL_SOCKET, SO_RCVTIMEO, &armed, &length);
	assert_int_equal(armed.tv_sec, 0);
	assert_int_equal(armed.tv_usec, 0);
	assert_int_equal(stream_read_some(&ends->stream, &byte, 1, 60000, &got), IO_OK);
	int64_t before = support_now_ms();
	assert_int_equal(stream_read_some(&ends->stream, &byte, 1, 50, &got), IO_TIMEOUT);
	assert_in_range(support_now_ms() - before, 40, SUPPORT_PATIENCE_MS);
}

static void read_of_a_bad_descriptor_keeps_the_errno(void **state)
{
	struct ends *ends = *state;
	int pipe_ends[2];
	struct stream stream;
	char byte;
	size_t got;

	(void)ends;
	assert_int_equal(pipe(pipe_ends), 0);
	stream_init(&stream, pipe_ends[0]);
	assert_int_equal(stream_read_pending(&stream, &byte, 1, &got), IO_ERROR);
	assert_int_equal(stream.error_number, ENOTSOCK);
	stream_close(&stream, 0);
	close(pipe_ends[1]);
}

static void read_pending_does_not_wait(void **state)
{
	struct ends *ends = *state;
	char bytes[4];
	size_t got = 99;
	int64_t before = support_now_ms();

	assert_int_equal(stream_read_pending(&ends->stream, bytes, 4, &got), IO_TIMEOUT);
	assert_in_range(support_now_ms() - before, 0, SUPPORT_PATIENCE_MS / 2);
	assert_int_equal(got, 99);
	send_all(ends->peer, "abc", 3);
	assert_true(wait_readable(ends->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(stream_read_pending(&ends->stream, bytes, 4, &got), IO_OK);
	assert_int_equal(got, 3);
	shutdown(ends->peer, SHUT_WR);
	assert_true(wait_readable(ends->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(stream_read_pending(&ends->stream, bytes, 4, &got), IO_EOF);
}

/* --- writing ---------------------------------------------------------------------------------- */

struct reader {
	int fd;
	size_t piece;     /* bytes a read */
	int pause_ms;     /* after each */
	int64_t until_ms; /* reads no longer than this; 0: to the end */
	size_t taken;
	size_t wrong; /* bytes that were not what pattern_at says */
};

static char pattern_at(size_t index)
{
	return (char)(index * 31 + index / 257);
}

static void *read_pieces(void *argument)
{
	struct reader *reader = argument;
	char bytes[SMALL_BUFFER];
	ssize_t count;

	while ((reader->until_ms == 0 || support_now_ms() < reader->until_ms) &&
		(count = recv(reader->fd, bytes, reader->piece, 0)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			reader->wrong += bytes[i] != pattern_at(reader->taken + (size_t)i);
		reader->taken += (size_t)count;
		if (reader->pause_ms > 0)
			(void)poll(NULL, 0, reader->pause_ms);
	}
	return NULL;
}

static char *new_pattern(size_t length)
{
	char *bytes = malloc(length);

	assert_non_null(bytes);
	for (size_t i = 0; i < length; i++)
		bytes[i] = pattern_at(i);
	return bytes;
}

static void write_all_gives_a_slow_reader_every_byte_in_order(void **state)
{
	struct ends *ends = *state;
	struct reader reader = {.fd = ends->peer, .piece = 1000};
	char *bytes = new_pattern(LARGE);
	pthread_t thread;
	size_t sent = 0;

	assert_int_equal(pthread_create(&thread, NULL, read_pieces, &reader), 0);
	enum io io = stream_write_all(&ends->stream, bytes, LARGE, 0, &sent);
	assert_int_equal(stream_finish(&ends->stream, 0), IO_OK);
	pthread_join(thread, NULL);
	free(bytes);
	assert_int_equal(io, IO_OK);
	assert_int_equal(sent, LARGE);
	assert_int_equal(reader.taken, LARGE);
	assert_int_equal(reader.wrong, 0);
}

static void write_all_ends_at_its_timeout_and_counts_what_was_taken(void **state)
{
	struct ends *ends = *state;
	struct reader reader = {.fd = ends->peer, .piece = 1000};
	char *bytes = new_pattern(LARGE);
	int64_t before = support_now_ms();
	pthread_t thread;
	size_t sent = 0;

	enum io io = stream_write_all(&ends->stream, bytes, LARGE, 100, &sent);
	int64_t took = support_now_ms() - before;
	assert_int_equal(stream_finish(&ends->stream, 0), IO_OK);
	assert_int_equal(pthread_create(&thread, NULL, read_pieces, &reader), 0);
	pthread_join(thread, NULL);
	free(bytes);
	assert_int_equal(io, IO_TIMEOUT);
	assert_in_range(took, 90, SUPPORT_PATIENCE_MS);
	assert_in_range(sent, 1, LARGE - 1);
	assert_int_equal(reader.taken, sent);
	assert_int_equal(reader.wrong, 0);
}

static void write_all_holds_its_timeout_in_total_against_a_reader_of_single_bytes(void **state)
{
	struct ends *ends = *state;
	struct reader reader = {
		.fd = ends->peer, .piece = 1, .pause_ms = 1, .until_ms = support_now_ms() + 1500};
	char *bytes = calloc(1, ENDLESS);
	pthread_t thread;
	size_t sent = 0;

	assert_non_null(bytes);
	assert_int_equal(pthread_create(&thread, NULL, read_pieces, &reader), 0);
	int64_t before = support_now_ms();
	enum io io = stream_write_all(&ends->stream, bytes, ENDLESS, 500, &sent);
	int64_t took = support_now_ms() - before;
	stream_abort(&ends->stream);
	pthread_join(thread, NULL);
	free(bytes);
	assert_int_equal(io, IO_TIMEOUT);
	assert_in_range(took, 450, 5000);
	assert_in_range(sent, 1, ENDLESS - 1);
	assert_true(reader.taken > 0);
}

/* Takes pieces at a pace of its own, far below what the kernel tells a waiting writer of. */
static void *read_at_a_pace(void *argument)
{
	struct reader *reader = argument;
	char bytes[SMALL_BUFFER];
	ssize_t count;

	while ((count = recv(reader->fd, bytes, sizeof bytes, MSG_WAITALL)) > 0) {
		reader->taken += (size_t)count;
		(void)poll(NULL, 0, 16);
	}
	return NULL;
}

/* Writes length bytes at a time, for longer than the timeout of each. */
static void expect_patience(struct ends *ends, size_t length)
{
	struct reader reader = {.fd = ends->peer};
	int large = 4 * LARGE;
	char *bytes = calloc(1, length);
	pthread_t thread;
	size_t sent = 0, total = 0;
	enum io io = IO_OK;

	assert_non_null(bytes);
	assert_int_equal(
		setsockopt(ends->stream.fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_at_a_pace, &reader), 0);
	int64_t until = support_now_ms() + 3000;
	while (io == IO_OK && support_now_ms() < until) {
		io = stream_write_all(&ends->stream, bytes, length, 250, &sent);
		total += sent;
	}
	stream_abort(&ends->stream);
	pthread_join(thread, NULL);
	free(bytes);
	assert_int_equal(io, IO_OK);
	assert_true(total > reader.taken); /* or the reader was never the slower one */
}

static void write_all_keeps_waiting_for_a_slow_reader_that_reads_on(void **state)
{
	expect_patience(*state, PIECE);
}

/* The timeout is for STREAM_PIECE_BYTES of them, not for all. */
static void write_all_keeps_waiting_for_a_slow_reader_of_a_large_piece(void **state)
{
	expect_patience(*state, 16 * STREAM_PIECE_BYTES);
}

/* 25 pieces of 1 KiB a second, on average: what was missed for want of a processor is made up for. */
static void *read_25_kib_a_second(void *argument)
{
	struct reader *reader = argument;
	int64_t due_ms = support_now_ms();
	char bytes[1024];
	ssize_t count;

	while (due_ms < reader->until_ms &&
		(count = recv(reader->fd, bytes, sizeof bytes, MSG_WAITALL)) > 0) {
		reader->taken += (size_t)count;
		due_ms += 40;
		int64_t left_ms = due_ms - support_now_ms();
		if (left_ms > 0)
			(void)poll(NULL, 0, (int)left_ms);
	}
	return NULL;
}

/* What it takes in the timeout is less than the kernel makes of a large write, and more than a piece. */
static void write_all_keeps_waiting_for_a_slow_reader_of_a_unix_socket(void **state)
{
	struct ends *ends = *state;
	int64_t until_ms = support_now_ms() + 4000;
	struct reader reader = {.fd = ends->peer, .until_ms = until_ms};
	char *bytes = calloc(1, LARGE);
	pthread_t thread;
	size_t sent = 0;

	assert_non_null(bytes);
	ends->stream.write_deadline_ms = until_ms;
	assert_int_equal(pthread_create(&thread, NULL, read_25_kib_a_second, &reader), 0);
	int64_t before = support_now_ms();
	enum io io = stream_write_all(&ends->stream, bytes, LARGE, 1000, &sent);
	int64_t took = support_now_ms() - before;
	pthread_join(thread, NULL);
	free(bytes);
	assert_int_equal(io, IO_TIMEOUT);
	assert_in_range(took, 3900, SUPPORT_PATIENCE_MS); /* the deadline of all, not the timeout */
	assert_in_range(sent, 1, LARGE - 1);
}

static void write_all_with_room_looks_at_no_timeout(void **state)
{
	struct ends *ends = *state;
	char bytes[8];
	size_t sent = 0;
	int end;

	assert_int_equal(stream_write_all(&ends->stream, "12345678", 8, 1, &sent), IO_OK);
	assert_int_equal(sent, 8);
	assert_int_equal(receive(ends->peer, bytes, 8, &end), 8);
	assert_memory_equal(bytes, "12345678", 8);
	assert_int_equal(ends->stream.write_timeout_ms, 0);
}

static void write_to_a_peer_that_has_reset_tells_so_and_raises_no_signal(void **state)
{
	struct ends *ends = *state;
	size_t sent = 99;

	close_with_reset(ends->peer);
	ends->peer = -1;
	assert_true(wait_readable(ends->stream.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(stream_write_all(&ends->stream, "x", 1, 1000, &sent), IO_RESET);
	assert_int_equal(sent, 0);
	/* The first write took the error off the socket; the next sees a broken pipe. */
	assert_int_equal(stream_write_all(&ends->stream, "x", 1, 1000, &sent), IO_RESET);
}

struct canceller {
	int peer;
	int stop;
};

static void *reset_when_bytes_come(void *argument)
{
	struct canceller *canceller = argument;
	struct linger reset = {.l_onoff = 1};

	(void)wait_readable(canceller->peer, SUPPORT_PATIENCE_MS);
	setsockopt(canceller->peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	close(canceller->peer);
	return NULL;
}

static void a_waiting_write_ends_when_the_peer_resets(void **state)
{
	struct ends *ends = *state;
	struct canceller canceller = {.peer = ends->peer};
	char *bytes = calloc(1, LARGE);
	pthread_t thread;
	size_t sent = 0;

	assert_non_null(bytes);
	ends->peer = -1;
	assert_int_equal(pthread_create(&thread, NULL, reset_when_bytes_come, &canceller), 0);
	enum io io = stream_write_all(&ends->stream, bytes, LARGE, 0, &sent);
	pthread_join(thread, NULL);
	free(bytes);
	assert_int_equal(io, IO_RESET);
	assert_in_range(sent, 1, LARGE - 1);
}

static void finish_ends_our_side_and_reading_goes_on(void **state)
{
	struct ends *ends = *state;
	char byte = 0;
	size_t got;

	assert_int_equal(stream_finish(&ends->stream, 0), IO_OK);
	assert_eof(ends->peer);
	send_all(ends->peer, "x", 1);
	assert_int_equal(stream_read_some(&ends->stream, &byte, 1, 5000, &got), IO_OK);
	assert_int_equal(byte, 'x');
}

static void unsent_bytes_are_told_until_the_peer_has_taken_them(void **state)
{
	struct ends *ends = *state;
	struct reader reader = {.fd = ends->peer, .piece = 1000};
	char *bytes = calloc(1, LARGE);
	pthread_t thread;
	size_t sent;

	assert_non_null(bytes);
	assert_false(stream_has_unsent(&ends->stream));
	enum io io = stream_write_all(&ends->stream, bytes, LARGE, 10, &sent);
	free(bytes);
	assert_int_equal(io, IO_TIMEOUT);
	assert_true(stream_has_unsent(&ends->stream));
	assert_int_equal(stream_finish(&ends->stream, 0), IO_OK);
	assert_int_equal(pthread_create(&thread, NULL, read_pieces, &reader), 0);
	pthread_join(thread, NULL);
	int64_t until_ms = support_now_ms() + SUPPORT_PATIENCE_MS;
	while (stream_has_unsent(&ends->stream) && support_now_ms() < until_ms)
		sched_yield(); /* the last acknowledgement is on its way */
	assert_false(stream_has_unsent(&ends->stream));
}

static void close_delivers_what_was_written(void **state)
{
	struct ends *ends = *state;
	char bytes[3];
	size_t sent;
	int end;

	assert_int_equal(stream_write_all(&ends->stream, "bye", 3, 0, &sent), IO_OK);
	stream_close(&ends->stream, 0);
	assert_int_equal(ends->stream.fd, -1);
	assert_int_equal(receive(ends->peer, bytes, 3, &end), 3);
	assert_eof(ends->peer);
}

static void close_and_abort_are_fine_on_a_closed_stream(void **state)
{
	struct ends *ends = *state;
	int fd = ends->stream.fd;

	stream_close(&ends->stream, 0);
	assert_int_equal(dup2(ends->peer, fd), fd); /* the number is somebody else's now */
	stream_close(&ends->stream, 0);
	stream_abort(&ends->stream);
	assert_int_equal(close(fd), 0);
}

static void abort_cuts_the_connection_with_a_reset(void **state)
{
	struct ends *ends = *state;
	size_t sent;

	assert_int_equal(stream_write_all(&ends->stream, "x", 1, 0, &sent), IO_OK);
	stream_abort(&ends->stream);
	assert_int_equal(ends->stream.fd, -1);
	assert_reset(ends->peer);
}

int main(void)
{
#define ROW(test)       cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define ROW_SMALL(test) cmocka_unit_test_setup_teardown(test, set_up_small, tear_down)
#define ROW_UNIX(test)                                                                             \
	{                                                                                          \
#test " (unix)", test, set_up_unix, tear_down, NULL                                \
	}
	const struct CMUnitTest tests[] = {
		ROW(read_returns_what_is_there),
		ROW(read_takes_no_more_than_capacity),
		ROW(read_tells_the_end_of_the_stream_behind_its_last_byte),
		ROW(read_tells_a_reset),
		ROW(read_waits_for_its_timeout_and_no_longer),
		ROW(read_timeout_is_armed_anew_when_it_changes),
		ROW(read_of_a_bad_descriptor_keeps_the_errno),
		ROW(read_pending_does_not_wait),
		ROW(wait_tells_bytes_an_end_and_another_threads_word),
		ROW(wait_does_not_see_bytes_that_are_not_wanted),
		ROW(wait_sees_an_end_behind_bytes_that_are_not_read),
		ROW(wait_sees_a_reset_though_no_bytes_are_wanted),
		ROW(wait_ends_when_both_directions_are_shut_down),
		ROW(bytes_before_a_reset_are_read_before_it_is_told),
		ROW_SMALL(write_all_gives_a_slow_reader_every_byte_in_order),
		ROW_SMALL(write_all_ends_at_its_timeout_and_counts_what_was_taken),
		ROW_SMALL(write_all_keeps_waiting_for_a_slow_reader_that_reads_on),
		ROW_SMALL(write_all_keeps_waiting_for_a_slow_reader_of_a_large_piece),
		ROW_SMALL(write_all_holds_its_timeout_in_total_against_a_reader_of_single_bytes),
		ROW_UNIX(write_all_keeps_waiting_for_a_slow_reader_of_a_unix_socket),
		ROW_UNIX(write_all_gives_a_slow_reader_every_byte_in_order),
		ROW_UNIX(write_all_ends_at_its_timeout_and_counts_what_was_taken),
		ROW_UNIX(write_all_holds_its_timeout_in_total_against_a_reader_of_single_bytes),
		ROW_UNIX(read_returns_what_is_there),
		ROW_UNIX(read_tells_the_end_of_the_stream_behind_its_last_byte),
		ROW_UNIX(read_waits_for_its_timeout_and_no_longer),
		ROW_UNIX(finish_ends_our_side_and_reading_goes_on),
		ROW_UNIX(unsent_bytes_are_told_until_the_peer_has_taken_them),
		ROW_UNIX(close_delivers_what_was_written),
		ROW(write_all_with_room_looks_at_no_timeout),
		ROW(write_to_a_peer_that_has_reset_tells_so_and_raises_no_signal),
		ROW_SMALL(a_waiting_write_ends_when_the_peer_resets),
		ROW(finish_ends_our_side_and_reading_goes_on),
		ROW_SMALL(unsent_bytes_are_told_until_the_peer_has_taken_them),
		ROW(close_delivers_what_was_written),
		ROW(close_and_abort_are_fine_on_a_closed_stream),
		ROW(abort_cuts_the_connection_with_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
