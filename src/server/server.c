/* SPDX-License-Identifier: MIT */
#include "yodel/server/server.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/log.h"
#include "yodel/server/accept_loop.h"
#include "yodel/server/certificates.h"
#include "yodel/server/console.h"
#include "yodel/server/datagrams.h"
#include "yodel/server/descriptor_plan.h"
#include "yodel/server/landlock.h"
#include "yodel/server/listening.h"
#include "yodel/server/privileges.h"
#include "yodel/server/report.h"
#include "yodel/server/status.h"
#include "yodel/service/service.h"
#include "yodel/session/buffer_pool.h"
#include "yodel/session/hub.h"
#include "yodel/session/placement.h"
#include "yodel/session/registry.h"
#include "yodel/session/stop_request.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	FLUSH_MS = 1000, /* after the drain: for what has arrived to be answered */
	CUT_MS = 1000,   /* after that: for the threads to see that they are cut off */
};

struct server {
	struct config *config;
	const struct server_start *start;
	struct registry registry;
	struct buffer_pool buffers;
	struct placement placement;
	struct stop_request stop_request;
	struct certificates certificates;
	struct hub hub;
	struct console *console; /* or NULL */
	struct accept_loop accept_loop;
	struct listening listening;
	struct datagrams datagrams;
	struct status status; /* while draining; before, it is the accept loop's to tell */
	int signal_fd;
	int event_fd; /* readable when the accept loop has news, or a client wants the stop */
	unsigned stop_signals; /* a client's wish counts as one */
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

static void reload(struct server *server)
{
	certificates_reload(&server->certificates);
	log_message(LOG_LEVEL_WARN, "reload",
		"only certificates are read again in this version; restart to change the configuration");
}

static void hear_signals(struct server *server)
{
	struct signalfd_siginfo signal;

	while (read(server->signal_fd, &signal, sizeof signal) == sizeof signal) {
		switch (signal.ssi_signo) {
		case SIGHUP:
			reload(server);
			break;
		case SIGUSR1:
			report_statistics("statistics", &server->registry, &server->datagrams);
			break;
		default:
			server->stop_signals++;
		}
	}
}

/* Waits for a signal, a client's wish or news of the accept loop, not beyond until_ms (0: for ever). */
static void wait_for_event(struct server *server, int64_t until_ms)
{
	struct pollfd set[] = {
		{.fd = server->signal_fd, .events = POLLIN},
		{.fd = server->event_fd, .events = POLLIN},
	};
	int ready = poll(
		set, sizeof set / sizeof *set, clock_poll_timeout(until_ms, clock_monotonic_ms()));

	CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
	if (ready <= 0)
		return;
	if (set[1].revents != 0)
		(void)eventfd_read(server->event_fd, &(eventfd_t){0});
	if (stop_request_take(&server->stop_request))
		server->stop_signals++;
	if (set[0].revents != 0)
		hear_signals(server);
}

/* Waits until nobody is served any more, up to until_ms (0: for ever) or that many signals. */
static bool wait_until_empty(struct server *server, int64_t until_ms, unsigned stop_signals)
{
	bool is_empty = accept_loop_is_empty(&server->accept_loop);

	while (!is_empty && server->stop_signals < stop_signals &&
		(until_ms == 0 || clock_monotonic_ms() < until_ms)) {
		wait_for_event(server, clock_earlier_of(until_ms, server->status.tell_at_ms));
		status_tell(&server->status, &server->registry, clock_monotonic_ms());
		is_empty = accept_loop_is_empty(&server->accept_loop);
	}
	return is_empty;
}

static bool is_accepting(struct server *server)
{
	return accept_loop_stage(&server->accept_loop) < ACCEPT_LOOP_CLOSED;
}

static void stop_accepting(struct server *server)
{
	accept_loop_finish(&server->accept_loop);
	while (is_accepting(server))
		wait_for_event(server, 0);
	datagrams_stop(&server->datagrams);
	listening_close(&server->listening);
	status_begin(&server->status, "STOPPING=1\n", "draining ", &server->registry);
}

static bool wait_in_drain(struct server *server, int64_t patience_ms)
{
	return wait_until_empty(server, clock_monotonic_ms() + patience_ms, 2);
}

/* Lets clients finish, then ends their input (what has arrived is still answered), then cuts. */
static void drain(struct server *server)
{
	report_drain(&server->registry, server->config->drain_ms);
	if (wait_in_drain(server, server->config->drain_ms) || server->stop_signals > 1)
		return;
	registry_shut_all(&server->registry, SHUT_RD, CLOSE_DRAIN);
	if (wait_in_drain(server, FLUSH_MS) || server->stop_signals > 1)
		return;
	registry_shut_all(&server->registry, SHUT_RDWR, CLOSE_DRAIN);
	hub_end(&server->hub);
	(void)wait_in_drain(server, CUT_MS);
}

/*
 * The kernel sends TERM when the parent ends. It may have ended before we asked for that. Source:
 * prctl(2) PR_SET_PDEATHSIG.
 */
static void stop_with_parent(pid_t parent)
{
	CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0);
	if (getppid() != parent)
		raise(SIGTERM);
}

