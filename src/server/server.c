/* SPDX-License-Identifier: MIT */
#include "yodel/server/server.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/log.h"
#include "yodel/server/acceptor.h"
#include "yodel/server/descriptor_plan.h"
#include "yodel/server/listening.h"
#include "yodel/server/notify.h"
#include "yodel/server/report.h"
#include "yodel/service/service.h"
#include "yodel/session/registry.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	ACCEPTS_A_TURN = 64, /* from one socket, before signals and the other sockets have theirs */
	LAST_ACCEPTS = 65536, /* from one socket, before it is closed */
	STATUS_PERIOD_MS = 1000,
	FLUSH_MS = 1000, /* after the drain: for what has arrived to be answered */
	CUT_MS = 1000,   /* after that: for the threads to see that they are cut off */
};

/* The fixed places of the poll set; refused clients and listening sockets follow. */
enum { POLL_SIGNALS, POLL_EMPTY, POLL_FIXED };

struct server {
	struct config *config;
	struct registry registry;
	struct acceptor acceptor;
	struct listening listening;
	int signal_fd;
	int empty_fd; /* readable when the last client has gone, once the registry is closed */
	struct pollfd *poll_set;
	unsigned stop_signals;
	bool is_broken;
	bool is_draining;
	size_t first_socket; /* of the next turn */
	size_t told_open;    /* connections, as the service manager was last told */
	int64_t tell_at_ms;
};

/*
 * Blocked before any thread exists, so that every thread inherits the mask and only signal_fd
 * hears. A shell starts background jobs with INT ignored, and an ignored signal is not even
 * blocked: undo that.
 */
