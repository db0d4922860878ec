/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_worker.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/client/load_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS ((int64_t)1000 * 1000)

enum {
	EVENTS_AT_ONCE = 256,
	HOPELESS_AFTER = 100,   /* failed connections with nothing to show for */
	LONGEST_SLEEP_MS = 100, /* within which a stop is noticed */
	CLOSE_MS = 2000,        /* for the server's end of the streams */
	INTERRUPTED_MS = 1000,  /* for what is under way at Ctrl-C */
	BEGINS_AT_ONCE = 4096,  /* paced messages, before there is a look at the answers */
};

/* A connection, and the messages on it. */
struct load_slot {
	struct load_stream stream;
	bool is_connecting;
	bool wants_out; /* epoll tells when there is room */
	int64_t dialled_ns;
	int64_t moved_ns;            /* the last time that something came */
	uint64_t begun, completed;   /* messages on this connection */
	int64_t *due_ns;             /* a ring of depth: when each that is under way was due */
	struct load_slot *next_free; /* when connecting: of the slots without a connection */
	struct load_slot *next_due;  /* of those that have got something to send */
	bool is_due;                 /* stands in that list */
};

static const struct load_settings *settings_of(const struct load_worker *worker)
{
	return worker->plan->settings;
}

static bool is_paced(const struct load_worker *worker)
{
	return settings_of(worker)->rate.count > 0;
}

static bool is_connecting_anew(const struct load_worker *worker)
{
	return settings_of(worker)->is_connecting;
}

static int64_t stop_ns(const struct load_worker *worker)
{
	return atomic_load_explicit(&worker->plan->stop_ns, memory_order_relaxed);
}

uint64_t load_share(uint64_t total, uint64_t threads, uint64_t number)
{
	return total / threads + (number < total % threads);
}

static int64_t timeout_ns(const struct load_worker *worker)
{
	int64_t timeout_ms = worker->plan->request->timeout_ms;

	return timeout_ms == 0 ? INT64_MAX : timeout_ms * MS;
}

static uint64_t number_of(const struct load_worker *worker, const struct load_slot *slot)
{
	return worker->first_slot + (uint64_t)(slot - worker->slots);
}

/* --- When messages are due ------------------------------------------------------------------- */

/* Between two messages of this worker. */
static double gap_ns(const struct load_worker *worker)
{
	const struct rate *rate = &settings_of(worker)->rate;

	return (double)rate->period_ms * (double)MS / (double)rate->count *
	       (double)settings_of(worker)->threads;
}

/* When message k of this worker is due; the workers take turns. */
static int64_t due_of_number(const struct load_worker *worker, uint64_t k)
{
	double gap = gap_ns(worker);
	double offset = gap / (double)settings_of(worker)->threads * (double)worker->number;

	return worker->plan->start_ns + (int64_t)(offset + gap * (double)k);
}

/* How many due times a connection has to keep. */
static uint64_t ring_length(const struct load_worker *worker)
{
	return is_paced(worker) || is_connecting_anew(worker)
		       ? 1
		       : (uint64_t)settings_of(worker)->depth;
}

/* The paced messages go round the connections, so that their due times need not be kept. */
static int64_t due_of(
	const struct load_worker *worker, const struct load_slot *slot, uint64_t message)
{
	if (is_paced(worker) && !is_connecting_anew(worker))
		return due_of_number(
			worker, message * worker->slot_count + (uint64_t)(slot - worker->slots));
	return slot->due_ns[message % ring_length(worker)];
}

static bool may_begin(const struct load_worker *worker)
{
	return worker->begun < worker->allowed && worker->now_ns < stop_ns(worker);
}

static bool is_interrupted(const struct load_worker *worker)
{
	return atomic_load_explicit(&worker->plan->is_interrupted, memory_order_relaxed);
}