static int open_wake_ups(struct server *server, struct error *error)
{
	server->signal_fd = open_signals();
	server->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (server->signal_fd < 0 || server->event_fd < 0)
		return error_set_errno(error, EX_OSERR, errno, "cannot open signalfd or eventfd");
	stop_request_init(&server->stop_request, server->event_fd);
	return 0;
}

static void place(struct server *server)
{
	const struct config *config = server->config;
	int failure = placement_init(&server->placement, (enum scheduling)config->scheduling,
		(enum affinity)config->affinity);

	if (failure != 0)
		log_message(LOG_LEVEL_WARN, "start", "scheduling = \"%s\" was refused: %s",
			scheduling_names[config->scheduling], error_text(failure));
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
		.buffers = &server->buffers,
		.placement = &server->placement,
		.stop_request = &server->stop_request,
		.tls_contexts = server->certificates.contexts,
		.hub = &server->hub,
	};

	if (registry_init(&server->registry, &settings) == 0) {
		buffer_pool_init(&server->buffers);
		hub_init(&server->hub);
		place(server);
		return 0;
	}
	return error_set(error, EX_OSERR, "no memory for %zu connections", plan->connections);
}

/* Behind the drop of privileges: no_new_privs is a thread's own, and handed on only to new ones. */
static int make_console(struct server *server, struct error *error)
{
	if (!server->start->has_console)
		return 0;
	server->console = console_new(&server->hub, error);
	return server->console != NULL ? 0 : -1;
}

static int plan_descriptors(
	const struct server *server, struct descriptor_plan *plan, struct error *error)
{
	const struct config *config = server->config;
	const struct descriptor_needs needs = {
		.clients = (size_t)config->limits.max_connections,
		/* A client that talks has an eventfd beside its socket. */
		.each_client = config_has_service(config, "talk") ? 2 : 1,
		.later = server->start->has_console ? CONSOLE_DESCRIPTORS : 0,
	};

	return descriptor_plan_make(plan, &needs, error);
}

static void free_registry(struct server *server)
{
	registry_fini(&server->registry);
	buffer_pool_fini(&server->buffers);
	hub_fini(&server->hub);
	placement_fini(&server->placement);
}

/* Makes the first threads. */
static int start(struct server *server, const struct descriptor_plan *plan, struct error *error)
{
	const struct config *config = server->config;

	if (datagrams_start(&server->datagrams, error) != 0)
		return -1;
	if (accept_loop_init(&server->accept_loop, config, &server->listening, &server->registry,
		    plan->partings, server->event_fd, error) == 0)
		return 0;
	datagrams_stop(&server->datagrams);
	return -1;
}

