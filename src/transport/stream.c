/* SPDX-License-Identifier: MIT */
#include "yodel/transport/stream.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/transport/tls_stream.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

void stream_init(struct stream *stream, int fd)
{
	int family = AF_UNSPEC;
	socklen_t length = sizeof family;

	CHECK(fd >= 0);
	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
	*stream = (struct stream){.fd = fd, .is_unix = family == AF_UNIX};
}

static void arm(int fd, int option, int64_t *armed_ms, int64_t wanted_ms)
{
	if (*armed_ms == wanted_ms)
		return;
	struct timeval value = {
		.tv_sec = wanted_ms / 1000,
		.tv_usec = wanted_ms % 1000 * 1000,
	};
	CHECK(setsockopt(fd, SOL_SOCKET, option, &value, sizeof value) == 0);
	*armed_ms = wanted_ms;
}

static enum io failure(struct stream *stream, int number)
{
	switch (number) {
	case EAGAIN:
		return IO_TIMEOUT;
	case ECONNRESET:
	case EPIPE:
		return IO_RESET;
	default:
		stream->error_number = number;
		return IO_ERROR;
	}
}

static enum io read_with(struct stream *stream, void *dst, size_t capacity, int flags, size_t *got)
{
	ssize_t count;

	do
		count = recv(stream->fd, dst, capacity, flags);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return failure(stream, errno);
	if (count == 0)
		return IO_EOF;
	*got = (size_t)count;
	return IO_OK;
}

/* 0, for never, where timeout_ms is 0. */
static int64_t deadline_after(int64_t timeout_ms)
{
	return timeout_ms == 0 ? 0 : clock_monotonic_ms() + timeout_ms;
}

/* The time that is left; 0 where there is no deadline, less where it has passed. */
static int64_t left_until(int64_t deadline_ms)
{
	if (deadline_ms == 0)
		return 0;
	int64_t left_ms = deadline_ms - clock_monotonic_ms();
	return left_ms > 0 ? left_ms : -1;
}

/* What a call of TLS has come to. */
static enum io told_of(struct stream *stream, enum io io)
{
	return io == IO_ERROR ? failure(stream, tls_errno(stream->tls)) : io;
}

/* TLS also writes where it reads, and the other way round. */
static void arm_both(struct stream *stream, int64_t timeout_ms)
{
	arm(stream->fd, SO_RCVTIMEO, &stream->read_timeout_ms, timeout_ms);
	arm(stream->fd, SO_SNDTIMEO, &stream->write_timeout_ms, timeout_ms);
}

static void arm_writing(struct stream *stream, int64_t timeout_ms)
{
	if (stream->tls != NULL)
		arm_both(stream, timeout_ms);
	else
		arm(stream->fd, SO_SNDTIMEO, &stream->write_timeout_ms, timeout_ms);
}

/* A record comes in pieces, or holds nothing for us: all waits together get the time. */
static enum io read_record(
	struct stream *stream, void *dst, size_t capacity, int64_t timeout_ms, size_t *got)
{
	int64_t deadline_ms = deadline_after(timeout_ms), left_ms = timeout_ms;
	enum io io;

	do {
		arm_both(stream, left_ms);
		io = told_of(stream, tls_read(stream->tls, dst, capacity, 0, got));
		left_ms = io == IO_TIMEOUT ? left_until(deadline_ms) : 0;
	} while (io == IO_TIMEOUT && left_ms >= 0);
	return io;
}

enum io stream_read_some(
	struct stream *stream, void *dst, size_t capacity, int64_t timeout_ms, size_t *got)
{
	if (stream->tls != NULL)
		return read_record(stream, dst, capacity, timeout_ms, got);
	arm(stream->fd, SO_RCVTIMEO, &stream->read_timeout_ms, timeout_ms);
	return read_with(stream, dst, capacity, 0, got);
}

enum io stream_secure(struct stream *stream, struct tls_context *context, int64_t timeout_ms)
{
	int64_t deadline_ms = deadline_after(timeout_ms), left_ms = timeout_ms;
	enum io io = IO_TIMEOUT;

	stream->tls = tls_new_server(context, stream->fd);
	if (stream->tls == NULL)
		return failure(stream, ENOMEM);
	while (io == IO_TIMEOUT && left_ms >= 0) {
		arm_both(stream, left_ms);
		io = told_of(stream, tls_handshake(stream->tls));
		left_ms = left_until(deadline_ms);
	}
	if (io != IO_TIMEOUT)
		return io;
	tls_give_up(stream->tls, "the handshake took too long");
	return IO_TLS;
}

