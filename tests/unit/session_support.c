/* SPDX-License-Identifier: MIT */
#include "session_support.h"

#include "yodel/base/clock.h"
#include "yodel/base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char listener_name[] = "test", no_text[] = "";

void session_init(struct session *session)
{
	*session = (struct session){
		.listener = {.name = listener_name,
			.refuse_text = no_text,
			.stop_command = no_text},
		.client = -1,
	};
	buffer_pool_init(&session->buffers);
	hub_init(&session->hub);
	assert_int_equal(placement_init(&session->placement, SCHEDULING_NORMAL, AFFINITY_NONE), 0);
}

void session_open(
	struct session *session, enum close_reason (*run)(struct connection *), int buffer_bytes)
{
	const struct registry_settings settings = {
		.capacity = 2,
		.peer_prefix_v4_bits = 32,
		.peer_prefix_v6_bits = 64,
		.listeners = &session->listener,
		.listener_count = 1,
		.buffers = &session->buffers,
		.placement = &session->placement,
		.hub = &session->hub,
	};
	struct admission admission = {.run = run, .now_ms = clock_monotonic_ms()};

	assert_int_equal(registry_init(&session->registry, &settings), 0);
	tcp_pair_small(&admission.fd, &session->client, buffer_bytes);
	session->fd = admission.fd;
	admission.peer.length = sizeof admission.peer.v6;
	assert_int_equal(getpeername(admission.fd, &admission.peer.any, &admission.peer.length), 0);
	assert_int_equal(
		registry_admit(&session->registry, &admission, &session->connection), CLOSE_NONE);
}

static void *run(void *argument)
{
	struct session *session = argument;

	session->reason = session->connection->run(session->connection);
	connection_close(session->connection, session->reason);
	return NULL;
}

void session_start(struct session *session)
{
	assert_int_equal(pthread_create(&session->thread, NULL, run, session), 0);
}

enum close_reason session_join(struct session *session)
{
	assert_int_equal(pthread_join(session->thread, NULL), 0);
	return session->reason;
}

void session_fini(struct session *session)
{
	if (session->client >= 0)
		close(session->client);
	if (session->connection->is_listed)
		connection_close(session->connection, CLOSE_ERROR);
	registry_release(&session->registry, session->connection);
	registry_fini(&session->registry);
	buffer_pool_fini(&session->buffers);
	hub_fini(&session->hub);
	placement_fini(&session->placement);
}

uint64_t session_ended(struct session *session, enum close_reason reason)
{
	return registry_totals(&session->registry).by_reason[reason];
}
