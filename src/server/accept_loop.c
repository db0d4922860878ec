/* SPDX-License-Identifier: MIT */
#include "yodel/server/accept_loop.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/log.h"
#include "yodel/server/handle_client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	ACCEPTS_A_TURN = 64,
	LAST_TURNS = 1024, /* of these: more than the kernel queues, and others may keep coming */
};

/* The fixed place of the poll set; the listening sockets and then the refused clients follow. */
enum { POLL_WAKE, POLL_SOCKETS };

static struct pollfd *sockets_of(struct accept_loop *loop)
{
	return loop->poll_set + POLL_SOCKETS;
}

static struct pollfd *partings_of(struct accept_loop *loop)
{
	return sockets_of(loop) + loop->socket_count;
}

static void wake_leader(const struct accept_loop *loop)
{
	CHECK(eventfd_write(loop->wake_fd, 1) == 0);
}

static bool is_accepting(struct accept_loop *loop)
{
	return accept_loop_stage(loop) < ACCEPT_LOOP_CLOSED;
}

static void forget_ready_sockets(struct accept_loop *loop)
{
	for (size_t i = 0; i < loop->socket_count; i++)
		sockets_of(loop)[i].revents = 0;
}

/* From here on main may close them. */
static void leave_sockets(struct accept_loop *loop)
{
	forget_ready_sockets(loop);
	loop->status.tell_at_ms = 0; /* main tells while it drains */
	CHECK(atomic_exchange(&loop->stage, ACCEPT_LOOP_CLOSED) < ACCEPT_LOOP_CLOSED);
	CHECK(eventfd_write(loop->event_fd, 1) == 0);
}

static void give_up(struct accept_loop *loop)
{
	atomic_store(&loop->is_broken, true);
	leave_sockets(loop);
}

static void begin_to_finish(struct accept_loop *loop)
{
	int open = ACCEPT_LOOP_OPEN;

	(void)atomic_compare_exchange_strong(&loop->stage, &open, ACCEPT_LOOP_FINISHING);
}

/* The next socket with clients in its queue, as far as is known; each has its turn. */
static bool find_ready_socket(const struct accept_loop *loop, size_t *index)
{
	size_t count = loop->socket_count;

	for (size_t i = 0; i < count; i++) {
		*index = (loop->next_socket + i) % count;
		if (loop->poll_set[POLL_SOCKETS + *index].revents != 0)
			return true;
	}
	return false;
}

static void count_admission(struct accept_loop *loop)
{
	if (loop->admissions_left > 0 && --loop->admissions_left == 0)
		leave_sockets(loop);
}

/* A client is let in where no limit is in the way, and served where another thread can lead meanwhile. */
static struct connection *let_in(struct accept_loop *loop, const struct listener_settings *listener,
	const struct admission *client)
{
	struct connection *connection = acceptor_admit(&loop->acceptor, listener, client);

	if (connection == NULL)
		return NULL;
	int thread_failure = leadership_ensure_follower(&loop->leadership);
	if (thread_failure == 0) {
		count_admission(loop);
		return connection;
	}
	acceptor_turn_away(&loop->acceptor, client, connection, thread_failure);
	forget_ready_sockets(loop);
	return NULL;
}

/* One client from the queue of a socket. Returns its connection, or NULL where there is none to serve. */
static struct connection *take_client(struct accept_loop *loop, size_t socket_index)
{
	const struct listening_entry *entry = &loop->listening->entries[socket_index];
	const struct listener_settings *listener = &loop->config->listeners[entry->listener_index];
	struct admission client;

	loop->accepts_left--;
	loop->next_socket = socket_index + 1;
	switch (acceptor_accept(&loop->acceptor, entry, listener, &client)) {
	case ACCEPT_OK:
		return let_in(loop, listener, &client);
	case ACCEPT_RETRY:
		break;
	case ACCEPT_EMPTY:
		sockets_of(loop)[socket_index].revents = 0;
		break;
	case ACCEPT_PAUSE:
		forget_ready_sockets(loop);
		break;
	case ACCEPT_FATAL:
		log_message(LOG_LEVEL_ERROR, "error", "accept on listener %s: %s", listener->name,
			error_text(errno));
		give_up(loop);
		break;
	}
	return NULL;
}

/* Goes through what the last poll found. */
static struct connection *take_ready_client(struct accept_loop *loop)
{
	struct connection *connection = NULL;
	size_t socket_index;

	while (connection == NULL && loop->accepts_left > 0 &&
		find_ready_socket(loop, &socket_index))
		connection = take_client(loop, socket_index);
	return connection;
}

