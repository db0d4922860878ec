/* SPDX-License-Identifier: MIT */
#include "yodel/client/multi.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

static bool may_tell(const struct multi *multi)
{
	return !multi->request->is_quiet && !multi->request->is_json;
}

void multi_format_peer(
	const struct multi *multi, const struct talk *talk, char text[ADDRESS_TEXT_BYTES])
{
	address_format(&multi->target.addresses[talk->address], text);
}

bool multi_is_connecting(const struct talk *talk)
{
	return talk->state == TALK_CONNECTING || talk->state == TALK_SECURING;
}

static void end_talk(struct multi *multi, struct talk *talk, enum talk_state state)
{
	multi->connecting -= multi_is_connecting(talk);
	talk->state = state;
	multi->active--;
	channel_close(&talk->channel);
}

static void fail(struct multi *multi, struct talk *talk, const struct failure *failure)
{
	struct failure line;

	failure_set(&line, failure->kind, "connection %zu: %s", talk->number, failure->message);
	fflush(stdout);
	failure_print(multi->request, &line);
	talk->kind = failure->kind;
	talk->message_of_failure = strdup(failure->message);
	CHECK(talk->message_of_failure != NULL);
	end_talk(multi, talk, TALK_FAILED);
}

static void watch(struct multi *multi, struct talk *talk, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = talk};

	CHECK(epoll_ctl(multi->epoll_fd, operation, talk->channel.fd, &event) == 0);
	talk->watched = events;
}

/* Has epoll tell of what the connection waits for, if that is not what it tells of already. */
static void rewatch(struct multi *multi, struct talk *talk)
{
	uint32_t events = channel_wants(
		&talk->channel, talk->is_ended ? EPOLLIN : EPOLLIN | EPOLLOUT);

	if (events != talk->watched)
		watch(multi, talk, EPOLL_CTL_MOD, events);
}

static void fail_connect(struct multi *multi, struct talk *talk, int number)
{
	struct failure failure;
	char peer[ADDRESS_TEXT_BYTES];

	talk->address = multi->target.count - 1;
	multi_format_peer(multi, talk, peer);
	failure_set_errno(
		&failure, number == EAGAIN ? ETIMEDOUT : number, "cannot connect to %s", peer);
	fail(multi, talk, &failure);
}

/*
 * Connects to the address whose turn it is, or one behind it.
 *   number   the errno value of the one before
 * Returns false where it has to be done again.
 */
static bool connect_talk(struct multi *multi, struct talk *talk, int number)
{
	for (; talk->address < multi->target.count; talk->address++) {
		const struct address *address = &multi->target.addresses[talk->address];
		int fd;

		number = dial_begin(&multi->target, address, talk->number - 1, &fd);
		if (dial_may_retry(&multi->target, number, &multi->full_since_ms))
			return false;
		if (number != 0)
			continue;
		channel_open(&talk->channel, fd, multi->request);
		talk->state = TALK_CONNECTING;
		talk->moved_ms = clock_monotonic_ms();
		multi->connecting++;
		watch(multi, talk, EPOLL_CTL_ADD, EPOLLOUT);
		return true;
	}
	fail_connect(multi, talk, number);
	return true;
}

bool multi_connect(struct multi *multi, struct talk *talk)
{
	return connect_talk(multi, talk, 0);
}

/* Goes on with the next address behind one that did not work; number: the errno value of that. */
static void connect_next(struct multi *multi, struct talk *talk, int number)
{
	channel_close(&talk->channel);
	talk->state = TALK_WAITING;
	multi->connecting--;
	talk->address++;
	(void)connect_talk(multi, talk, number); /* what may have to wait has one address only */
}

static void fail_securing(struct multi *multi, struct talk *talk, int number)
{
	struct failure failure;
	char peer[ADDRESS_TEXT_BYTES];

	multi_format_peer(multi, talk, peer);
	if (number == ETIMEDOUT)
		failure_set(
			&failure, FAILURE_TIMEOUT, "%s did not answer in the TLS handshake", peer);
	else
		failure_set_why(&failure, number, channel_error(&talk->channel, number),
			"no TLS handshake with %s", peer);
	fail(multi, talk, &failure);
}