/* Whether it is too late for what was due before the stop: Ctrl-C does not wait for long. */
static bool is_too_late(const struct load_worker *worker)
{
	int64_t patience_ns = timeout_ns(worker), stop = stop_ns(worker);

	if (is_interrupted(worker) && patience_ns > INTERRUPTED_MS * MS)
		patience_ns = INTERRUPTED_MS * MS;
	return worker->now_ns > stop && worker->now_ns - stop > patience_ns;
}

/* Paced messages that were due before the stop are begun behind it, too. */
static bool may_begin_paced(const struct load_worker *worker)
{
	return worker->begun < worker->allowed && !is_too_late(worker) &&
	       due_of_number(worker, worker->begun) < stop_ns(worker);
}

static void begin_message(struct load_worker *worker, struct load_slot *slot, int64_t due_ns)
{
	slot->due_ns[slot->begun % ring_length(worker)] = due_ns;
	slot->begun++;
	worker->begun++;
	worker->under_way++;
}

static void count_completed(struct load_worker *worker, int64_t due_ns)
{
	struct load_result *result = &worker->result;
	int64_t now_ns = worker->now_ns, stop = stop_ns(worker);
	int64_t record_ns = worker->plan->record_ns;

	worker->under_way--;
	result->completed++;
	atomic_store_explicit(&worker->completed_so_far, result->completed, memory_order_relaxed);
	if (due_ns >= record_ns && due_ns < stop)
		histogram_record(&result->latency, now_ns - due_ns);
	if (now_ns >= record_ns && now_ns < stop) {
		result->round_trips++;
		result->end_ns = now_ns;
		timeline_record(&result->timeline, now_ns - record_ns);
	}
}

/* --- How connections end --------------------------------------------------------------------- */

/* What was begun and is not complete never will be. */
static void lose_messages(struct load_worker *worker, struct load_slot *slot)
{
	uint64_t lost = slot->begun - slot->completed;
	int64_t now_ns = worker->now_ns < stop_ns(worker) ? worker->now_ns : stop_ns(worker);

	/* The time that it took to lose them counts in the rate, too. */
	if (lost > 0 && now_ns > worker->result.end_ns)
		worker->result.end_ns = now_ns;
	worker->result.lost += lost;
	worker->under_way -= lost;
	slot->completed = slot->begun;
}

/* Closes the connection, however it went. */
static void end_slot(struct load_worker *worker, struct load_slot *slot)
{
	lose_messages(worker, slot);
	worker->result.sent_bytes += slot->stream.sent;
	worker->result.received_bytes += slot->stream.received;
	if (slot->stream.fd >= 0)
		worker->alive--;
	if (slot->is_connecting)
		worker->connecting--;
	slot->is_connecting = false;
	load_stream_close(&slot->stream);
	slot->stream.sent = slot->stream.received = slot->stream.goal = 0;
	if (is_connecting_anew(worker)) {
		slot->next_free = worker->free_slots;
		worker->free_slots = slot;
	}
}

static void fail_slot(
	struct load_worker *worker, struct load_slot *slot, int number, const char *what)
{
	enum failure_kind kind = failure_kind_of(number);

	if (worker->result.failed[kind]++ == 0)
		failure_set_errno(&worker->result.first_failure[kind], number,
			"connection %" PRIu64 " to %s %s after %" PRIu64 " bytes%s",
			number_of(worker, slot) + 1, worker->plan->request->target, what,
			slot->stream.received,
			number == EADDRNOTAVAIL
				? " (no free local port; --source ADDR/BITS has more)"
				: "");
	end_slot(worker, slot);
}

/* The server has ended its stream, which nobody asked for. */
static void leave_slot(struct load_worker *worker, struct load_slot *slot)
{
	if (worker->result.failed[FAILURE_RESET]++ == 0)
		failure_set(&worker->result.first_failure[FAILURE_RESET], FAILURE_RESET,
			"connection %" PRIu64 " to %s was closed by the server after %" PRIu64
			" bytes",
			number_of(worker, slot) + 1, worker->plan->request->target,
			slot->stream.received);
	end_slot(worker, slot);
}

