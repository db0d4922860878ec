/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_worker.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/client/load_pace.h"
#include "yodel/client/load_slot.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MS ((int64_t)1000 * 1000)

enum {
	EVENTS_AT_ONCE = 256,
	HOPELESS_AFTER = 100,   /* failed connections with nothing to show for */
	LONGEST_SLEEP_MS = 100, /* within which a stop is noticed */
	CLOSE_MS = 2000,        /* for the server's end of the streams */
	BEGINS_AT_ONCE = 4096,  /* paced messages, before there is a look at the answers */
};

uint64_t load_share(uint64_t total, uint64_t threads, uint64_t number)
{
	return total / threads + (number < total % threads);
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
		load_slot_handle(worker, &events[i]);
}

/* --- Connections that hang ------------------------------------------------------------------- */

/* Whether a connection is owed something, and nothing has come for too long. */
static bool is_hung(const struct load_worker *worker, const struct load_slot *slot)
{
	int64_t since_ns = slot->moved_ns;

	if (slot->stream.channel.fd < 0 || (!slot->is_connecting && slot->begun == slot->completed))
		return false;
	if (slot->begun > slot->completed &&
		load_slot_due_ns(worker, slot, slot->completed) > since_ns)
		since_ns = load_slot_due_ns(worker, slot, slot->completed);
	return worker->now_ns - since_ns > load_timeout_ns(worker);
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
			load_slot_fail(worker, slot, ETIMEDOUT,
				slot->is_connecting ? "failed" : "had no answer");
	}
}

static bool is_hopeless(const struct load_worker *worker)
{
	return worker->result.completed == 0 && worker->alive == worker->connecting &&
	       load_failures(&worker->result) >= HOPELESS_AFTER;
}

/* --- The life of a worker -------------------------------------------------------------------- */

/* While connecting: by Ctrl-C, or by the server. */
static bool is_given_up(const struct load_worker *worker)
{
	return load_stop_ns(worker) == 0 || is_hopeless(worker);
}

static void connect_all(struct load_worker *worker)
{
	size_t next = 0;

	while ((next < worker->slot_count || worker->connecting > 0) && !is_given_up(worker)) {
		while (next < worker->slot_count && worker->connecting < DIAL_AT_ONCE &&
			!is_given_up(worker))
			next += load_slot_dial(worker, &worker->slots[next]);
		turn(worker, INT64_MAX);
		expire(worker);
	}
}

/* The first messages of the connections, where nothing paces them. */
static void begin_all(struct load_worker *worker)
{
	for (size_t i = 0; i < worker->slot_count; i++) {
		struct load_slot *slot = &worker->slots[i];

		if (slot->stream.channel.fd < 0)
			continue;
		worker->now_ns = clock_monotonic_ns();
		load_slot_go_on(worker, slot);
	}
}

/* Needs a free slot. Afterwards there may be a stuck one. */
static void begin_connection(struct load_worker *worker, int64_t due_ns)
{
	struct load_slot *slot = worker->free_slots;

	worker->free_slots = slot->next_free;
	slot->begun = slot->completed = 0;
	load_slot_begin(worker, slot, due_ns);
	if (!load_slot_dial(worker, slot))
		worker->stuck_slot = slot;
	worker->now_ns = clock_monotonic_ns();
}

/* As many as are free now: one that fails at once is free again, and waits for the next turn. */
static void begin_connections(struct load_worker *worker)
{
	size_t left = worker->slot_count - worker->alive;

	for (; left > 0 && load_may_begin(worker) && worker->stuck_slot == NULL; left--)
		begin_connection(worker, worker->now_ns);
}

/* One paced message on the connection whose turn it is; sent when all that are due are begun. */
static void begin_paced(struct load_worker *worker, int64_t due_ns)
{
	struct load_slot *slot = &worker->slots[worker->begun % worker->slot_count];

	load_slot_begin(worker, slot, due_ns);
	slot->stream.goal += (uint64_t)worker->plan->settings->size_bytes;
	if (slot->stream.channel.fd < 0) {
		load_slot_lose(worker, slot);
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
		if (slot->stream.channel.fd >= 0 && !slot->wants_out)
			load_slot_push(worker, slot);
	}
}

