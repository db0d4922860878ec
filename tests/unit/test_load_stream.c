/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/load_stream.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct request in_the_clear = {.tls = NULL};

/* Two ends, of which the stream has the first, non-blocking. */
static void open_pair(struct load_stream *stream, int *other, uint64_t number)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	load_stream_open(stream, ends[0], &in_the_clear, number);
	*other = ends[1];
}

static unsigned char buffer[LOAD_BUFFER_BYTES];

/* Sends so many bytes of the stream and takes them at the other end. */
static void exchange_out(struct load_stream *stream, int other, unsigned char *dst, size_t length)
{
	stream->goal += length;
	assert_int_equal(load_stream_push(stream), LOAD_IO_OK);
	assert_int_equal(recv(other, dst, length, MSG_WAITALL), length);
}

static void bytes_that_come_back_are_counted(void **state)
{
	struct load_stream stream;
	unsigned char bytes[1000];
	int other;

	(void)state;
	open_pair(&stream, &other, 3);
	assert_int_equal(load_stream_pull(&stream, buffer), LOAD_IO_AGAIN);
	for (int i = 0; i < 200; i++) { /* beyond a period */
		exchange_out(&stream, other, bytes, sizeof bytes);
		assert_int_equal(send(other, bytes, 300, 0), 300);
		assert_int_equal(load_stream_pull(&stream, buffer), LOAD_IO_OK);
		assert_int_equal(send(other, bytes + 300, 700, 0), 700);
		assert_int_equal(load_stream_pull(&stream, buffer), LOAD_IO_OK);
		assert_int_equal(stream.received, (uint64_t)(i + 1) * sizeof bytes);
	}
	close(other);
	assert_int_equal(load_stream_pull(&stream, buffer), LOAD_IO_END);
	load_stream_close(&stream);
	load_stream_close(&stream);
}

static void any_wrong_byte_is_a_mismatch_at_its_offset(void **state)
{
	unsigned char bytes[500];

	(void)state;
	for (size_t at = 0; at < sizeof bytes; at += 7) {
		struct load_stream stream;
		int other;

		open_pair(&stream, &other, at);
		exchange_out(&stream, other, bytes, sizeof bytes);
		bytes[at] ^= 0x10;
		assert_int_equal(send(other, bytes, sizeof bytes, 0), sizeof bytes);
		assert_int_equal(load_stream_pull(&stream, buffer), LOAD_IO_MISMATCH);
		assert_int_equal(stream.received, at);
		load_stream_close(&stream);
		close(other);
	}
}

static void more_than_was_sent_is_a_mismatch(void **state)
{
	struct load_stream stream;
	unsigned char bytes[101];
	int other;

	(void)state;
	open_pair(&stream, &other, 1);
	exchange_out(&stream, other, bytes, 100);
	bytes[100] = 'x';
	assert_int_equal(send(other, bytes, 101, 0), 101);
	assert_int_equal(load_stream_pull(&stream, buffer), LOAD_IO_MISMATCH);
	assert_int_equal(stream.received, 100);
	load_stream_close(&stream);
	close(other);
}

static void connections_differ(void **state)
{
	struct load_stream one, two;
	unsigned char first[64], second[64];
	int other_one, other_two;

	(void)state;
	open_pair(&one, &other_one, 0);
	open_pair(&two, &other_two, 1);
	exchange_out(&one, other_one, first, sizeof first);
	exchange_out(&two, other_two, second, sizeof second);
	assert_memory_not_equal(first, second, sizeof first);
	load_stream_close(&one);
	load_stream_close(&two);
	close(other_one);
	close(other_two);
}

static void full_socket_keeps_the_rest_for_later(void **state)
{
	struct load_stream stream;
	unsigned char *bytes = malloc(4 * LOAD_BUFFER_BYTES);
	int other;

	(void)state;
	assert_non_null(bytes);
	open_pair(&stream, &other, 9);
	stream.goal = 4 * LOAD_BUFFER_BYTES;
	assert_int_equal(load_stream_push(&stream), LOAD_IO_AGAIN);
	assert_in_range(stream.sent, 1, stream.goal - 1);
	while (stream.received < stream.goal) {
		ssize_t count = recv(other, bytes, 4 * LOAD_BUFFER_BYTES, 0);

		if (count > 0)
			assert_int_equal(send(other, bytes, (size_t)count, 0), count);
		enum load_io io = load_stream_pull(&stream, buffer);
		assert_true(io == LOAD_IO_OK || io == LOAD_IO_AGAIN);
		assert_int_not_equal(load_stream_push(&stream), LOAD_IO_FAILED);
	}
	load_stream_close(&stream);
	close(other);
	free(bytes);
}

static int prepare(void **state)
{
	(void)state;
	load_stream_prepare();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_that_come_back_are_counted),
		cmocka_unit_test(any_wrong_byte_is_a_mismatch_at_its_offset),
		cmocka_unit_test(more_than_was_sent_is_a_mismatch),
		cmocka_unit_test(connections_differ),
		cmocka_unit_test(full_socket_keeps_the_rest_for_later),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