static void mismatch_slot(struct load_worker *worker, struct load_slot *slot)
{
	if (worker->result.mismatched++ == 0)
		failure_set(&worker->result.first_mismatch, FAILURE_OTHER,
			"connection %" PRIu64 " to %s: what came back differs from byte %" PRIu64
			" on",
			number_of(worker, slot) + 1, worker->plan->request->target,
			slot->stream.received);
	end_slot(worker, slot);
}

/* --- Connections ----------------------------------------------------------------------------- */

static void watch(struct load_worker *worker, struct load_slot *slot, int operation, bool wants_out)
{
	struct epoll_event event = {
		.events = wants_out ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.ptr = slot,
	};

	CHECK(epoll_ctl(worker->epoll_fd, operation, slot->stream.fd, &event) == 0);
	slot->wants_out = wants_out;
}

/*
 * Whether to try the same connection again: the queue of a Unix socket is full, and the server may
 * still make room.
 */
static bool is_worth_waiting(struct load_worker *worker, int number)
{
	int64_t now_ns = clock_monotonic_ns();

	if (number != EAGAIN) {
		worker->stuck_ns = 0;
		return false;
	}
	if (worker->stuck_ns == 0)
		worker->stuck_ns = now_ns;
	return now_ns - worker->stuck_ns < timeout_ns(worker);
}

/* Returns false where it has to be done again. */
static bool dial_slot(struct load_worker *worker, struct load_slot *slot)
{
	int fd = -1;
	uint64_t turn = worker->dials++ * (uint64_t)settings_of(worker)->threads + worker->number;

	slot->dialled_ns = slot->moved_ns = clock_monotonic_ns();
	int number = dial_begin(
		&worker->plan->target, &worker->plan->target.addresses[0], turn, &fd);
	if (is_worth_waiting(worker, number))
		return false;
	load_stream_open(&slot->stream, fd, turn);
	if (number != 0) {
		fail_slot(worker, slot, number == EAGAIN ? ETIMEDOUT : number, "failed");
		return true;
	}
	worker->alive++;
	worker->connecting++;
	slot->is_connecting = true;
	watch(worker, slot, EPOLL_CTL_ADD, true);
	return true;
}

/* Sends what is due; the connection may have ended then. */
static void push(struct load_worker *worker, struct load_slot *slot)
{
	uint64_t oldest_end = (slot->completed + 1) * (uint64_t)settings_of(worker)->size_bytes;
	bool is_oldest_under_way = slot->stream.sent < oldest_end;
	enum load_io io = load_stream_push(&slot->stream);

	/* No answer can come before the message is sent; later ones do not excuse its lack. */
	if (is_oldest_under_way && slot->begun > slot->completed)
		slot->moved_ns = worker->now_ns;
	if (io == LOAD_IO_FAILED)
		fail_slot(worker, slot, errno, "broke");
	else if (slot->wants_out != (io == LOAD_IO_AGAIN))
		watch(worker, slot, EPOLL_CTL_MOD, io == LOAD_IO_AGAIN);
}

/* A connect is not under way any more. */
static void finish_dial(struct load_worker *worker, struct load_slot *slot)
{
	int number = dial_end(slot->stream.fd);

	worker->now_ns = clock_monotonic_ns();
	if (number != 0) {
		fail_slot(worker, slot, number, "failed");
		return;
	}
	worker->connecting--;
	slot->is_connecting = false;
	worker->result.opened++;
	atomic_store_explicit(&worker->opened_so_far, worker->result.opened, memory_order_relaxed);
	histogram_record(&worker->result.connect, worker->now_ns - slot->dialled_ns);
	slot->stream.goal = (slot->begun - slot->completed) *
			    (uint64_t)settings_of(worker)->size_bytes;
	push(worker, slot);
}

/* --- Messages -------------------------------------------------------------------------------- */