/* Begins the paced message that is due. Returns whether there was a connection for it. */
static bool begin_next(struct load_worker *worker, int64_t due_ns)
{
	if (!load_is_connecting(worker))
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

	for (int n = 0; load_may_begin_paced(worker); n++) {
		due_ns = load_due_ns(worker, worker->begun);
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
	if (worker->stuck_slot != NULL && load_slot_dial(worker, worker->stuck_slot))
		worker->stuck_slot = NULL;
	if (worker->stuck_slot != NULL)
		return worker->now_ns; /* to dial means to wait */
	if (load_is_paced(worker))
		return begin_paced_due(worker);
	if (load_is_connecting(worker))
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
	return is_hopeless(worker) || (!load_is_connecting(worker) && worker->alive == 0);
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
	if (!load_is_paced(worker) && !load_is_connecting(worker))
		begin_all(worker);
	while (worker->now_ns < load_stop_ns(worker) && !is_done(worker) && !is_dead(worker)) {
		int64_t due_ns = begin_due(worker), stop = load_stop_ns(worker);

		if (worker->cpu_begin_ns < 0 && worker->now_ns >= worker->plan->record_ns)
			worker->cpu_begin_ns = thread_cpu_ns();
		turn(worker, due_ns < stop ? due_ns : stop);
		expire(worker);
	}
	if (worker->cpu_begin_ns >= 0)
		worker->result.cpu_ns = thread_cpu_ns() - worker->cpu_begin_ns;
	if (!is_done(worker))
		worker->result.end_ns = worker->now_ns < load_stop_ns(worker)
						? worker->now_ns
						: load_stop_ns(worker);
}

/* How many messages were due by the end of the run and never begun. */
static uint64_t count_unbegun(const struct load_worker *worker)
{
	int64_t stop = load_stop_ns(worker);
	int64_t until_ns = stop < worker->ended_ns ? stop : worker->ended_ns;

	if (!load_is_paced(worker) || worker->begun >= worker->allowed ||
		load_due_ns(worker, worker->begun) >= until_ns)
		return 0;
	double since_ns = (double)(until_ns - 1 - load_due_ns(worker, 0));
	uint64_t due = (uint64_t)(since_ns / load_gap_ns(worker)) + 1;
	if (due > worker->allowed)
		due = worker->allowed;
	return due > worker->begun ? due - worker->begun : 0;
}

/* Waits for what is under way, and for paced messages that had to wait for a free connection. */
static void drain(struct load_worker *worker)
{
	worker->ended_ns = worker->now_ns;
	while (!is_dead(worker) && !(load_is_interrupted(worker) && load_is_too_late(worker))) {
		int64_t due_ns = begin_due(worker);

		if (worker->under_way == 0 &&
			!(load_is_paced(worker) && load_may_begin_paced(worker)))
			break;
		turn(worker, due_ns);
		expire(worker);
	}
	worker->result.unfinished = count_unbegun(worker) + worker->under_way;
	for (size_t i = 0; i < worker->slot_count; i++)
		worker->slots[i].completed = worker->slots[i].begun;
	worker->under_way = 0;
}

/* Ends our streams, and waits for the server to end its own: so nothing is reset. */
static void close_all(struct load_worker *worker)
{
	int64_t patience_ms = load_is_interrupted(worker) ? LOAD_INTERRUPTED_MS : CLOSE_MS;
	int64_t until_ns = clock_monotonic_ns() + patience_ms * MS;

	worker->is_closing = true;
	for (size_t i = 0; i < worker->slot_count; i++)
		if (worker->slots[i].is_connecting)
			load_slot_end(worker, &worker->slots[i]);
		else if (worker->slots[i].stream.channel.fd >= 0)
			load_slot_finish(worker, &worker->slots[i]);
	while (worker->alive > 0 && worker->now_ns < until_ns)
		turn(worker, until_ns);
	for (size_t i = 0; i < worker->slot_count; i++)
		if (worker->slots[i].stream.channel.fd >= 0)
			load_slot_end(worker, &worker->slots[i]);
}

static void prepare(struct load_worker *worker)
{
	uint64_t length = load_slot_ring(worker);

	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->slots = calloc(worker->slot_count, sizeof *worker->slots);
	worker->buffer = malloc(LOAD_BUFFER_BYTES);
	CHECK(worker->epoll_fd >= 0 && worker->slots != NULL && worker->buffer != NULL);
	worker->cpu_begin_ns = -1;
	for (size_t i = 0; i < worker->slot_count; i++) {
		worker->slots[i].stream.channel.fd = -1;
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
	if (!load_is_connecting(worker))
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
