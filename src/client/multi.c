/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/multi.h"
#include "yodel/client/print.h"
#include "yodel/client/terminal.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 100000, EVENTS = 256 };

struct multi_settings {
	int64_t connections;
};

static const struct command_option options[] = {
	{.letter = 'c',
		.argument = "N",
		.row = {.path = "connections",
			.type = OPTION_INTEGER,
			.offset = offsetof(struct multi_settings, connections),
			.min = 1,
			.max = CONNECTIONS_MAX,
			.default_value = "2",
			.help = "how many at once"}},
	COMMAND_OPTIONS_END,
};

/* What is sent where the command line has no messages. */
static const char *const default_messages[] = {"Message 1 from client.", "Message 2 from client."};

struct totals {
	size_t failed, interrupted;
	uint64_t sent, received;
};

/* Ends what has not moved for too long. Returns when to look again, which is never too late. */
static int64_t end_stalled(struct multi *multi)
{
	int64_t now_ms = clock_monotonic_ms(), earliest_ms = 0;

	for (size_t i = 0; i < multi->count; i++) {
		struct talk *talk = &multi->talks[i];
		bool is_active = multi_is_connecting(talk) || talk->state == TALK_OPEN;

		if (is_active && now_ms - talk->moved_ms >= multi->request->timeout_ms) {
			multi_time_out(multi, talk);
			is_active = multi_is_connecting(talk);
		}
		if (is_active)
			earliest_ms = clock_earlier_of(
				earliest_ms, talk->moved_ms + multi->request->timeout_ms);
	}
	return earliest_ms;
}

static int wait_ms(int64_t check_ms)
{
	return clock_poll_timeout(check_ms, clock_monotonic_ms());
}

static bool may_begin(const struct multi *multi)
{
	return multi->begun < multi->count && multi->connecting < DIAL_AT_ONCE;
}

/* Begins connections, a few at a time: within what a listener's queue takes. */
static void begin_some(struct multi *multi)
{
	while (may_begin(multi)) {
		struct talk *talk = &multi->talks[multi->begun];

		if (!multi_connect(multi, talk))
			break;
		multi->begun++;
	}
}

/* Runs until no connection is active, or Ctrl-C. */
static void talk_with_all(struct multi *multi)
{
	struct epoll_event events[EVENTS];
	int64_t check_ms = 0;

	for (begin_some(multi); multi->active > 0; begin_some(multi)) {
		if (multi->request->timeout_ms > 0 && wait_ms(check_ms) <= 0) {
			check_ms = end_stalled(multi);
			if (multi->active == 0)
				break;
		}
		fflush(stdout);
		int count = epoll_wait(
			multi->epoll_fd, events, EVENTS, may_begin(multi) ? 0 : wait_ms(check_ms));
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr != NULL)
				multi_handle(multi, events[i].data.ptr, events[i].events);
			else if (interrupt_is_pending(multi->interrupt_fd))
				return;
		}
	}
}

static void prepare(struct multi *multi)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	for (size_t i = 0; i < multi->count; i++)
		multi->talks[i] = (struct talk){.number = i + 1, .channel = {.fd = -1}};
	multi->active = multi->count;
	multi->interrupt_fd = interrupt_open();
	CHECK(epoll_ctl(multi->epoll_fd, EPOLL_CTL_ADD, multi->interrupt_fd, &event) == 0);
}

/* --- What came of it -------------------------------------------------------------------------- */

static struct totals add_up(const struct multi *multi)
{
	struct totals totals = {.interrupted = multi->active};

	for (size_t i = 0; i < multi->count; i++) {
		totals.failed += multi->talks[i].state == TALK_FAILED;
		totals.sent += multi->talks[i].sent;
		totals.received += multi->talks[i].received;
	}
	return totals;
}