/* Begins a message at once, where nothing paces them. Returns whether it did. */
static bool follow(struct load_worker *worker, struct load_slot *slot)
{
	if (is_paced(worker) || is_connecting_anew(worker) || !may_begin(worker))
		return false;
	begin_message(worker, slot, worker->now_ns);
	slot->stream.goal += (uint64_t)settings_of(worker)->size_bytes;
	return true;
}

/* Counts the messages that have come back whole. */
static void complete_messages(struct load_worker *worker, struct load_slot *slot)
{
	uint64_t whole = slot->stream.received / (uint64_t)settings_of(worker)->size_bytes;

	while (slot->completed < whole) {
		int64_t due_ns = due_of(worker, slot, slot->completed);

		slot->completed++;
		count_completed(worker, due_ns);
	}
}

/* Goes on behind completed messages: with as many new ones, or without the connection. */
static void go_on(struct load_worker *worker, struct load_slot *slot)
{
	if (worker->is_closing)
		return;
	if (is_connecting_anew(worker) && slot->completed == slot->begun) {
		end_slot(worker, slot);
		return;
	}
	while (slot->begun - slot->completed < (uint64_t)settings_of(worker)->depth &&
		follow(worker, slot))
		;
	if (slot->stream.sent < slot->stream.goal && !slot->wants_out)
		push(worker, slot);
}

static void pull(struct load_worker *worker, struct load_slot *slot)
{
	enum load_io io = load_stream_pull(&slot->stream, worker->buffer);

	worker->now_ns = slot->moved_ns = clock_monotonic_ns();
	switch (io) {
	case LOAD_IO_OK:
		complete_messages(worker, slot);
		go_on(worker, slot);
		break;
	case LOAD_IO_AGAIN:
		break;
	case LOAD_IO_END:
		if (worker->is_closing)
			end_slot(worker, slot);
		else
			leave_slot(worker, slot);
		break;
	case LOAD_IO_MISMATCH:
		complete_messages(worker, slot);
		mismatch_slot(worker, slot);
		break;
	case LOAD_IO_FAILED:
		fail_slot(worker, slot, errno, "broke");
		break;
	}
}

static void handle_event(struct load_worker *worker, const struct epoll_event *event)
{
	struct load_slot *slot = event->data.ptr;

	if (slot->stream.fd < 0)
		return;
	if (slot->is_connecting) {
		finish_dial(worker, slot);
		return;
	}
	if ((event->events & ~(uint32_t)EPOLLOUT) != 0)
		pull(worker, slot);
	if ((event->events & EPOLLOUT) != 0 && slot->stream.fd >= 0 && !slot->is_connecting &&
		!worker->is_closing)
		push(worker, slot);
}

/* As epoll_wait(2), to the nanosecond where the kernel can. */
static int wait_for_events(int epoll_fd, struct epoll_event *events, int64_t timeout_ns)
{
	struct timespec timeout = {timeout_ns / (1000 * MS), timeout_ns % (1000 * MS)};
	/* Not every C library has a function for it yet. */
	long count = syscall(
		SYS_epoll_pwait2, epoll_fd, events, EVENTS_AT_ONCE, &timeout, NULL, (size_t)0);

	if (count < 0 && errno != EINTR)
		count = epoll_wait(
			epoll_fd, events, EVENTS_AT_ONCE, (int)((timeout_ns + MS - 1) / MS));
	CHECK(count >= 0 || errno == EINTR);
	return (int)count;
}

/* Waits until something happens, but not beyond that moment, and handles it. */
static void turn(struct load_worker *worker, int64_t until_ns)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int64_t left_ns = until_ns - clock_monotonic_ns();

	if (left_ns > LONGEST_SLEEP_MS * MS)
		left_ns = LONGEST_SLEEP_MS * MS;
	int count = wait_for_events(worker->epoll_fd, events, left_ns > 0 ? left_ns : 0);
	worker->now_ns = clock_monotonic_ns();
	for (int i = 0; i < count; i++)
		handle_event(worker, &events[i]);
}

