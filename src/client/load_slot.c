/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_slot.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/client/load_pace.h"

#include <errno.h>
#include <inttypes.h>

static uint64_t number_of(const struct load_worker *worker, const struct load_slot *slot)
{
	return worker->first_slot + (uint64_t)(slot - worker->slots);
}

uint64_t load_slot_ring(const struct load_worker *worker)
{
	return load_is_paced(worker) || load_is_connecting(worker)
		       ? 1
		       : (uint64_t)worker->plan->settings->depth;
}

/* The paced messages go round the connections, so that their due times need not be kept. */
int64_t load_slot_due_ns(
	const struct load_worker *worker, const struct load_slot *slot, uint64_t message)
{
	if (load_is_paced(worker) && !load_is_connecting(worker))
		return load_due_ns(
			worker, message * worker->slot_count + (uint64_t)(slot - worker->slots));
	return slot->due_ns[message % load_slot_ring(worker)];
}

void load_slot_begin(struct load_worker *worker, struct load_slot *slot, int64_t due_ns)
{
	slot->due_ns[slot->begun % load_slot_ring(worker)] = due_ns;
	slot->begun++;
	worker->begun++;
	worker->under_way++;
}

static void count_completed(struct load_worker *worker, int64_t due_ns)
{
	struct load_result *result = &worker->result;
	int64_t now_ns = worker->now_ns, stop = load_stop_ns(worker);
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
void load_slot_lose(struct load_worker *worker, struct load_slot *slot)
{
	uint64_t lost = slot->begun - slot->completed;
	int64_t now_ns = worker->now_ns < load_stop_ns(worker) ? worker->now_ns
							       : load_stop_ns(worker);

	/* The time that it took to lose them counts in the rate, too. */
	if (lost > 0 && now_ns > worker->result.end_ns)
		worker->result.end_ns = now_ns;
	worker->result.lost += lost;
	worker->under_way -= lost;
	slot->completed = slot->begun;
}

/* Closes the connection, however it went. */
void load_slot_end(struct load_worker *worker, struct load_slot *slot)
{
	load_slot_lose(worker, slot);
	worker->result.sent_bytes += slot->stream.sent;
	worker->result.received_bytes += slot->stream.received;
	if (slot->stream.channel.fd >= 0)
		worker->alive--;
	if (slot->is_connecting)
		worker->connecting--;
	slot->is_connecting = false;
	load_stream_close(&slot->stream);
	slot->stream.sent = slot->stream.received = slot->stream.goal = 0;
	if (load_is_connecting(worker)) {
		slot->next_free = worker->free_slots;
		worker->free_slots = slot;
	}
}

void load_slot_fail(
	struct load_worker *worker, struct load_slot *slot, int number, const char *what)
{
	enum failure_kind kind = failure_kind_of(number);

	if (worker->result.failed[kind]++ == 0)
		failure_set_why(&worker->result.first_failure[kind], number,
			channel_error(&slot->stream.channel, number),
			"connection %" PRIu64 " to %s %s after %" PRIu64 " bytes%s",
			number_of(worker, slot) + 1, worker->plan->request->target, what,
			slot->stream.received,
			number == EADDRNOTAVAIL
				? " (no free local port; --source ADDR/BITS has more)"
				: "");
	load_slot_end(worker, slot);
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
	load_slot_end(worker, slot);
}

static void mismatch_slot(struct load_worker *worker, struct load_slot *slot)
{
	if (worker->result.mismatched++ == 0)
		failure_set(&worker->result.first_mismatch, FAILURE_OTHER,
			"connection %" PRIu64 " to %s: what came back differs from byte %" PRIu64
			" on",
			number_of(worker, slot) + 1, worker->plan->request->target,
			slot->stream.received);
	load_slot_end(worker, slot);
}

/* --- Connections ----------------------------------------------------------------------------- */

/* Has epoll tell of what the connection waits for, if that is not what it tells of already. */
static void watch(struct load_worker *worker, struct load_slot *slot)
{
	uint32_t wanted = slot->wants_out ? EPOLLIN | EPOLLOUT : EPOLLIN;
	struct epoll_event event = {
		.events = channel_wants(&slot->stream.channel, wanted), .data.ptr = slot};

	if (event.events == slot->watched)
		return;
	CHECK(epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, slot->stream.channel.fd, &event) == 0);
	slot->watched = event.events;
}

static void await_connect(struct load_worker *worker, struct load_slot *slot)
{
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = slot};

	CHECK(epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, slot->stream.channel.fd, &event) == 0);
	slot->watched = event.events;
}

bool load_slot_dial(struct load_worker *worker, struct load_slot *slot)
{
	int fd = -1;
	uint64_t turn = worker->dials++ * (uint64_t)worker->plan->settings->threads +
			worker->number;

	slot->dialled_ns = slot->moved_ns = clock_monotonic_ns();
	int number = dial_begin(
		&worker->plan->target, &worker->plan->target.addresses[0], turn, &fd);
	if (dial_may_retry(&worker->plan->target, number, &worker->full_since_ms))
		return false;
	load_stream_open(&slot->stream, fd, worker->plan->request, turn);
	if (number != 0) {
		load_slot_fail(worker, slot, number == EAGAIN ? ETIMEDOUT : number, "failed");
		return true;
	}
	worker->alive++;
	worker->connecting++;
	slot->is_connecting = true;
	slot->is_securing = slot->wants_out = false;
	await_connect(worker, slot);
	return true;
}

