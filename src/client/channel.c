/* SPDX-License-Identifier: MIT */
#include "yodel/client/channel.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/error.h"
#include "yodel/base/parse.h"
#include "yodel/client/dial.h"
#include "yodel/transport/tls_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void channel_open(struct channel *channel, int fd, const struct request *request)
{
	*channel = (struct channel){
		.fd = fd,
		.is_secured = true,
		.receive_waits_for = POLLIN,
		.send_waits_for = POLLOUT,
	};
	if (fd < 0 || request->tls == NULL)
		return;
	channel->tls = tls_new_client(request->tls, fd);
	CHECK(channel->tls != NULL);
	channel->is_secured = false;
}

const char *channel_error(const struct channel *channel, int number)
{
	return channel->tls != NULL && number == EPROTO ? tls_failure(channel->tls)
							: error_text(number);
}

/* --- With TLS -------------------------------------------------------------------------------- */

/* What did not do what it was called for, as an errno value. */
static int number_of(const struct channel *channel, enum io io)
{
	if (io == IO_TIMEOUT)
		return EAGAIN;
	return io == IO_ERROR ? tls_errno(channel->tls) : EPROTO;
}

static uint32_t awaited(const struct channel *channel)
{
	return tls_wants_write(channel->tls) ? POLLOUT : POLLIN;
}

static ssize_t receive_tls(struct channel *channel, void *dst, size_t capacity, int flags)
{
	enum io io = IO_TLS;
	size_t got = 0;

	if (!tls_has_failed(channel->tls))
		io = tls_read(channel->tls, dst, capacity, flags | MSG_DONTWAIT, &got);
	channel->receive_waits_for = io == IO_TIMEOUT ? awaited(channel) : POLLIN;
	channel->send_waits_for = POLLOUT; /* what it waited for may have come */
	if (io == IO_OK || io == IO_EOF)
		return (ssize_t)got;
	errno = number_of(channel, io);
	return -1;
}

static ssize_t send_tls(struct channel *channel, const void *src, size_t length)
{
	size_t sent = 0;

	if (length == 0)
		return 0;
	enum io io = tls_write(channel->tls, src, length, MSG_DONTWAIT, &sent);
	channel->send_waits_for = io == IO_TIMEOUT ? awaited(channel) : POLLOUT;
	if (io != IO_TIMEOUT || channel->send_waits_for == POLLOUT)
		channel->is_stuck = io == IO_TIMEOUT;
	if (io == IO_OK)
		return (ssize_t)sent;
	errno = number_of(channel, io);
	return -1;
}

int channel_secure(struct channel *channel)
{
	if (channel->is_secured)
		return 0;
	enum io io = tls_handshake(channel->tls);
	channel->is_secured = io == IO_OK;
	channel->receive_waits_for = io == IO_TIMEOUT ? awaited(channel) : POLLIN;
	return io == IO_OK ? 0 : number_of(channel, io);
}

/* --- With or without ------------------------------------------------------------------------- */

static ssize_t receive_plain(const struct channel *channel, void *dst, size_t capacity, int flags)
{
	ssize_t count = recv(channel->fd, dst, capacity, flags);

	if (count < 0 && errno == EINTR)
		errno = EAGAIN;
	return count;
}

static ssize_t receive(struct channel *channel, void *dst, size_t capacity, int flags)
{
	ssize_t count = channel->tls != NULL ? receive_tls(channel, dst, capacity, flags)
					     : receive_plain(channel, dst, capacity, flags);
	bool is_alert = channel->tls != NULL && tls_has_failed(channel->tls);
	bool is_end = count == 0 || (count < 0 && errno == EPROTO && !is_alert);

	if (!is_end || channel->cut_number == 0)
		return count;
	errno = channel->cut_number;
	return -1;
}

ssize_t channel_receive(struct channel *channel, void *dst, size_t capacity)
{
	return receive(channel, dst, capacity, 0);
}

bool channel_is_ended(struct channel *channel)
{
	char byte;
	ssize_t count = receive(channel, &byte, sizeof byte, MSG_PEEK);

	return count == 0 || (count < 0 && errno != EAGAIN);
}

/* Nothing more can be sent. EPIPE is no cut: the peer had ended its stream before. */
static void give_up_sending(struct channel *channel, int number)
{
	channel->is_ended = true;
	if (number != EPIPE && number != EPROTO)
		channel->cut_number = number;
}

static ssize_t send_plain(const struct channel *channel, const void *src, size_t length)
{
	ssize_t count = send(channel->fd, src, length, MSG_NOSIGNAL);

	if (count < 0 && errno == EINTR)
		errno = EAGAIN;
	return count;
}

