/* SPDX-License-Identifier: MIT */
#include "yodel/server/datagrams.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/server/refusals.h"
#include "yodel/session/access.h"
#include "yodel/session/peer_rates.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	PAUSE_MS = 100,    /* after an error of the socket, which may stay */
	LAST_BATCHES = 64, /* towards the end: more may keep coming */
	NAME_BYTES = 16,   /* of a thread */
};

/* Written by the thread alone, read by main. */
struct counts {
	_Atomic uint64_t in;
	_Atomic uint64_t out;
	_Atomic uint64_t by_reason[CLOSE_REASON_COUNT];
};

struct datagram_echo {
	const struct datagrams *datagrams;
	const struct listener_settings *listener;
	int fd;
	pthread_t thread;
	struct datagram_batch batch;
	struct access access;
	struct peer_rates rates;
	struct refusals refusals;
	int64_t paused_until_ms;
	struct counts counts;
};

static void count(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void drop(struct datagram_echo *echo, const struct address *source, enum close_reason reason,
	int error_number, int64_t now_ms)
{
	count(&echo->counts.by_reason[reason], 1);
	refusals_log(&echo->refusals, echo->listener->name, source, reason, error_number, now_ms);
}

static bool has_rate(struct datagram_echo *echo, const struct address *source, int64_t now_ms)
{
	const struct config *config = echo->datagrams->config;
	struct address_prefix peer = address_prefix(source, (unsigned)config->peer_prefix_v4_bits,
		(unsigned)config->peer_prefix_v6_bits);

	return peer_rates_take(&echo->rates, &peer, now_ms);
}

/* CLOSE_NONE, or why a datagram is not answered; the rate comes last, for it is used up. */
static enum close_reason find_obstacle(
	struct datagram_echo *echo, const struct datagram *item, int64_t now_ms)
{
	enum close_reason reason = datagram_guard_check(&echo->datagrams->guard, item);

	if (reason != CLOSE_NONE)
		return reason;
	if (!access_is_allowed(&echo->access, &item->source))
		return CLOSE_DENIED;
	return has_rate(echo, &item->source, now_ms) ? CLOSE_NONE : CLOSE_RATE;
}

/* Marks what is to be answered. */
static void choose(struct datagram_echo *echo, int64_t now_ms)
{
	for (size_t i = 0; i < echo->batch.count; i++) {
		struct datagram *item = &echo->batch.items[i];
		enum close_reason reason = find_obstacle(echo, item, now_ms);

		item->is_wanted = reason == CLOSE_NONE;
		if (!item->is_wanted)
			drop(echo, &item->source, reason, 0, now_ms);
	}
}

static enum close_reason reason_of(int error_number)
{
	switch (error_number) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
		return CLOSE_RESOURCES;
	case EMSGSIZE:
		return CLOSE_OVERSIZE;
	default: /* no way there, a firewall rule */
		return CLOSE_ERROR;
	}
}

static void count_answers(struct datagram_echo *echo, int64_t now_ms)
{
	uint64_t out = 0;

	for (size_t i = 0; i < echo->batch.count; i++) {
		const struct datagram *item = &echo->batch.items[i];

		if (item->is_wanted && item->error_number == 0)
			out++;
		else if (item->is_wanted)
			drop(echo, &item->source, reason_of(item->error_number), item->error_number,
				now_ms);
	}
	count(&echo->counts.out, out);
}

/* Answers what is there. Returns how many there were; an error of the socket pauses. */
static size_t echo_batch(struct datagram_echo *echo)
{
	int failure = datagram_batch_receive(&echo->batch);
	int64_t now_ms = clock_monotonic_ms();

	if (failure != 0) {
		drop(echo, NULL, CLOSE_ERROR, failure, now_ms);
		echo->paused_until_ms = now_ms + PAUSE_MS;
	}
	count(&echo->counts.in, echo->batch.count);
	choose(echo, now_ms);
	datagram_batch_answer(&echo->batch);
	count_answers(echo, now_ms);
	return echo->batch.count;
}

static int timeout_of(const struct datagram_echo *echo, int64_t now_ms)
{
	int64_t wake_ms = refusals_deadline_ms(&echo->refusals);

	if (echo->paused_until_ms > now_ms)
		wake_ms = clock_earlier_of(wake_ms, echo->paused_until_ms);
	return clock_poll_timeout(wake_ms, now_ms);
}

/* Waits for datagrams, and answers them. Returns false when it is time to end. */
static bool turn(struct datagram_echo *echo)
{
	int64_t now_ms = clock_monotonic_ms();
	struct pollfd set[] = {
		{.fd = echo->datagrams->stop_fd, .events = POLLIN},
		{.fd = echo->paused_until_ms <= now_ms ? echo->fd : -1, .events = POLLIN},
	};

	refusals_flush(&echo->refusals, now_ms);
	int ready = poll(set, sizeof set / sizeof *set, timeout_of(echo, now_ms));
	CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
	if (ready <= 0)
		return true;
	if (set[1].revents != 0)
		(void)echo_batch(echo);
	return set[0].revents == 0;
}

static void name_thread(const struct datagram_echo *echo)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof name, "%s", echo->listener->name);
	(void)pthread_setname_np(pthread_self(), name);
}