static void watch_for_room(struct load_worker *worker, struct load_slot *slot, bool wants_out)
{
	slot->wants_out = wants_out;
	watch(worker, slot);
}

/* Sends what is due; the connection may have ended then. */
void load_slot_push(struct load_worker *worker, struct load_slot *slot)
{
	uint64_t oldest_end = (slot->completed + 1) * (uint64_t)worker->plan->settings->size_bytes;
	uint64_t before = slot->stream.sent;
	enum load_io io = load_stream_push(&slot->stream);
	bool has_sent_oldest = before < oldest_end && slot->stream.sent > before;

	/* No answer can come before the message is sent; later ones do not excuse its lack. */
	if (has_sent_oldest && slot->begun > slot->completed)
		slot->moved_ns = worker->now_ns;
	if (io == LOAD_IO_FAILED)
		load_slot_fail(worker, slot, errno, "broke");
	else
		watch_for_room(worker, slot, io == LOAD_IO_AGAIN);
}

/* Goes on with a connect that is not under way any more, or the handshake of TLS behind it. */
static int go_on_dialling(struct load_worker *worker, struct load_slot *slot)
{
	if (!slot->is_securing) {
		int number = dial_end(&worker->plan->target, slot->stream.channel.fd);

		if (number != 0)
			return number;
		slot->is_securing = true;
	}
	return channel_secure(&slot->stream.channel);
}

static void finish_dial(struct load_worker *worker, struct load_slot *slot)
{
	int number = go_on_dialling(worker, slot);

	worker->now_ns = clock_monotonic_ns();
	if (number == EAGAIN) {
		watch(worker, slot);
		return;
	}
	if (number != 0) {
		load_slot_fail(worker, slot, number, "failed");
		return;
	}
	worker->connecting--;
	slot->is_connecting = false;
	worker->result.opened++;
	atomic_store_explicit(&worker->opened_so_far, worker->result.opened, memory_order_relaxed);
	histogram_record(&worker->result.connect, worker->now_ns - slot->dialled_ns);
	slot->stream.goal = (slot->begun - slot->completed) *
			    (uint64_t)worker->plan->settings->size_bytes;
	load_slot_push(worker, slot);
}

/* --- Messages -------------------------------------------------------------------------------- */

/* Begins a message at once, where nothing paces them. Returns whether it did. */
static bool follow(struct load_worker *worker, struct load_slot *slot)
{
	if (load_is_paced(worker) || load_is_connecting(worker) || !load_may_begin(worker))
		return false;
	load_slot_begin(worker, slot, worker->now_ns);
	slot->stream.goal += (uint64_t)worker->plan->settings->size_bytes;
	return true;
}

/* Counts the messages that have come back whole. */
static void complete_messages(struct load_worker *worker, struct load_slot *slot)
{
	uint64_t whole = slot->stream.received / (uint64_t)worker->plan->settings->size_bytes;

	while (slot->completed < whole) {
		int64_t due_ns = load_slot_due_ns(worker, slot, slot->completed);

		slot->completed++;
		count_completed(worker, due_ns);
	}
}

/* Goes on behind completed messages: with as many new ones, or without the connection. */
void load_slot_go_on(struct load_worker *worker, struct load_slot *slot)
{
	if (worker->is_closing)
		return;
	if (load_is_connecting(worker) && slot->completed == slot->begun) {
		load_slot_end(worker, slot);
		return;
	}
	while (slot->begun - slot->completed < (uint64_t)worker->plan->settings->depth &&
		follow(worker, slot))
		;
	if (slot->stream.sent < slot->stream.goal && !slot->wants_out)
		load_slot_push(worker, slot);
}

static void pull(struct load_worker *worker, struct load_slot *slot)
{
	enum load_io io = load_stream_pull(&slot->stream, worker->buffer);

	worker->now_ns = clock_monotonic_ns();
	if (io != LOAD_IO_AGAIN)
		slot->moved_ns = worker->now_ns;
	switch (io) {
	case LOAD_IO_OK:
		watch(worker, slot);
		complete_messages(worker, slot);
		load_slot_go_on(worker, slot);
		break;
	case LOAD_IO_AGAIN:
		watch(worker, slot);
		break;
	case LOAD_IO_END:
		if (worker->is_closing)
			load_slot_end(worker, slot);
		else
			leave_slot(worker, slot);
		break;
	case LOAD_IO_MISMATCH:
		complete_messages(worker, slot);
		mismatch_slot(worker, slot);
		break;
	case LOAD_IO_FAILED:
		load_slot_fail(worker, slot, errno, "broke");
		break;
	}
}

void load_slot_handle(struct load_worker *worker, const struct epoll_event *event)
{
	struct load_slot *slot = event->data.ptr;
	uint32_t ready;

	if (slot->stream.channel.fd < 0)
		return;
	if (slot->is_connecting) {
		finish_dial(worker, slot);
		return;
	}
	ready = channel_ready(&slot->stream.channel, event->events);
	if ((ready & ~(uint32_t)EPOLLOUT) != 0)
		pull(worker, slot);
	if ((ready & EPOLLOUT) == 0 || slot->stream.channel.fd < 0 || slot->is_connecting)
		return;
	if (worker->is_closing)
		load_slot_finish(worker, slot);
	else
		load_slot_push(worker, slot);
}

void load_slot_finish(struct load_worker *worker, struct load_slot *slot)
{
	watch_for_room(worker, slot, !channel_finish(&slot->stream.channel));
}
