/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_stream.h"

#include <errno.h>
#include <string.h>

/* A prime: no power of two that a server may lose or repeat is a multiple of it. */
enum { PERIOD_BYTES = 65521, CONNECTION_STRIDE = 7919 };

/* One period and as much more as one call sends or receives, so that every piece stands in a row. */
static unsigned char pattern[PERIOD_BYTES + LOAD_BUFFER_BYTES];

void load_stream_prepare(void)
{
	uint32_t state = 1;

	for (size_t i = 0; i < PERIOD_BYTES; i++) {
		state = state * 1664525 + 1013904223; /* Numerical Recipes, 7.1 */
		pattern[i] = (unsigned char)(state >> 24);
	}
	for (size_t i = PERIOD_BYTES; i < sizeof pattern; i++)
		pattern[i] = pattern[i - PERIOD_BYTES];
}

void load_stream_open(
	struct load_stream *stream, int fd, const struct request *request, uint64_t number)
{
	*stream = (struct load_stream){
		.base = (uint32_t)(number * CONNECTION_STRIDE % PERIOD_BYTES),
	};
	channel_open(&stream->channel, fd, request);
}

void load_stream_close(struct load_stream *stream)
{
	channel_close(&stream->channel);
}

static const unsigned char *pattern_at(const struct load_stream *stream, uint64_t offset)
{
	return pattern + (stream->base + offset) % PERIOD_BYTES;
}

enum load_io load_stream_push(struct load_stream *stream)
{
	while (stream->sent < stream->goal) {
		uint64_t left = stream->goal - stream->sent;
		size_t length = left < LOAD_BUFFER_BYTES ? (size_t)left : LOAD_BUFFER_BYTES;
		ssize_t count = channel_send(
			&stream->channel, pattern_at(stream, stream->sent), length);

		if (count >= 0)
			stream->sent += (uint64_t)count;
		else
			return errno == EAGAIN ? LOAD_IO_AGAIN : LOAD_IO_FAILED;
	}
	return LOAD_IO_OK;
}

/* How many bytes are the same from the beginning on. */
static size_t common_length(const unsigned char *one, const unsigned char *other, size_t length)
{
	size_t same = 0;

	while (same < length && one[same] == other[same])
		same++;
	return same;
}

enum load_io load_stream_pull(struct load_stream *stream, unsigned char *buffer)
{
	ssize_t count = channel_receive(&stream->channel, buffer, LOAD_BUFFER_BYTES);

	if (count < 0)
		return errno == EAGAIN ? LOAD_IO_AGAIN : LOAD_IO_FAILED;
	if (count == 0)
		return LOAD_IO_END;
	const unsigned char *expected = pattern_at(stream, stream->received);
	uint64_t outstanding = stream->sent - stream->received;
	size_t length = (size_t)count < outstanding ? (size_t)count : (size_t)outstanding;

	if (length == (size_t)count && memcmp(buffer, expected, length) == 0) {
		stream->received += length;
		return LOAD_IO_OK;
	}
	stream->received += common_length(buffer, expected, length);
	return LOAD_IO_MISMATCH;
}
