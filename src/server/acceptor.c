/* SPDX-License-Identifier: MIT */
#include "yodel/server/acceptor.h"

#include "yodel/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum { PAUSE_MS = 100, SHED_MAX = 64 };

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int acceptor_init(struct acceptor *acceptor, struct registry *registry, size_t max_partings,
	struct error *error)
{
	*acceptor = (struct acceptor){.registry = registry};
	if (partings_init(&acceptor->partings, max_partings) != 0)
		return error_set(error, EX_OSERR, "no memory for refused clients");
	acceptor->reserve_fd = open_reserve();
	if (acceptor->reserve_fd >= 0)
		return 0;
	partings_fini(&acceptor->partings);
	return error_set_errno(error, EX_OSERR, errno, "cannot open /dev/null");
}

void acceptor_fini(struct acceptor *acceptor)
{
	partings_fini(&acceptor->partings);
	if (acceptor->reserve_fd >= 0)
		close(acceptor->reserve_fd);
	acceptor->reserve_fd = -1;
}

enum accept_result accept_classify(int error_number)
{
	switch (error_number) {
	case EAGAIN:
		return ACCEPT_EMPTY;
	case EINTR:
	case ECONNABORTED:
	case EPERM: /* a firewall rule */
	/* Errors of the network that Linux hands to accept; they belong to the client. */
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return ACCEPT_RETRY;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ACCEPT_PAUSE;
	default:
		return ACCEPT_FATAL;
	}
}

static enum accept_result pause_accepting(struct acceptor *acceptor, int64_t now_ms)
{
	acceptor->paused_until_ms = now_ms + PAUSE_MS;
	return ACCEPT_PAUSE;
}

/*
 * Without a descriptor the clients in the queue would hang: close them with the help of the
 * reserve, a few at a time so that signals are still heard.
 */
static void shed_clients(struct acceptor *acceptor, int listening_fd)
{
	if (acceptor->reserve_fd >= 0)
		close(acceptor->reserve_fd);
	for (int count = 0; count < SHED_MAX; count++) {
		int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		close(fd);
		registry_count_refusal(acceptor->registry, CLOSE_RESOURCES);
	}
	acceptor->reserve_fd = open_reserve();
}

static enum accept_result handle_failure(struct acceptor *acceptor, int listening_fd,
	const struct listener_settings *listener, int error_number)
{
	enum accept_result result = accept_classify(error_number);
	int64_t now_ms = clock_monotonic_ms();

	if (result != ACCEPT_PAUSE)
		return result;
	if (error_number == EMFILE || error_number == ENFILE)
		shed_clients(acceptor, listening_fd);
	refusals_log(
		&acceptor->refusals, listener->name, NULL, CLOSE_RESOURCES, error_number, now_ms);
	return pause_accepting(acceptor, now_ms);
}

/* Only who came at a bad time is told so. */
static bool is_limit(enum close_reason reason)
{
	return reason != CLOSE_DENIED && reason != CLOSE_PROXY_HEADER;
}

static void refuse(struct acceptor *acceptor, const struct listener_settings *listener,
	const struct admission *client, enum close_reason reason)
{
	/* Who waits for TLS would take a text in the clear for a broken server. */
	bool has_text = is_limit(reason) && tls_settings_count(&listener->tls) == 0;
	size_t length = has_text ? strlen(listener->refuse_text) : 0;

	refusals_log(&acceptor->refusals, listener->name, &client->peer, reason, 0, client->now_ms);
	if (length == 0)
		close(client->fd);
	else
		partings_add(&acceptor->partings, client->fd, listener->refuse_text, length,
			client->now_ms + listener->timeouts.linger_ms);
}

void acceptor_refuse_late(
	struct acceptor *acceptor, struct connection *connection, enum close_reason reason)
{
	const struct listener_settings *listener = connection->listener;
	const struct admission client = {
		.fd = connection->stream.fd,
		.peer = connection->peer,
		.now_ms = clock_monotonic_ms(),
	};

	registry_retract(acceptor->registry, connection, reason);
	refuse(acceptor, listener, &client, reason);
}

void acceptor_turn_away(struct acceptor *acceptor, const struct admission *client,
	struct connection *connection, int thread_failure)
{
	const char *listener = connection->listener->name;

	registry_retract(acceptor->registry, connection, CLOSE_RESOURCES);
	close(client->fd);
	refusals_log(&acceptor->refusals, listener, &client->peer, CLOSE_RESOURCES, thread_failure,
		client->now_ms);
	(void)pause_accepting(acceptor, client->now_ms);
}

enum accept_result acceptor_accept(struct acceptor *acceptor, const struct listening_entry *entry,
	const struct listener_settings *listener, struct admission *client)
{
	*client = (struct admission){.listener_index = entry->listener_index, .run = entry->run};
	if (acceptor->reserve_fd < 0) /* lost in a shortage */
		acceptor->reserve_fd = open_reserve();
	client->peer.length = sizeof client->peer.un;
	client->fd = accept4(entry->fd, &client->peer.any, &client->peer.length, SOCK_CLOEXEC);
	if (client->fd < 0)
		return handle_failure(acceptor, entry->fd, listener, errno);
	if (client->peer.any.sa_family == AF_UNIX) {
		client->peer = address_of_process(client->fd);
		socket_options_set_accepted(&listener->socket, client->fd);
	}
	address_normalize(&client->peer);
	client->now_ms = clock_monotonic_ms();
	return ACCEPT_OK;
}

struct connection *acceptor_admit(struct acceptor *acceptor,
	const struct listener_settings *listener, const struct admission *client)
{
	struct connection *connection = NULL;
	enum close_reason obstacle = registry_admit(acceptor->registry, client, &connection);

	if (obstacle != CLOSE_NONE)
		refuse(acceptor, listener, client, obstacle);
	return connection;
}
