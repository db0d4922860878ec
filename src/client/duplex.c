/* SPDX-License-Identifier: MIT */
#include "yodel/client/duplex.h"

#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/client/interrupt.h"

#include <errno.h>
#include <poll.h>

enum {
	TICK_MS = 100,
	REST_MS = 500, /* as socat(1) waits for the other direction */
};

enum { AT_SERVER, AT_INPUT, AT_INTERRUPT, POLLED };

enum step { STEP_ON, STEP_CLOSED, STEP_STOPPED, STEP_FAILED };

/* Something is there to be sent, and the peer takes it. */
static bool has_out(const struct duplex *duplex)
{
	return duplex->out_length > 0 && !duplex->is_ended;
}

static bool wants_input(const struct duplex *duplex)
{
	return duplex->out_length == 0 && !duplex->is_given && !duplex->is_ended;
}

/* All is sent, but not that it was all. */
static bool has_end(const struct duplex *duplex)
{
	return duplex->is_given && duplex->out_length == 0 && !duplex->is_ended &&
	       !duplex->keeps_open;
}

static void end_if_given(struct duplex *duplex)
{
	if (has_end(duplex))
		duplex->is_ended = channel_finish(duplex->channel);
}

/* Returns false where give has stopped. */
static bool fetch(struct duplex *duplex)
{
	ssize_t count = duplex->give(duplex->context, &duplex->out);

	duplex->is_given = count == 0;
	if (count > 0)
		duplex->out_length = (size_t)count;
	return count != DUPLEX_STOP;
}

/* A peer that takes no more may still have an answer under way: only reading tells how it ended. */
static void send_out(struct duplex *duplex)
{
	ssize_t count = channel_send(duplex->channel, duplex->out, duplex->out_length);

	if (count >= 0) {
		duplex->out += count;
		duplex->out_length -= (size_t)count;
		duplex->sent += (uint64_t)count;
	} else if (errno != EAGAIN) {
		duplex->is_ended = true;
	}
}

static enum step broken(const struct duplex *duplex, int number, struct failure *failure)
{
	failure_set_why(failure, number, channel_error(duplex->channel, number),
		"the connection to %s broke after %llu bytes sent and %llu received",
		duplex->request->target, (unsigned long long)duplex->sent,
		(unsigned long long)duplex->received);
	return STEP_FAILED;
}

static enum step receive(struct duplex *duplex, struct failure *failure)
{
	char piece[DUPLEX_PIECE_BYTES];
	ssize_t count = channel_receive(duplex->channel, piece, sizeof piece);

	if (count < 0 && errno == EAGAIN)
		return STEP_ON;
	if (count < 0)
		return broken(duplex, errno, failure);
	if (count == 0)
		return STEP_CLOSED;
	duplex->received += (uint64_t)count;
	return duplex->take(duplex->context, piece, (size_t)count) == 0 ? STEP_ON : STEP_STOPPED;
}

/* How long nothing may happen until it is the peer's fault; -1 for ever. */
static int64_t patience_ms(const struct duplex *duplex)
{
	return wants_input(duplex) || duplex->request->timeout_ms == 0
		       ? -1
		       : duplex->request->timeout_ms;
}

static int64_t left_ms(int64_t until_ms)
{
	int64_t left = until_ms - clock_monotonic_ms();

	return left > 0 ? left : 0;
}

/* How long poll may sleep, -1 for ever. */
static int64_t sleep_ms(const struct duplex *duplex, int64_t patience_left_ms)
{
	int64_t longest = patience_left_ms;

	if (duplex->tick != NULL && (longest < 0 || longest > TICK_MS))
		longest = TICK_MS;
	if (wants_input(duplex) && duplex->input_fd < 0) {
		int64_t left = left_ms(duplex->wake_ms);

		longest = longest < 0 || longest > left ? left : longest;
	}
	return longest;
}

/* Returns as poll(2). */
static int wait_for_something(
	const struct duplex *duplex, int64_t patience_left_ms, struct pollfd set[POLLED])
{
	uint32_t events = has_out(duplex) || has_end(duplex) ? POLLIN | POLLOUT : POLLIN;

	set[AT_SERVER] = (struct pollfd){
		.fd = duplex->channel->fd,
		.events = (short)channel_wants(duplex->channel, events),
	};
	set[AT_INPUT] = (struct pollfd){
		.fd = wants_input(duplex) ? duplex->input_fd : -1,
		.events = POLLIN,
	};
	set[AT_INTERRUPT] = (struct pollfd){.fd = duplex->interrupt_fd, .events = POLLIN};
	return poll(set, POLLED, (int)sleep_ms(duplex, patience_left_ms));
}