static int open_signals(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		signal(numbers[i], SIG_DFL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void hear_signals(struct server *server)
{
	struct signalfd_siginfo signal;

	while (read(server->signal_fd, &signal, sizeof signal) == sizeof signal) {
		switch (signal.ssi_signo) {
		case SIGHUP:
			log_message(LOG_LEVEL_WARN, "reload",
				"not available in this version; restart to change the configuration");
			break;
		case SIGUSR1:
			report_statistics("statistics", &server->registry);
			break;
		default:
			server->stop_signals++;
		}
	}
}

/* One listening socket's turn. Returns false where accepting has to pause. */
static bool take_clients(struct server *server, const struct listening_entry *entry, int turns)
{
	const struct listener_settings *settings = &server->config
							    ->listeners[entry->listener_index];

	for (int i = 0; i < turns; i++) {
		switch (acceptor_accept(&server->acceptor, entry->fd, settings,
			entry->listener_index, entry->run)) {
		case ACCEPT_OK:
		case ACCEPT_RETRY:
			break;
		case ACCEPT_EMPTY:
			return true;
		case ACCEPT_PAUSE:
			return false;
		case ACCEPT_FATAL:
			log_message(LOG_LEVEL_ERROR, "error", "accept on listener %s: %s",
				settings->name, error_text(errno));
			server->is_broken = true;
			return false;
		}
	}
	return true;
}

/* Each turn begins with another socket, so that none has to wait for the pauses of the one before it. */
static void take_clients_of_all(struct server *server, const struct pollfd *set)
{
	size_t count = server->listening.count;
	size_t first = server->first_socket++ % count;

	for (size_t i = 0; i < count; i++) {
		size_t at = (first + i) % count;

		if (set[at].revents != 0 &&
			!take_clients(server, &server->listening.entries[at], ACCEPTS_A_TURN))
			return;
	}
}

static void tell(const struct server *server, const char *more, size_t open)
{
	notify_send("%sSTATUS=%s%zu connection%s", more, server->is_draining ? "draining " : "",
		open, open == 1 ? "" : "s");
}

/* Tells the service manager when the number of connections has changed, once a second at most. */
static void tell_status(struct server *server, int64_t now_ms)
{
	if (!notify_is_wanted() || now_ms < server->tell_at_ms)
		return;
	size_t open = registry_open_count(&server->registry);
	server->tell_at_ms = open == 0 ? 0 : now_ms + STATUS_PERIOD_MS;
	if (open == server->told_open)
		return;
	server->told_open = open;
	server->tell_at_ms = now_ms + STATUS_PERIOD_MS;
	tell(server, "", open);
}

static int timeout_of(const struct server *server, int64_t until_ms, int64_t now_ms)
{
	int64_t wake_ms = clock_earlier_of(until_ms, server->tell_at_ms);

	wake_ms = clock_earlier_of(wake_ms, partings_deadline_ms(&server->acceptor.partings));
	wake_ms = clock_earlier_of(wake_ms, refusals_deadline_ms(&server->acceptor.refusals));
	if (server->acceptor.paused_until_ms > now_ms)
		wake_ms = clock_earlier_of(wake_ms, server->acceptor.paused_until_ms);
	if (wake_ms == 0)
		return -1;
	return wake_ms > now_ms ? (int)(wake_ms - now_ms) : 0;
}

/* One turn of the loop: waits for something to do, not beyond until_ms (0: for ever); does it. */
static void turn(struct server *server, int64_t until_ms)
{
	struct partings *partings = &server->acceptor.partings;
	struct pollfd *set = server->poll_set;
	size_t parting_count = partings->count;
	int64_t now_ms = clock_monotonic_ms();
	bool is_accepting = !server->is_draining && server->acceptor.paused_until_ms <= now_ms;
	nfds_t count = POLL_FIXED + parting_count;

	set[POLL_SIGNALS] = (struct pollfd){.fd = server->signal_fd, .events = POLLIN};
	set[POLL_EMPTY] = (struct pollfd){.fd = server->empty_fd, .events = POLLIN};
	partings_fill(partings, set + POLL_FIXED);
	if (is_accepting)
		count += listening_fill(&server->listening, set + count);
	int ready = poll(set, count, timeout_of(server, until_ms, now_ms));
	CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
	now_ms = clock_monotonic_ms();
	if (ready > 0 && set[POLL_SIGNALS].revents != 0)
		hear_signals(server);
	if (ready > 0 && set[POLL_EMPTY].revents != 0)
		(void)eventfd_read(server->empty_fd, &(eventfd_t){0});
	if (ready >= 0)
		partings_serve(partings, set + POLL_FIXED, now_ms);
	if (ready > 0 && is_accepting && server->stop_signals == 0)
		take_clients_of_all(server, set + POLL_FIXED + parting_count);
	refusals_flush(&server->acceptor.refusals, now_ms);
	tell_status(server, now_ms);
}

/*
 * Before the listeners close: lets those in who are already connected and may have sent something.
 * The kernel queues no more than somaxconn; others may keep coming, so there is an end.
 */
static void take_last_clients(struct server *server)
{
	for (size_t i = 0; i < server->listening.count; i++)
		(void)take_clients(server, &server->listening.entries[i], LAST_ACCEPTS);
}

static bool is_everybody_gone(struct server *server)
{
	return registry_is_empty(&server->registry) && server->acceptor.partings.count == 0;
}

/* Waits for all clients to go, up to patience_ms or a second signal. Returns whether they have. */
static bool wait_until_empty(struct server *server, int64_t patience_ms)
{
	int64_t until_ms = clock_monotonic_ms() + patience_ms;
	bool is_empty = is_everybody_gone(server);

	while (!is_empty && server->stop_signals < 2 && clock_monotonic_ms() < until_ms) {
		turn(server, until_ms);
		is_empty = is_everybody_gone(server);
	}
	return is_empty;
}

/* Lets clients finish, then ends their input (what has arrived is still answered), then cuts. */
static void drain(struct server *server)
{
	if (server->stop_signals > 0)
		take_last_clients(server);
	listening_close(&server->listening);
	server->is_draining = true;
	tell(server, "STOPPING=1\n", registry_open_count(&server->registry));
	report_drain(&server->registry, server->config->drain_ms);
	registry_close(&server->registry);
	if (wait_until_empty(server, server->config->drain_ms) || server->stop_signals > 1)
		return;
	registry_shut_all(&server->registry, SHUT_RD, CLOSE_DRAIN);
	if (wait_until_empty(server, FLUSH_MS) || server->stop_signals > 1)
		return;
	registry_shut_all(&server->registry, SHUT_RDWR, CLOSE_DRAIN);
	(void)wait_until_empty(server, CUT_MS);
}

static int open_wake_ups(struct server *server, struct error *error)
{
	server->signal_fd = open_signals();
	server->empty_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->signal_fd >= 0 && server->empty_fd >= 0)
		return 0;
	return error_set_errno(error, EX_OSERR, errno, "cannot open signalfd or eventfd");
}

static int make_registry(
	struct server *server, const struct descriptor_plan *plan, struct error *error)
{
	const struct config *config = server->config;
	struct registry_settings settings = {
		.capacity = plan->connections,
		.limits = config->limits,
		.peer_prefix_v4_bits = (unsigned)config->peer_prefix_v4_bits,
		.peer_prefix_v6_bits = (unsigned)config->peer_prefix_v6_bits,
		.listeners = config->listeners,
		.listener_count = config->listener_count,
		.empty_fd = server->empty_fd,
	};

	if (registry_init(&server->registry, &settings) == 0)
		return 0;
	return error_set(error, EX_OSERR, "no memory for %zu connections", plan->connections);
}

static int make_poll_set(struct server *server, size_t partings, struct error *error)
{
	size_t count = POLL_FIXED + partings + server->listening.count;

	server->poll_set = calloc(count, sizeof *server->poll_set);
	if (server->poll_set != NULL)
		return 0;
	return error_set(error, EX_OSERR, "no memory to poll %zu descriptors", count);
}

/* What is left before clients can come, in the order of what it builds on. */
static int prepare_to_accept(struct server *server, struct error *error)
{
	const struct config *config = server->config;
	struct descriptor_plan plan;

	if (open_wake_ups(server, error) != 0 ||
		descriptor_plan_make(&plan, (size_t)config->limits.max_connections, error) != 0 ||
		make_poll_set(server, plan.partings, error) != 0 ||
		make_registry(server, &plan, error) != 0)
		return -1;
	if (acceptor_init(&server->acceptor, &server->registry, (size_t)config->thread_stack_bytes,
		    plan.partings, error) != 0) {
		registry_fini(&server->registry);
		return -1;
	}
	report_plan(config, &plan);
	if (listening_start(&server->listening, config, error) == 0)
		return 0;
	acceptor_fini(&server->acceptor);
	registry_fini(&server->registry);
	return -1;
}

/* Signals still end the process while names are resolved; from then on they are heard by the loop. */
static int prepare(struct server *server, struct error *error)
{
	if (listening_open(&server->listening, server->config, error) != 0)
		return -1;
	if (prepare_to_accept(server, error) == 0)
		return 0;
	listening_close(&server->listening);
	free(server->poll_set);
	return -1;
}

/*
 * Frees everything, unless clients' threads still run: the process is about to end with them, and
 * what they use stays as it is.
 */
static void clean_up(struct server *server)
{
	listening_close(&server->listening);
	acceptor_fini(&server->acceptor);
	free(server->poll_set);
	close(server->signal_fd);
	if (!registry_is_empty(&server->registry))
		return;
	registry_fini(&server->registry);
	close(server->empty_fd);
	config_free(server->config);
	free(server);
}

static int serve(struct server *server)
{
	while (server->stop_signals == 0 && !server->is_broken)
		turn(server, 0);
	drain(server);
	report_statistics("stop", &server->registry);
	if (server->stop_signals > 1 || server->is_broken)
		return 1;
	return registry_is_empty(&server->registry) ? 0 : 1;
}

int server_run(struct config *config, bool has_ready_lines, struct error *error)
{
	struct server *server = calloc(1, sizeof *server);

	CHECK(server != NULL);
	*server = (struct server){.config = config, .signal_fd = -1, .empty_fd = -1};
	if (prepare(server, error) != 0) {
		config_free(config);
		free(server);
		return -1;
	}
	report_ready(config, &server->listening, has_ready_lines);
	tell(server, "READY=1\n", 0);
	int result = serve(server);
	clean_up(server);
	return result;
}