const char *stream_tls_failure(const struct stream *stream)
{
	return tls_failure(stream->tls);
}

enum io stream_read_pending(struct stream *stream, void *dst, size_t capacity, size_t *got)
{
	if (stream->tls != NULL)
		return told_of(stream, tls_read(stream->tls, dst, capacity, MSG_DONTWAIT, got));
	return read_with(stream, dst, capacity, MSG_DONTWAIT, got);
}

/*
 * What poll(2) tells of the peer where no bytes are wanted. Where both directions are shut down, the
 * peer of a Unix socket has done so by its close; else we have.
 */
static enum io end_or_cut(struct stream *stream, int events)
{
	int number = 0;
	socklen_t length = sizeof number;

	(void)getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &number, &length);
	if (number != 0)
		return failure(stream, number);
	return (events & POLLHUP) != 0 && !stream->is_unix ? IO_RESET : IO_EOF;
}

/* A Unix socket whose peer has closed would end every wait. */
static struct pollfd interest_of(const struct stream *stream, enum stream_interest interest)
{
	static const short events[] = {
		[STREAM_BYTES] = POLLIN, [STREAM_END] = POLLRDHUP, [STREAM_CUT] = 0};
	bool is_told = interest == STREAM_CUT && stream->is_unix;
	/* TLS reads on only once it has sent what it owes the peer. */
	bool is_blocked = interest == STREAM_BYTES && stream->tls != NULL &&
			  tls_wants_write(stream->tls);

	return (struct pollfd){
		.fd = is_told ? -1 : stream->fd, .events = is_blocked ? POLLOUT : events[interest]};
}

enum io stream_wait(struct stream *stream, enum stream_interest interest, int wake_fd,
	int timeout_ms, bool *has_bytes)
{
	struct pollfd set[] = {
		interest_of(stream, interest),
		{.fd = wake_fd, .events = POLLIN},
	};
	bool wants_bytes = interest == STREAM_BYTES;

	if (wants_bytes && stream->tls != NULL && tls_has_pending(stream->tls)) {
		*has_bytes = true;
		return IO_OK;
	}
	int count = poll(set, sizeof set / sizeof *set, timeout_ms);
	if (count == 0)
		return IO_TIMEOUT;
	if (count < 0 && errno != EINTR && errno != ENOMEM)
		return failure(stream, errno);
	/* Where bytes are wanted those that came before a reset are read before it is told. */
	if (count > 0 && !wants_bytes && set[0].revents != 0)
		return end_or_cut(stream, set[0].revents);
	*has_bytes = count > 0 && set[0].revents != 0;
	return IO_OK;
}

/* One record of src; without src, our close_notify, which counts as the one byte of length. */
static enum io write_record(
	struct stream *stream, const void *src, size_t length, int flags, size_t *sent)
{
	size_t count = 1;
	enum io io = src == NULL ? tls_finish(stream->tls, flags)
				 : tls_write(stream->tls, (const char *)src + *sent, length - *sent,
					   flags, &count);

	if (io == IO_OK)
		*sent += count;
	return told_of(stream, io);
}

static enum io write_with(
	struct stream *stream, const void *src, size_t length, int flags, size_t *sent)
{
	size_t left = length - *sent;

	if (stream->tls != NULL)
		return write_record(stream, src, length, flags, sent);
	if (stream->is_unix && left > STREAM_PIECE_BYTES)
		left = STREAM_PIECE_BYTES;
	ssize_t count = send(stream->fd, (const char *)src + *sent, left, flags | MSG_NOSIGNAL);
	if (count < 0)
		return errno == EINTR ? IO_OK : failure(stream, errno);
	*sent += (size_t)count;
	return IO_OK;
}

/* What the peer's system has not acknowledged yet; of a Unix socket, the memory that it is in. */
static size_t unsent_bytes(const struct stream *stream)
{
	int bytes = 0;

	/* Linux' own name for it, SIOCOUTQ, stands in a kernel header that musl does not bring. */
	return ioctl(stream->fd, TIOCOUTQ, &bytes) == 0 && bytes > 0 ? (size_t)bytes : 0;
}

/* A wait for the peer to take a piece of src. */
struct wait {
	int64_t deadline_ms; /* 0 = none */
	size_t sent;         /* of src, when the wait began */
	uint64_t handed;     /* to the kernel until then: bytes on the wire */
	size_t unsent;       /* in the kernel, then */
};

/* With TLS more than sent, and a record that has gone out in part counts, too. */
static uint64_t handed_bytes(const struct stream *stream, size_t sent)
{
	return stream->tls != NULL ? tls_wire_bytes(stream->tls) : sent;
}