/* --- Connections that hang ------------------------------------------------------------------- */

/* Whether a connection is owed something, and nothing has come for too long. */
static bool is_hung(const struct load_worker *worker, const struct load_slot *slot)
{
	int64_t since_ns = slot->moved_ns;

	if (slot->stream.fd < 0 || (!slot->is_connecting && slot->begun == slot->completed))
		return false;
	if (slot->begun > slot->completed && due_of(worker, slot, slot->completed) > since_ns)
		since_ns = due_of(worker, slot, slot->completed);
	return worker->now_ns - since_ns > timeout_ns(worker);
}

/* Ends connections that hang; looks at all of them now and then. */
static void expire(struct load_worker *worker)
{
	if (worker->now_ns - worker->checked_ns < LONGEST_SLEEP_MS * MS)
		return;
	worker->checked_ns = worker->now_ns;
	for (size_t i = 0; i < worker->slot_count; i++) {
		struct load_slot *slot = &worker->slots[i];

		if (is_hung(worker, slot))
			fail_slot(worker, slot, ETIMEDOUT,
				slot->is_connecting ? "failed" : "had no answer");
	}
}

static bool is_hopeless(const struct load_worker *worker)
{
	uint64_t failed = 0;

	if (worker->result.completed > 0 || worker->alive > worker->connecting)
		return false;
	for (size_t i = 0; i < FAILURE_KIND_COUNT; i++)
		failed += worker->result.failed[i];
	return failed >= HOPELESS_AFTER;
}

/* --- The life of a worker -------------------------------------------------------------------- */

/* While connecting: by Ctrl-C, or by the server. */
static bool is_given_up(const struct load_worker *worker)
{
	return stop_ns(worker) == 0 || is_hopeless(worker);
}

static void connect_all(struct load_worker *worker)
{
	size_t next = 0;

	while ((next < worker->slot_count || worker->connecting > 0) && !is_given_up(worker)) {
		while (next < worker->slot_count && worker->connecting < DIAL_AT_ONCE &&
			!is_given_up(worker))
			next += dial_slot(worker, &worker->slots[next]);
		turn(worker, INT64_MAX);
		expire(worker);
	}
}

/* The first messages of the connections, where nothing paces them. */
static void begin_all(struct load_worker *worker)
{
	for (size_t i = 0; i < worker->slot_count; i++) {
		struct load_slot *slot = &worker->slots[i];

		if (slot->stream.fd < 0)
			continue;
		worker->now_ns = clock_monotonic_ns();
		go_on(worker, slot);
	}
}

/* Needs a free slot. Afterwards there may be a stuck one. */
static void begin_connection(struct load_worker *worker, int64_t due_ns)
{
	struct load_slot *slot = worker->free_slots;

	worker->free_slots = slot->next_free;
	slot->begun = slot->completed = 0;
	begin_message(worker, slot, due_ns);
	if (!dial_slot(worker, slot))
		worker->stuck_slot = slot;
	worker->now_ns = clock_monotonic_ns();
}

/* As many as are free now: one that fails at once is free again, and waits for the next turn. */
static void begin_connections(struct load_worker *worker)
{
	size_t left = worker->slot_count - worker->alive;

	for (; left > 0 && may_begin(worker) && worker->stuck_slot == NULL; left--)
		begin_connection(worker, worker->now_ns);
}

/* One paced message on the connection whose turn it is; sent when all that are due are begun. */
static void begin_paced(struct load_worker *worker, int64_t due_ns)
{
	struct load_slot *slot = &worker->slots[worker->begun % worker->slot_count];

	begin_message(worker, slot, due_ns);
	slot->stream.goal += (uint64_t)settings_of(worker)->size_bytes;
	if (slot->stream.fd < 0) {
		lose_messages(worker, slot);
	} else if (!slot->is_due) {
		slot->is_due = true;
		slot->next_due = worker->due_slots;
		worker->due_slots = slot;
	}
}