static bool is_time_to_give(const struct duplex *duplex, const struct pollfd *input)
{
	if (!wants_input(duplex))
		return false;
	return duplex->input_fd >= 0 ? input->revents != 0
				     : clock_monotonic_ms() >= duplex->wake_ms;
}

/* One turn behind a poll. */
static enum step turn(
	struct duplex *duplex, const struct pollfd set[POLLED], struct failure *failure)
{
	uint32_t ready = channel_ready(duplex->channel, (uint32_t)set[AT_SERVER].revents);
	enum step step = STEP_ON;

	if ((ready & POLLOUT) != 0 && has_out(duplex))
		send_out(duplex);
	if ((ready & ~(uint32_t)POLLOUT) != 0)
		step = receive(duplex, failure);
	if (step == STEP_ON && is_time_to_give(duplex, &set[AT_INPUT]) && !fetch(duplex))
		step = STEP_STOPPED;
	if (duplex->tick != NULL)
		duplex->tick(duplex->context);
	return step;
}

static int timed_out(const struct duplex *duplex, struct failure *failure)
{
	char patience[PARSE_TEXT_BYTES];

	format_duration(patience, duplex->request->timeout_ms);
	return failure_set(failure, FAILURE_TIMEOUT,
		"%s did not %s for %s, after %llu bytes sent and %llu received",
		duplex->request->target,
		has_out(duplex) ? "take or send anything" : "answer or close", patience,
		(unsigned long long)duplex->sent, (unsigned long long)duplex->received);
}

enum duplex_end duplex_run(struct duplex *duplex, struct failure *failure)
{
	static const enum duplex_end ends[] = {
		[STEP_CLOSED] = DUPLEX_CLOSED,
		[STEP_STOPPED] = DUPLEX_STOPPED,
		[STEP_FAILED] = DUPLEX_FAILED,
	};
	int64_t moved_ms = clock_monotonic_ms();
	enum step step = STEP_ON;

	while (step == STEP_ON) {
		struct pollfd set[POLLED];

		end_if_given(duplex);
		int64_t patience = patience_ms(duplex);
		int64_t left = patience < 0 ? -1 : left_ms(moved_ms + patience);
		int ready = wait_for_something(duplex, left, set);
		if (ready < 0)
			continue;
		if (set[AT_INTERRUPT].revents != 0 && interrupt_is_pending(duplex->interrupt_fd))
			return DUPLEX_INTERRUPTED;
		uint64_t before = duplex->sent + duplex->received;
		step = turn(duplex, set, failure);
		if (patience < 0 || duplex->sent + duplex->received > before) {
			moved_ms = clock_monotonic_ms();
		} else if (left == 0 && step == STEP_ON) {
			/* Only now: whoever was stopped, or blocked by its output, looks before it
			 * judges. */
			timed_out(duplex, failure);
			return DUPLEX_FAILED;
		}
	}
	return ends[step];
}

/* Whether the peer takes something, within the request's timeout; not behind an interrupt. */
static bool has_room(const struct duplex *duplex)
{
	int64_t timeout_ms = duplex->request->timeout_ms;
	struct pollfd set[] = {
		{.fd = duplex->channel->fd,
			.events = (short)channel_wants(duplex->channel, POLLOUT)},
		{.fd = duplex->interrupt_fd, .events = POLLIN},
	};

	return poll(set, 2, timeout_ms == 0 ? -1 : (int)timeout_ms) > 0 && set[1].revents == 0;
}

static bool has_input(const struct duplex *duplex)
{
	struct pollfd input = {.fd = duplex->input_fd, .events = POLLIN};

	return wants_input(duplex) && (duplex->input_fd < 0 || poll(&input, 1, REST_MS) > 0);
}

bool duplex_send_rest(struct duplex *duplex)
{
	while (has_out(duplex) || has_input(duplex)) {
		if (!has_out(duplex) && !fetch(duplex))
			break;
		if (!has_out(duplex))
			continue;
		if (!has_room(duplex))
			break;
		send_out(duplex);
	}
	do
		end_if_given(duplex);
	while (has_end(duplex) && has_room(duplex));
	return duplex->is_given && duplex->out_length == 0;
}