/* Goes on with the handshake of TLS, if there is one; then the talk is open. */
static void secure(struct multi *multi, struct talk *talk)
{
	int number = channel_secure(&talk->channel);
	char peer[ADDRESS_TEXT_BYTES];

	if (number == EAGAIN) {
		rewatch(multi, talk);
		return;
	}
	if (number != 0) {
		fail_securing(multi, talk, number);
		return;
	}
	multi->connecting--;
	talk->state = TALK_OPEN;
	talk->moved_ms = clock_monotonic_ms();
	multi_format_peer(multi, talk, peer);
	if (may_tell(multi))
		printf("%zu connected to %s\n", talk->number, peer);
	rewatch(multi, talk);
}

static void end_connect(struct multi *multi, struct talk *talk)
{
	int number = dial_end(&multi->target, talk->channel.fd);

	if (number != 0) {
		connect_next(multi, talk, number);
		return;
	}
	talk->state = TALK_SECURING;
	talk->moved_ms = clock_monotonic_ms();
	secure(multi, talk);
}

/* Nothing is left to be sent, or nobody takes it. */
static void end_sending(struct talk *talk)
{
	if (!talk->is_ended)
		talk->is_ended = channel_finish(&talk->channel);
}

/* Goes on with the message that is under way. */
static void send_message(struct multi *multi, struct talk *talk)
{
	const char *message = multi->messages[talk->message];
	size_t length = strlen(message);
	ssize_t count = channel_send(
		&talk->channel, message + talk->message_sent, length - talk->message_sent);

	if (count < 0 && errno == EAGAIN)
		return;
	if (count < 0) {
		end_sending(talk); /* only reading tells how it ended */
		return;
	}
	talk->moved_ms = clock_monotonic_ms();
	talk->sent += (uint64_t)count;
	talk->message_sent += (size_t)count;
	if (talk->message_sent < length)
		return;
	if (may_tell(multi))
		printf("%zu sent %zu bytes\n", talk->number, length);
	talk->message++;
	talk->message_sent = 0;
}

static void receive_answer(struct multi *multi, struct talk *talk)
{
	char piece[CHANNEL_PIECE_BYTES];
	ssize_t count = channel_receive(&talk->channel, piece, sizeof piece);

	if (count < 0 && errno == EAGAIN)
		return;
	if (count < 0) {
		struct failure failure;

		failure_set_why(&failure, errno, channel_error(&talk->channel, errno),
			"broke after %" PRIu64 " bytes sent and %" PRIu64 " received", talk->sent,
			talk->received);
		fail(multi, talk, &failure);
		return;
	}
	talk->moved_ms = clock_monotonic_ms();
	talk->received += (uint64_t)count;
	if (count == 0)
		end_talk(multi, talk, TALK_CLOSED);
	if (!may_tell(multi))
		return;
	if (count == 0) {
		printf("%zu closed: %" PRIu64 " bytes sent, %" PRIu64 " received\n", talk->number,
			talk->sent, talk->received);
		return;
	}
	text_escape(multi->escaped, sizeof multi->escaped, piece, (size_t)count);
	printf("%zu received \"%s\"\n", talk->number, multi->escaped);
}

void multi_handle(struct multi *multi, struct talk *talk, uint32_t events)
{
	if (talk->state == TALK_CONNECTING) {
		end_connect(multi, talk);
		return;
	}
	if (talk->state == TALK_SECURING) {
		secure(multi, talk);
		return;
	}
	events = channel_ready(&talk->channel, events);
	if ((events & EPOLLOUT) != 0 && talk->message < multi->message_count)
		send_message(multi, talk);
	if (talk->message == multi->message_count)
		end_sending(talk);
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		receive_answer(multi, talk);
	if (talk->state == TALK_OPEN)
		rewatch(multi, talk);
}

void multi_time_out(struct multi *multi, struct talk *talk)
{
	char patience[PARSE_TEXT_BYTES];
	struct failure failure;

	if (talk->state == TALK_CONNECTING) {
		connect_next(multi, talk, ETIMEDOUT);
		return;
	}
	if (talk->state == TALK_SECURING) {
		fail_securing(multi, talk, ETIMEDOUT);
		return;
	}
	format_duration(patience, multi->request->timeout_ms);
	failure_set(&failure, FAILURE_TIMEOUT,
		"nothing moved for %s, after %" PRIu64 " bytes sent and %" PRIu64 " received",
		patience, talk->sent, talk->received);
	fail(multi, talk, &failure);
}