static void *run(void *argument)
{
	struct datagram_echo *echo = argument;
	int batches = LAST_BATCHES;

	name_thread(echo);
	while (turn(echo))
		continue;
	while (echo_batch(echo) > 0 && --batches > 0)
		continue;
	refusals_end(&echo->refusals, clock_monotonic_ms());
	return NULL;
}

static size_t count_datagram_sockets(const struct listening *listening)
{
	size_t found = 0;

	for (size_t i = 0; i < listening->count; i++)
		found += listening->entries[i].is_datagram;
	return found;
}

/* Returns 0, or -1 where memory is short. */
static int init_echo(struct datagram_echo *echo, const struct datagrams *datagrams,
	const struct listening_entry *entry)
{
	*echo = (struct datagram_echo){
		.datagrams = datagrams,
		.listener = &datagrams->config->listeners[entry->listener_index],
		.fd = entry->fd,
	};
	if (access_init(&echo->access, &echo->listener->allow, &echo->listener->deny) != 0 ||
		peer_rates_init(&echo->rates, echo->listener->datagram_rate) != 0 ||
		datagram_batch_init(&echo->batch, entry->fd) != 0)
		return -1;
	return 0;
}

static int init_echoes(struct datagrams *datagrams, const struct listening *listening)
{
	size_t at = 0;

	for (size_t i = 0; i < listening->count; i++) {
		const struct listening_entry *entry = &listening->entries[i];

		if (!entry->is_datagram)
			continue;
		datagram_guard_add_port(&datagrams->guard, address_port(&entry->address));
		if (init_echo(&datagrams->echoes[at++], datagrams, entry) != 0)
			return -1;
	}
	return 0;
}

int datagrams_init(struct datagrams *datagrams, const struct config *config,
	const struct listening *listening, struct error *error)
{
	size_t sockets = count_datagram_sockets(listening);

	*datagrams = (struct datagrams){.config = config, .stop_fd = -1};
	if (sockets == 0)
		return 0;
	datagram_guard_init(&datagrams->guard);
	datagrams->echoes = calloc(sockets, sizeof *datagrams->echoes);
	if (datagrams->echoes != NULL)
		datagrams->count = sockets;
	if (datagrams->echoes == NULL || init_echoes(datagrams, listening) != 0) {
		datagrams_fini(datagrams);
		return error_set(error, EX_OSERR, "no memory for %zu UDP sockets", sockets);
	}
	datagrams->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (datagrams->stop_fd >= 0)
		return 0;
	error_set_errno(error, EX_OSERR, errno, "cannot open an eventfd");
	datagrams_fini(datagrams);
	return -1;
}

static int start_thread(
	struct datagrams *datagrams, const pthread_attr_t *attributes, struct error *error)
{
	struct datagram_echo *echo = &datagrams->echoes[datagrams->started];
	int failure = pthread_create(&echo->thread, attributes, run, echo);

	if (failure != 0)
		return error_set_errno(error, EX_OSERR, failure, "cannot make a thread");
	datagrams->started++;
	return 0;
}

int datagrams_start(struct datagrams *datagrams, struct error *error)
{
	size_t stack_bytes = (size_t)datagrams->config->thread_stack_bytes;
	pthread_attr_t attributes;
	int result = 0;

	CHECK(pthread_attr_init(&attributes) == 0);
	int failure = pthread_attr_setstacksize(&attributes, stack_bytes);
	if (failure != 0)
		result = error_set_errno(
			error, EX_OSERR, failure, "thread_stack = %zu", stack_bytes);
	while (result == 0 && datagrams->started < datagrams->count)
		result = start_thread(datagrams, &attributes, error);
	pthread_attr_destroy(&attributes);
	if (result != 0)
		datagrams_stop(datagrams);
	return result;
}

void datagrams_stop(struct datagrams *datagrams)
{
	if (datagrams->started > 0)
		CHECK(eventfd_write(datagrams->stop_fd, 1) == 0);
	while (datagrams->started > 0)
		CHECK(pthread_join(datagrams->echoes[--datagrams->started].thread, NULL) == 0);
}

struct datagram_totals datagrams_totals(const struct datagrams *datagrams)
{
	struct datagram_totals totals = {.in = 0};

	for (size_t i = 0; i < datagrams->count; i++) {
		const struct counts *counts = &datagrams->echoes[i].counts;

		totals.in += atomic_load_explicit(&counts->in, memory_order_relaxed);
		totals.out += atomic_load_explicit(&counts->out, memory_order_relaxed);
		for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++)
			totals.by_reason[reason] += atomic_load_explicit(
				&counts->by_reason[reason], memory_order_relaxed);
	}
	return totals;
}

void datagrams_fini(struct datagrams *datagrams)
{
	CHECK(datagrams->started == 0);
	for (size_t i = 0; i < datagrams->count; i++) {
		datagram_batch_fini(&datagrams->echoes[i].batch);
		peer_rates_fini(&datagrams->echoes[i].rates);
		access_fini(&datagrams->echoes[i].access);
	}
	free(datagrams->echoes);
	if (datagrams->stop_fd >= 0)
		close(datagrams->stop_fd);
	*datagrams = (struct datagrams){.stop_fd = -1};
}