static json_t *talk_as_json(const struct multi *multi, const struct talk *talk)
{
	static const char *const outcomes[] = {
		[TALK_WAITING] = "interrupted",
		[TALK_CONNECTING] = "interrupted",
		[TALK_SECURING] = "interrupted",
		[TALK_OPEN] = "interrupted",
		[TALK_CLOSED] = "closed",
		[TALK_FAILED] = "failed",
	};
	char peer[ADDRESS_TEXT_BYTES];

	multi_format_peer(multi, talk, peer);
	json_t *value = json_pack("{sI ss ss sI sI}", "connection", (json_int_t)talk->number,
		"address", peer, "outcome", outcomes[talk->state], "sent_bytes",
		(json_int_t)talk->sent, "received_bytes", (json_int_t)talk->received);
	if (talk->state == TALK_FAILED) {
		json_object_set_new(value, "error", json_string(failure_word(talk->kind)));
		json_object_set_new(value, "message", json_string(talk->message_of_failure));
	}
	return value;
}

static void print_as_json(const struct multi *multi, const struct totals *totals)
{
	json_t *results = json_array();

	for (size_t i = 0; i < multi->count; i++)
		json_array_append_new(results, talk_as_json(multi, &multi->talks[i]));
	print_json(json_pack("{ss ss sb sI sI sI sI sI sf so}", "command", "multi", "target",
		multi->request->target, "is_interrupted", totals->interrupted > 0, "connections",
		(json_int_t)multi->count, "failed", (json_int_t)totals->failed, "interrupted",
		(json_int_t)totals->interrupted, "sent_bytes", (json_int_t)totals->sent,
		"received_bytes", (json_int_t)totals->received, "duration_ms",
		(double)(multi->end_ns - multi->begin_ns) / 1e6, "results", results));
}

static void print_as_text(const struct multi *multi, const struct totals *totals)
{
	char time[PRINT_TEXT_BYTES];

	format_ms(time, (double)(multi->end_ns - multi->begin_ns));
	printf("%zu connection%s, ", multi->count, multi->count == 1 ? "" : "s");
	terminal_paint(multi->request, stdout, totals->failed > 0 ? COLOR_BAD : COLOR_GOOD,
		"%zu failed", totals->failed);
	if (totals->interrupted > 0)
		terminal_paint(multi->request, stdout, COLOR_WARN, ", %zu interrupted",
			totals->interrupted);
	printf(": %" PRIu64 " bytes sent, %" PRIu64 " received in %s ms\n", totals->sent,
		totals->received, time);
}

static int report(const struct multi *multi)
{
	struct totals totals = add_up(multi);

	if (multi->request->is_json)
		print_as_json(multi, &totals);
	else
		print_as_text(multi, &totals);
	return totals.failed > 0 ? CLIENT_NETWORK : CLIENT_OK;
}

static void free_talks(struct multi *multi)
{
	for (size_t i = 0; i < multi->count; i++) {
		channel_close(&multi->talks[i].channel);
		free(multi->talks[i].message_of_failure);
	}
	free(multi->talks);
}

/* --- The command ------------------------------------------------------------------------------ */

static int run(const struct request *request, const void *settings)
{
	static struct multi multi; /* large, and the only one */
	const struct multi_settings *own = settings;
	struct failure failure;

	multi.request = request;
	multi.count = (size_t)own->connections;
	multi.messages = default_messages;
	multi.message_count = sizeof default_messages / sizeof *default_messages;
	if (request->operand_count > 0) {
		multi.messages = (const char *const *)request->operands;
		multi.message_count = request->operand_count;
	}
	if (dial_reserve(multi.count, 0, &failure) != 0 ||
		target_resolve(request, request->port, &multi.target, &failure) != 0)
		return failure_report(request, &failure);
	multi.talks = calloc(multi.count, sizeof *multi.talks);
	multi.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(multi.talks != NULL && multi.epoll_fd >= 0);
	multi.begin_ns = clock_monotonic_ns();
	prepare(&multi);
	talk_with_all(&multi);
	multi.end_ns = clock_monotonic_ns();
	int result = report(&multi);
	free_talks(&multi);
	close(multi.epoll_fd);
	return result;
}

const struct command command_multi = {
	.name = "multi",
	.arguments = "HOST PORT [MESSAGE...]",
	.help = "messages on several connections at once",
	.manual = "Several connections",
	.options = options,
	.settings_bytes = sizeof(struct multi_settings),
	.has_target = true,
	.max_operands = SIZE_MAX,
	.run = run,
};