/* All is bound, the limits are raised and the memory is there: now it is time to become who serves. */
static int settle(
	const struct server *server, const struct descriptor_plan *plan, struct error *error)
{
	const struct config *config = server->config;
	const char *held;

	if (privileges_drop(&config->privileges, error) != 0)
		return -1;
	if (config->exit.with_parent) /* later, for the kernel forgets it where the user changes */
		stop_with_parent(server->start->parent);
	report_plan(config, plan);
	if (landlock_confine(config, &server->listening, &held, error) != 0)
		return -1;
	report_privileges(&config->privileges, held);
	return 0;
}

/* What is left before clients can come, in the order of what it builds on. */
static int prepare_to_accept(struct server *server, struct error *error)
{
	const struct config *config = server->config;
	struct descriptor_plan plan;

	if (open_wake_ups(server, error) != 0 ||
		datagrams_init(&server->datagrams, config, &server->listening, error) != 0)
		return -1;
	if (plan_descriptors(server, &plan, error) == 0 &&
		make_registry(server, &plan, error) == 0) {
		if (listening_start(&server->listening, config, error) == 0 &&
			settle(server, &plan, error) == 0 && make_console(server, error) == 0 &&
			start(server, &plan, error) == 0)
			return 0;
		free_registry(server);
	}
	datagrams_fini(&server->datagrams);
	return -1;
}

/* Signals still end the process while names are resolved; from then on they are heard by main. */
static int open_and_prepare(struct server *server, struct error *error)
{
	if (listening_open(&server->listening, server->config, error) != 0)
		return -1;
	if (prepare_to_accept(server, error) == 0)
		return 0;
	CHECK(console_stop(server->console));
	listening_close(&server->listening);
	return -1;
}

static int prepare(struct server *server, struct error *error)
{
	if (certificates_load(&server->certificates, server->config, error) != 0)
		return -1;
	if (open_and_prepare(server, error) == 0)
		return 0;
	certificates_fini(&server->certificates);
	return -1;
}

/*
 * Frees everything, unless threads still run: the process is about to end with them, and what they
 * use stays as it is.
 */
static void clean_up(struct server *server)
{
	close(server->signal_fd);
	if (!console_stop(server->console) || !accept_loop_is_empty(&server->accept_loop))
		return;
	accept_loop_fini(&server->accept_loop);
	free_registry(server);
	datagrams_fini(&server->datagrams);
	certificates_fini(&server->certificates);
	close(server->event_fd);
	config_free(server->config);
	free(server);
}

static int serve(struct server *server)
{
	while (server->stop_signals == 0 && is_accepting(server))
		wait_for_event(server, 0);
	stop_accepting(server);
	bool is_broken = accept_loop_is_broken(&server->accept_loop);
	if (!is_broken) /* without a signal it was a rule of exit, which leaves clients their time */
		(void)wait_until_empty(server, 0, 1);
	drain(server);
	report_statistics("stop", &server->registry, &server->datagrams);
	if (server->stop_signals > 1 || is_broken)
		return 1;
	return registry_is_empty(&server->registry) ? 0 : 1;
}

void server_check(const struct config *config, struct problems *problems)
{
	certificates_check(config, problems);
}

/* All listen. What needs stdout has it before anybody may connect. */
static void tell_ready(const struct server *server)
{
	const struct server_start *start = server->start;

	report_ready(server->config, &server->listening);
	if (start->has_ready_lines)
		report_ready_lines(&server->listening);
	if (start->has_ready_lines && !start->has_console)
		report_end_output();
}

int server_run(struct config *config, const struct server_start *start, struct error *error)
{
	struct server *server = calloc(1, sizeof *server);

	CHECK(server != NULL);
	*server = (struct server){
		.config = config, .start = start, .signal_fd = -1, .event_fd = -1};
	if (prepare(server, error) != 0) {
		config_free(config);
		free(server);
		return -1;
	}
	certificates_report(&server->certificates);
	tell_ready(server);
	if (server->console != NULL)
		console_begin(server->console);
	accept_loop_begin(&server->accept_loop);
	int result = serve(server);
	clean_up(server);
	return result;
}