/* Sends what was begun: one call for each connection, however many messages that are. */
static void push_due(struct load_worker *worker)
{
	while (worker->due_slots != NULL) {
		struct load_slot *slot = worker->due_slots;

		worker->due_slots = slot->next_due;
		slot->is_due = false;
		if (slot->stream.fd >= 0 && !slot->wants_out)
			push(worker, slot);
	}
}

/* Begins the paced message that is due. Returns whether there was a connection for it. */
static bool begin_next(struct load_worker *worker, int64_t due_ns)
{
	if (!is_connecting_anew(worker))
		begin_paced(worker, due_ns);
	else if (worker->free_slots != NULL && worker->stuck_slot == NULL)
		begin_connection(worker, due_ns);
	else
		return false;
	return true;
}

/* As begin_due, for paced messages. */
static int64_t begin_paced_due(struct load_worker *worker)
{
	int64_t due_ns = INT64_MAX;

	for (int n = 0; may_begin_paced(worker); n++) {
		due_ns = due_of_number(worker, worker->begun);
		if (due_ns > worker->now_ns || n == BEGINS_AT_ONCE)
			break;
		if (!begin_next(worker, due_ns))
			return INT64_MAX;
		due_ns = INT64_MAX;
	}
	push_due(worker);
	return due_ns;
}

/* Begins what is due by now. Returns when the next message is due; INT64_MAX where that depends on
 * an answer. */
static int64_t begin_due(struct load_worker *worker)
{
	if (worker->stuck_slot != NULL && dial_slot(worker, worker->stuck_slot))
		worker->stuck_slot = NULL;
	if (worker->stuck_slot != NULL)
		return worker->now_ns; /* to dial means to wait */
	if (is_paced(worker))
		return begin_paced_due(worker);
	if (is_connecting_anew(worker))
		begin_connections(worker);
	return INT64_MAX;
}

static bool is_done(const struct load_worker *worker)
{
	return worker->begun >= worker->allowed && worker->under_way == 0;
}

/* Nothing more will come of it. */
static bool is_dead(const struct load_worker *worker)
{
	return is_hopeless(worker) || (!is_connecting_anew(worker) && worker->alive == 0);
}

static int64_t thread_cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000 * MS + used.tv_nsec;
}

static void run(struct load_worker *worker)
{
	worker->now_ns = clock_monotonic_ns();
	if (!is_paced(worker) && !is_connecting_anew(worker))
		begin_all(worker);
	while (worker->now_ns < stop_ns(worker) && !is_done(worker) && !is_dead(worker)) {
		int64_t due_ns = begin_due(worker), stop = stop_ns(worker);

		if (worker->cpu_begin_ns < 0 && worker->now_ns >= worker->plan->record_ns)
			worker->cpu_begin_ns = thread_cpu_ns();
		turn(worker, due_ns < stop ? due_ns : stop);
		expire(worker);
	}
	if (worker->cpu_begin_ns >= 0)
		worker->result.cpu_ns = thread_cpu_ns() - worker->cpu_begin_ns;
	if (!is_done(worker))
		worker->result.end_ns = worker->now_ns < stop_ns(worker) ? worker->now_ns
									 : stop_ns(worker);
}

/* How many messages were due by the end of the run and never begun. */
static uint64_t count_unbegun(const struct load_worker *worker)
{
	int64_t stop = stop_ns(worker);
	int64_t until_ns = stop < worker->ended_ns ? stop : worker->ended_ns;

	if (!is_paced(worker) || worker->begun >= worker->allowed ||
		due_of_number(worker, worker->begun) >= until_ns)
		return 0;
	double since_ns = (double)(until_ns - 1 - due_of_number(worker, 0));
	uint64_t due = (uint64_t)(since_ns / gap_ns(worker)) + 1;
	if (due > worker->allowed)
		due = worker->allowed;
	return due > worker->begun ? due - worker->begun : 0;
}