/* When exit.idle will be over if nobody comes; 0 where it never is. */
static int64_t idle_deadline_ms(const struct accept_loop *loop)
{
	int64_t idle_ms = loop->config->exit.idle_ms;
	int64_t since_ms = idle_ms == 0 ? 0 : registry_empty_since_ms(loop->acceptor.registry);

	return since_ms == 0 ? 0 : since_ms + idle_ms;
}

static int timeout_of(struct accept_loop *loop, int64_t now_ms)
{
	const struct acceptor *acceptor = &loop->acceptor;
	int64_t wake_ms = clock_earlier_of(
		loop->status.tell_at_ms, partings_deadline_ms(&acceptor->partings));

	if (is_accepting(loop))
		wake_ms = clock_earlier_of(wake_ms, idle_deadline_ms(loop));
	wake_ms = clock_earlier_of(wake_ms, refusals_deadline_ms(&acceptor->refusals));
	if (acceptor->paused_until_ms > now_ms)
		wake_ms = clock_earlier_of(wake_ms, acceptor->paused_until_ms);
	return clock_poll_timeout(wake_ms, now_ms);
}

static int fd_to_poll(const struct listening_entry *entry)
{
	return entry->is_datagram ? -1 : entry->fd;
}

/* poll(2) passes over an entry whose descriptor is negative. */
static nfds_t fill_poll_set(struct accept_loop *loop, bool has_sockets)
{
	const struct partings *partings = &loop->acceptor.partings;

	loop->poll_set[POLL_WAKE] = (struct pollfd){.fd = loop->wake_fd, .events = POLLIN};
	for (size_t i = 0; i < loop->socket_count; i++)
		sockets_of(loop)[i] = (struct pollfd){
			.fd = has_sockets ? fd_to_poll(&loop->listening->entries[i]) : -1,
			.events = POLLIN,
		};
	partings_fill(partings, partings_of(loop));
	return POLL_SOCKETS + loop->socket_count + partings->count;
}

static void refuse_late(struct accept_loop *loop)
{
	struct late_refusal refusal;

	while (late_refusals_take(&loop->late_refusals, &refusal)) {
		acceptor_refuse_late(&loop->acceptor, refusal.connection, refusal.reason);
		if (loop->admissions_left > 0)
			loop->admissions_left++;
	}
}

/* Does what is due; waits for clients, for refused ones to leave, for main, and for what is due next. */
static void wait_for_work(struct accept_loop *loop, bool may_wait)
{
	int64_t now_ms = clock_monotonic_ms();
	bool has_sockets = is_accepting(loop);

	refusals_flush(&loop->acceptor.refusals, now_ms);
	if (has_sockets)
		status_tell(&loop->status, loop->acceptor.registry, now_ms);
	nfds_t count = fill_poll_set(loop, has_sockets && loop->acceptor.paused_until_ms <= now_ms);
	int ready = poll(loop->poll_set, count, may_wait ? timeout_of(loop, now_ms) : 0);

	CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
	if (ready < 0)
		for (nfds_t i = 0; i < count; i++)
			loop->poll_set[i].revents = 0;
	loop->accepts_left = ACCEPTS_A_TURN;
	if (loop->poll_set[POLL_WAKE].revents != 0)
		(void)eventfd_read(loop->wake_fd, &(eventfd_t){0});
	partings_serve(&loop->acceptor.partings, partings_of(loop), clock_monotonic_ms());
	refuse_late(loop);
}

/* A turn towards the end: until the queues are empty, or there is no end to them. */
static void finish(struct accept_loop *loop)
{
	size_t socket_index;

	if (loop->last_turns_left == LAST_TURNS)
		loop->acceptor.paused_until_ms = 0; /* there may be room by now */
	wait_for_work(loop, false);
	if (--loop->last_turns_left == 0 || !find_ready_socket(loop, &socket_index))
		leave_sockets(loop);
}

static void end_idleness(struct accept_loop *loop)
{
	int64_t deadline_ms = idle_deadline_ms(loop);

	if (deadline_ms != 0 && deadline_ms <= clock_monotonic_ms())
		begin_to_finish(loop);
}

/* Whether somebody is being refused, or may be once his proxy has announced who he is. */
static bool has_refusals(const struct accept_loop *loop)
{
	return loop->acceptor.partings.count > 0 ||
	       (loop->has_proxies && !registry_is_empty(loop->acceptor.registry));
}