ssize_t channel_send(struct channel *channel, const void *src, size_t length)
{
	ssize_t count = channel->tls != NULL ? send_tls(channel, src, length)
					     : send_plain(channel, src, length);

	if (count < 0 && errno != EAGAIN)
		give_up_sending(channel, errno);
	return count;
}

/*
 * Behind a record that is stuck there can be no close_notify: the peer sees that something is missing.
 * Returns IO_TIMEOUT where it has to be tried again.
 */
static enum io notify_end(struct channel *channel)
{
	if (channel->tls == NULL || !channel->is_secured || channel->is_ended || channel->is_stuck)
		return IO_OK;
	enum io io = tls_finish(channel->tls, MSG_DONTWAIT);
	channel->send_waits_for = io == IO_TIMEOUT ? awaited(channel) : POLLOUT;
	if (io != IO_OK && io != IO_TIMEOUT)
		give_up_sending(channel, number_of(channel, io));
	return io;
}

bool channel_finish(struct channel *channel)
{
	if (notify_end(channel) == IO_TIMEOUT)
		return false;
	channel->is_ended = true;
	(void)shutdown(channel->fd, SHUT_WR);
	return true;
}

void channel_close(struct channel *channel)
{
	(void)notify_end(channel);
	tls_free(channel->tls);
	if (channel->fd >= 0)
		close(channel->fd);
	*channel = (struct channel){.fd = -1};
}

uint32_t channel_wants(const struct channel *channel, uint32_t events)
{
	if (!channel->is_secured)
		return channel->receive_waits_for;
	return ((events & POLLIN) != 0 ? channel->receive_waits_for : 0) |
	       ((events & POLLOUT) != 0 ? channel->send_waits_for : 0);
}

uint32_t channel_ready(const struct channel *channel, uint32_t happened)
{
	uint32_t possible = happened & ~(uint32_t)(POLLIN | POLLOUT);

	if ((happened & channel->receive_waits_for) != 0)
		possible |= POLLIN;
	if ((happened & channel->send_waits_for) != 0)
		possible |= POLLOUT;
	return possible;
}

/* --- One connection -------------------------------------------------------------------------- */

static void say_secured(const struct channel *channel, const struct request *request)
{
	struct tls_summary summary;

	if (!request->is_verbose || channel->tls == NULL)
		return;
	tls_summarize(channel->tls, &summary);
	fprintf(stderr, "%s, %s\n", summary.version, summary.cipher);
}

static int fail(const struct channel *channel, const struct request *request, int number,
	struct failure *failure)
{
	char patience[PARSE_TEXT_BYTES];

	format_duration(patience, request->timeout_ms);
	if (number == ETIMEDOUT)
		return failure_set(failure, FAILURE_TIMEOUT,
			"%s did not answer in the TLS handshake for %s", request->target, patience);
	return failure_set_why(failure, number, channel_error(channel, number),
		"no TLS handshake with %s", request->target);
}

/* Waits until the handshake can go on. Returns 0 or an errno value; ECANCELED: the interrupt. */
static int wait_to_go_on(const struct channel *channel, int64_t until_ms, int interrupt_fd)
{
	struct pollfd wait[] = {
		{.fd = channel->fd, .events = (short)channel_wants(channel, 0)},
		{.fd = interrupt_fd, .events = POLLIN},
	};
	int ready = poll(wait, 2, clock_poll_timeout(until_ms, clock_monotonic_ms()));

	if (ready < 0)
		return errno == EINTR ? 0 : errno;
	if (ready == 0)
		return ETIMEDOUT;
	return wait[1].revents != 0 ? ECANCELED : 0;
}

int channel_establish(struct channel *channel, const struct request *request, int interrupt_fd,
	struct failure *failure)
{
	int64_t until_ms = request->timeout_ms == 0 ? 0
						    : clock_monotonic_ms() + request->timeout_ms;
	int number = channel_secure(channel);

	while (number == EAGAIN) {
		number = wait_to_go_on(channel, until_ms, interrupt_fd);
		if (number == 0)
			number = channel_secure(channel);
	}
	if (number != 0)
		return fail(channel, request, number, failure);
	say_secured(channel, request);
	return 0;
}

int channel_dial(struct channel *channel, const struct request *request, struct failure *failure)
{
	channel_open(channel, dial_target(request, NULL, failure), request);
	if (channel->fd < 0)
		return -1;
	if (channel_establish(channel, request, -1, failure) == 0)
		return 0;
	channel_close(channel);
	return -1;
}