/* Waits for what is under way, and for paced messages that had to wait for a free connection. */
static void drain(struct load_worker *worker)
{
	worker->ended_ns = worker->now_ns;
	while (!is_dead(worker) && !(is_interrupted(worker) && is_too_late(worker))) {
		int64_t due_ns = begin_due(worker);

		if (worker->under_way == 0 && !(is_paced(worker) && may_begin_paced(worker)))
			break;
		turn(worker, due_ns);
		expire(worker);
	}
	worker->result.unfinished = count_unbegun(worker) + worker->under_way;
	for (size_t i = 0; i < worker->slot_count; i++)
		worker->slots[i].completed = worker->slots[i].begun;
	worker->under_way = 0;
}

/* Ends our stream; from now on its end of the stream is all that we wait for. */
static void finish_slot(struct load_worker *worker, struct load_slot *slot)
{
	(void)shutdown(slot->stream.fd, SHUT_WR);
	if (slot->wants_out)
		watch(worker, slot, EPOLL_CTL_MOD, false);
}

/* Ends our streams, and waits for the server to end its own: so nothing is reset. */
static void close_all(struct load_worker *worker)
{
	int64_t patience_ms = is_interrupted(worker) ? INTERRUPTED_MS : CLOSE_MS;
	int64_t until_ns = clock_monotonic_ns() + patience_ms * MS;

	worker->is_closing = true;
	for (size_t i = 0; i < worker->slot_count; i++)
		if (worker->slots[i].is_connecting)
			end_slot(worker, &worker->slots[i]);
		else if (worker->slots[i].stream.fd >= 0)
			finish_slot(worker, &worker->slots[i]);
	while (worker->alive > 0 && worker->now_ns < until_ns)
		turn(worker, until_ns);
	for (size_t i = 0; i < worker->slot_count; i++)
		if (worker->slots[i].stream.fd >= 0)
			end_slot(worker, &worker->slots[i]);
}

static void prepare(struct load_worker *worker)
{
	uint64_t length = ring_length(worker);

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->slots = calloc(worker->slot_count, sizeof *worker->slots);
	worker->buffer = malloc(LOAD_BUFFER_BYTES);
	CHECK(worker->epoll_fd >= 0 && worker->slots != NULL && worker->buffer != NULL);
	worker->cpu_begin_ns = -1;
	for (size_t i = 0; i < worker->slot_count; i++) {
		worker->slots[i].stream.fd = -1;
		worker->slots[i].due_ns = calloc(length, sizeof *worker->slots[i].due_ns);
		CHECK(worker->slots[i].due_ns != NULL);
		worker->slots[i].next_free = i > 0 ? &worker->slots[i - 1] : NULL;
		worker->free_slots = &worker->slots[i];
	}
	/* Sleeps end when they are due, and not up to 50 us later. */
	(void)prctl(PR_SET_TIMERSLACK, 1);
}

static void clean_up(struct load_worker *worker)
{
	for (size_t i = 0; i < worker->slot_count; i++)
		free(worker->slots[i].due_ns);
	free(worker->slots);
	free(worker->buffer);
	close(worker->epoll_fd);
}

static void tell_news(const struct load_worker *worker)
{
	uint64_t one = 1;

	CHECK(write(worker->news_fd, &one, sizeof one) == sizeof one);
}

static void pass_gate(const struct load_worker *worker)
{
	while (sem_wait(worker->gate) != 0)
		CHECK(errno == EINTR);
}

void *load_worker_run(void *context)
{
	struct load_worker *worker = context;

	prepare(worker);
	if (!is_connecting_anew(worker))
		connect_all(worker);
	tell_news(worker);
	pass_gate(worker);
	run(worker);
	drain(worker);
	close_all(worker);
	clean_up(worker);
	tell_news(worker);
	return NULL;
}
