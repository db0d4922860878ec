/* SPDX-License-Identifier: MIT */
#include "server_support.h"

#include "yodel/config/command_line.h"
#include "yodel/service/service.h"

#include <netinet/tcp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORDS_MAX = 30, PARTINGS = 4 };

struct config *config_of(const char *const *words)
{
	char *argv[WORDS_MAX + 3] = {strdup("yodeld"), strdup("-oprivileges.allow_root=true")};
	struct assignments assignments = {.count = 0};
	struct problems problems;
	struct command_line line;
	struct error error;
	int argc = 2;

	for (; *words != NULL && argc <= WORDS_MAX + 1; words++)
		argv[argc++] = strdup(*words);
	problems_init(&problems);
	if (command_line_read(&line, argc, argv, &error) != 0)
		fail_msg("%s", error.message);
	command_line_apply(&line, &assignments, &problems);
	struct config *config = config_build(&assignments, service_schemas, &problems);
	if (config == NULL)
		fail_msg("%s", problems_text(&problems));
	command_line_fini(&line);
	problems_fini(&problems);
	assignments_fini(&assignments);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return config;
}

void running_prepare(struct running *running, struct config *config)
{
	struct error error;

	*running = (struct running){
		.config = config, .event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (certificates_load(&running->certificates, config, &error) != 0)
		fail_msg("%s", error.message);
	struct registry_settings settings = {
		.capacity = (size_t)config->limits.max_connections,
		.limits = config->limits,
		.peer_prefix_v4_bits = 32,
		.peer_prefix_v6_bits = 64,
		.listeners = config->listeners,
		.listener_count = config->listener_count,
		.buffers = &running->buffers,
		.placement = &running->placement,
		.tls_contexts = running->certificates.contexts,
		.hub = &running->hub,
	};
	buffer_pool_init(&running->buffers);
	hub_init(&running->hub);
	assert_int_equal(placement_init(&running->placement, SCHEDULING_NORMAL, AFFINITY_NONE), 0);
	assert_int_equal(registry_init(&running->registry, &settings), 0);
	if (listening_open(&running->listening, config, &error) != 0 ||
		listening_start(&running->listening, config, &error) != 0 ||
		accept_loop_init(&running->loop, config, &running->listening, &running->registry,
			PARTINGS, running->event_fd, &error) != 0)
		fail_msg("%s", error.message);
}

void running_start(struct running *running, struct config *config)
{
	running_prepare(running, config);
	accept_loop_begin(&running->loop);
}

int running_connect(const struct running *running, size_t listener_index)
{
	return tcp_connect(address_port(&running->listening.entries[listener_index].address));
}

static unsigned queued(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	return info.tcpi_unacked; /* of a listening socket */
}

void running_await_queue(const struct running *running, size_t listener_index, unsigned count)
{
	int64_t until_ms = support_now_ms() + SUPPORT_PATIENCE_MS;

	while (queued(running->listening.entries[listener_index].fd) < count) {
		assert_true(support_now_ms() < until_ms);
		sched_yield();
	}
}

void expect_echo(int client)
{
	char bytes[5];
	int end;

	send_all(client, "hello", 5);
	assert_int_equal(receive(client, bytes, 5, &end), 5);
	assert_memory_equal(bytes, "hello", 5);
}

static void wait_for_news(struct running *running)
{
	eventfd_t news;

	assert_true(wait_readable(running->event_fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(eventfd_read(running->event_fd, &news), 0);
}

void running_stop(struct running *running)
{
	accept_loop_finish(&running->loop);
	while (accept_loop_stage(&running->loop) < ACCEPT_LOOP_CLOSED)
		wait_for_news(running);
	listening_close(&running->listening);
	while (!accept_loop_is_empty(&running->loop))
		wait_for_news(running);
	support_outlast_threads();
	accept_loop_fini(&running->loop);
	registry_fini(&running->registry);
	buffer_pool_fini(&running->buffers);
	hub_fini(&running->hub);
	placement_fini(&running->placement);
	certificates_fini(&running->certificates);
	close(running->event_fd);
	config_free(running->config);
}
