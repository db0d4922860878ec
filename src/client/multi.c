/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/parse.h"
#include "yodel/base/text.h"
#include "yodel/client/channel.h"
#include "yodel/client/dial.h"
#include "yodel/client/interrupt.h"
#include "yodel/client/print.h"
#include "yodel/client/terminal.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 100000, PIECE_BYTES = 16 * 1024, EVENTS = 256 };

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

enum talk_state {
	TALK_WAITING,
	TALK_CONNECTING,
	TALK_SECURING,
	TALK_OPEN,
	TALK_CLOSED,
	TALK_FAILED
};

/* One connection. */
struct talk {
	enum talk_state state;
	size_t number;          /* from 1 */
	struct channel channel; /* from connecting to open */
	uint32_t watched;       /* what epoll tells of */
	size_t address;
	size_t message;      /* the one that is under way; their count: all are sent */
	size_t message_sent; /* bytes of it */
	bool is_ended;       /* our FIN is sent, or the peer takes no more */
	uint64_t sent, received;
	int64_t moved_ms; /* monotonic: when something happened last */
	enum failure_kind kind;
	char *message_of_failure; /* owned */
};

struct multi {
	const struct request *request;
	struct target target;
	const char *const *messages;
	size_t message_count;
	struct talk *talks; /* owned */
	size_t count;
	size_t begun;          /* of count: not waiting any more */
	int64_t full_since_ms; /* of dial_may_retry */
	size_t connecting;
	size_t active; /* waiting, connecting or open */
	int epoll_fd;
	int interrupt_fd;
	int64_t begin_ns, end_ns;
	char escaped[4 * PIECE_BYTES + 1];
};

struct totals {
	size_t failed, interrupted;
	uint64_t sent, received;
};

/* --- One connection --------------------------------------------------------------------------- */

static bool may_tell(const struct multi *multi)
{
	return !multi->request->is_quiet && !multi->request->is_json;
}

/* Its address, as lines and JSON have it. */
static void format_peer(
	const struct multi *multi, const struct talk *talk, char text[ADDRESS_TEXT_BYTES])
{
	address_format(&multi->target.addresses[talk->address], text);
}

/* To the address whose turn it is. */
static bool is_connecting(const struct talk *talk)
{
	return talk->state == TALK_CONNECTING || talk->state == TALK_SECURING;
}

static void end_talk(struct multi *multi, struct talk *talk, enum talk_state state)
{
	multi->connecting -= is_connecting(talk);
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
	format_peer(multi, talk, peer);
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

	format_peer(multi, talk, peer);
	failure_set_why(&failure, number, channel_error(&talk->channel, number),
		"no TLS handshake with %s", peer);
	fail(multi, talk, &failure);
}

/* Goes on with the handshake of TLS, if there is one; then the talk is open. */
static void secure(struct multi *multi, struct talk *talk)
{
	int number = channel_secure(&talk->channel);
	char peer[ADDRESS_TEXT_BYTES];

	talk->state = TALK_SECURING;
	talk->moved_ms = clock_monotonic_ms();
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
	format_peer(multi, talk, peer);
	if (may_tell(multi))
		printf("%zu connected to %s\n", talk->number, peer);
	rewatch(multi, talk);
}

static void end_connect(struct multi *multi, struct talk *talk)
{
	int number = dial_end(&multi->target, talk->channel.fd);

	if (number != 0)
		connect_next(multi, talk, number);
	else
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
	char piece[PIECE_BYTES];
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

static void handle(struct multi *multi, struct talk *talk, uint32_t events)
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

/* --- All of them ------------------------------------------------------------------------------ */

static void time_out(struct multi *multi, struct talk *talk)
{
	char patience[PARSE_TEXT_BYTES];
	struct failure failure;

	if (is_connecting(talk)) {
		connect_next(multi, talk, ETIMEDOUT);
		return;
	}
	format_duration(patience, multi->request->timeout_ms);
	failure_set(&failure, FAILURE_TIMEOUT,
		"nothing moved for %s, after %" PRIu64 " bytes sent and %" PRIu64 " received",
		patience, talk->sent, talk->received);
	fail(multi, talk, &failure);
}

/* Ends what has not moved for too long. Returns when to look again, which is never too late. */
static int64_t end_stalled(struct multi *multi)
{
	int64_t now_ms = clock_monotonic_ms(), earliest_ms = 0;

	for (size_t i = 0; i < multi->count; i++) {
		struct talk *talk = &multi->talks[i];
		bool is_active = is_connecting(talk) || talk->state == TALK_OPEN;

		if (is_active && now_ms - talk->moved_ms >= multi->request->timeout_ms) {
			time_out(multi, talk);
			is_active = is_connecting(talk);
		}
		if (is_active)
			earliest_ms = clock_earlier_of(
				earliest_ms, talk->moved_ms + multi->request->timeout_ms);
	}
	return earliest_ms;
}

/* How long nothing needs to be done without an event, -1 for ever. */
static int wait_ms(int64_t check_ms)
{
	int64_t left_ms = check_ms - clock_monotonic_ms();

	if (check_ms == 0)
		return -1;
	return left_ms > 0 ? (int)left_ms : 0;
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

		if (!connect_talk(multi, talk, 0))
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
				handle(multi, events[i].data.ptr, events[i].events);
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

	format_peer(multi, talk, peer);
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