/* One turn of the loop. Returns false after the last one. */
static bool turn(struct accept_loop *loop)
{
	switch (accept_loop_stage(loop)) {
	case ACCEPT_LOOP_OPEN:
		wait_for_work(loop, true);
		end_idleness(loop);
		return true;
	case ACCEPT_LOOP_FINISHING:
		finish(loop);
		return true;
	case ACCEPT_LOOP_CLOSED:
		if (!has_refusals(loop))
			break;
		wait_for_work(loop, true);
		return true;
	}
	refusals_end(&loop->acceptor.refusals, clock_monotonic_ms());
	return false;
}

/* Leads until there is a client to serve. Returns its connection, or NULL when all is over. */
static void *lead(void *context)
{
	struct accept_loop *loop = context;
	struct connection *connection;

	do
		connection = take_ready_client(loop);
	while (connection == NULL && turn(loop));
	return connection;
}

/* Whether the leader waits for nobody to be there: for exit.idle to begin, or to end itself. */
static bool is_emptiness_awaited(struct accept_loop *loop)
{
	return idle_deadline_ms(loop) != 0 || (loop->has_proxies && !is_accepting(loop));
}

/* The leader turns away who turns out not to be let in. */
static void serve(void *context, void *connection)
{
	struct accept_loop *loop = context;
	bool is_served = handle_client(connection, &loop->late_refusals);

	if (!is_served || is_emptiness_awaited(loop))
		wake_leader(loop);
}

static bool has_proxies(const struct config *config)
{
	for (size_t i = 0; i < config->listener_count; i++)
		if (config->listeners[i].proxy_protocol != 0)
			return true;
	return false;
}

static int init_poll_set(struct accept_loop *loop, size_t max_partings, struct error *error)
{
	size_t count = POLL_SOCKETS + loop->socket_count + max_partings;

	loop->poll_set = calloc(count, sizeof *loop->poll_set);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->poll_set == NULL)
		return error_set(error, EX_OSERR, "no memory to poll %zu descriptors", count);
	if (loop->wake_fd < 0)
		return error_set_errno(error, EX_OSERR, errno, "cannot open an eventfd");
	return 0;
}

static void free_poll_set(struct accept_loop *loop)
{
	free(loop->poll_set);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
}

static int init_refusing(struct accept_loop *loop, struct registry *registry, size_t max_partings,
	struct error *error)
{
	size_t capacity = registry->settings.capacity;

	if (acceptor_init(&loop->acceptor, registry, max_partings, error) != 0)
		return -1;
	if (late_refusals_init(&loop->late_refusals, capacity) == 0)
		return 0;
	acceptor_fini(&loop->acceptor);
	return error_set(error, EX_OSERR, "no memory for %zu connections", capacity);
}

static void fini_refusing(struct accept_loop *loop)
{
	acceptor_fini(&loop->acceptor);
	late_refusals_fini(&loop->late_refusals);
}

int accept_loop_init(struct accept_loop *loop, const struct config *config,
	const struct listening *listening, struct registry *registry, size_t max_partings,
	int event_fd, struct error *error)
{
	const struct leadership_task task = {
		.thread_name = "accept", .lead = lead, .work = serve, .context = loop};

	*loop = (struct accept_loop){
		.config = config,
		.listening = listening,
		.socket_count = listening->count,
		.has_proxies = has_proxies(config),
		.event_fd = event_fd,
		.wake_fd = -1,
		.last_turns_left = LAST_TURNS,
		.admissions_left = config->exit.max_accepts,
	};
	if (init_refusing(loop, registry, max_partings, error) != 0)
		return -1;
	if (init_poll_set(loop, max_partings, error) == 0 &&
		leadership_init(&loop->leadership, &task, (size_t)config->thread_stack_bytes,
			event_fd, error) == 0)
		return 0;
	fini_refusing(loop);
	free_poll_set(loop);
	return -1;
}

void accept_loop_fini(struct accept_loop *loop)
{
	leadership_fini(&loop->leadership);
	fini_refusing(loop);
	free_poll_set(loop);
}

void accept_loop_begin(struct accept_loop *loop)
{
	status_begin(&loop->status, "READY=1\n", "", loop->acceptor.registry);
	leadership_begin(&loop->leadership);
}

void accept_loop_finish(struct accept_loop *loop)
{
	begin_to_finish(loop);
	wake_leader(loop);
}

bool accept_loop_is_broken(struct accept_loop *loop)
{
	return atomic_load(&loop->is_broken);
}

enum accept_loop_stage accept_loop_stage(struct accept_loop *loop)
{
	return (enum accept_loop_stage)atomic_load(&loop->stage);
}

bool accept_loop_is_empty(struct accept_loop *loop)
{
	return leadership_is_empty(&loop->leadership);
}