static struct wait begin_wait(const struct stream *stream, int64_t timeout_ms, size_t sent)
{
	return (struct wait){
		.deadline_ms = clock_earlier_of(
			deadline_after(timeout_ms), stream->write_deadline_ms),
		.sent = sent,
		.handed = handed_bytes(stream, sent),
		.unsent = unsent_bytes(stream),
	};
}

/*
 * Whether the peer has taken enough since the wait began: what was left then, or a piece of it. The
 * kernel wakes a writer only when a third of the send buffer is free: a peer that reads steadily but
 * slowly makes progress that send(2) does not show.
 */
static bool has_progress(
	const struct stream *stream, const struct wait *wait, size_t wanted, size_t sent)
{
	uint64_t given = wait->unsent + (handed_bytes(stream, sent) - wait->handed);
	size_t left = unsent_bytes(stream);

	if (wanted > STREAM_PIECE_BYTES)
		wanted = STREAM_PIECE_BYTES;
	if (stream->is_unix)
		wanted = 1;
	return given >= left && given - left >= wanted;
}

/*
 * The peer is slower than we are: wait for it, as long as it takes a piece in the time. What is before
 * our end goes in pieces, too: else a peer could stretch it byte by byte.
 */
static enum io write_patiently(
	struct stream *stream, const void *src, size_t length, int64_t timeout_ms, size_t *sent)
{
	struct wait wait = begin_wait(stream, timeout_ms, *sent);
	enum io io = IO_OK;

	while (*sent < length && (io == IO_OK || io == IO_TIMEOUT)) {
		int64_t left_ms = left_until(wait.deadline_ms);

		if (left_ms < 0) {
			bool is_last = wait.deadline_ms == stream->write_deadline_ms;
			size_t wanted = src == NULL ? STREAM_PIECE_BYTES : length - wait.sent;

			if (is_last || !has_progress(stream, &wait, wanted, *sent))
				return IO_TIMEOUT;
			wait = begin_wait(stream, timeout_ms, *sent);
			continue;
		}
		arm_writing(stream, left_ms);
		io = write_with(stream, src, length, 0, sent);
	}
	return *sent == length ? IO_OK : io;
}

/* Whether one call writes no more than a piece, though the kernel would take all. */
static bool writes_pieces(const struct stream *stream)
{
	return stream->is_unix || stream->tls != NULL;
}

enum io stream_write_all(
	struct stream *stream, const void *src, size_t length, int64_t timeout_ms, size_t *sent)
{
	enum io io;

	*sent = 0;
	do
		io = write_with(stream, src, length, MSG_DONTWAIT, sent);
	while (io == IO_OK && *sent < length && writes_pieces(stream));
	if (*sent == length || (io != IO_OK && io != IO_TIMEOUT))
		return io;
	return write_patiently(stream, src, length, timeout_ms, sent);
}

enum io stream_finish(struct stream *stream, int64_t timeout_ms)
{
	enum io io = IO_OK;
	size_t sent;

	if (stream->tls != NULL)
		io = stream_write_all(stream, NULL, 1, timeout_ms, &sent);
	/* Fails only where the peer has already cut the connection, which is as final. */
	(void)shutdown(stream->fd, SHUT_WR);
	return io == IO_TIMEOUT ? io : IO_OK;
}

bool stream_has_unsent(const struct stream *stream)
{
	return unsent_bytes(stream) > 0;
}

int stream_incoming_cpu(const struct stream *stream)
{
	int cpu = -1;
	socklen_t length = sizeof cpu;

	(void)getsockopt(stream->fd, SOL_SOCKET, SO_INCOMING_CPU, &cpu, &length);
	return cpu;
}

/* A limit that is there and shorter stays. */
static void limit_delivery(int fd, int64_t delivery_ms)
{
	int limit_ms = delivery_ms > INT_MAX ? INT_MAX : (int)delivery_ms, present_ms = 0;
	socklen_t length = sizeof present_ms;

	(void)getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &present_ms, &length);
	if (present_ms == 0 || present_ms > limit_ms)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
}

void stream_close(struct stream *stream, int64_t delivery_ms)
{
	if (stream->fd < 0)
		return;
	if (delivery_ms != 0 && stream_has_unsent(stream))
		limit_delivery(stream->fd, delivery_ms);
	tls_free(stream->tls);
	stream->tls = NULL;
	close(stream->fd);
	stream->fd = -1;
}

void stream_abort(struct stream *stream)
{
	struct linger reset = {.l_onoff = 1};

	if (stream->fd >= 0)
		(void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
	stream_close(stream, 0);
}
