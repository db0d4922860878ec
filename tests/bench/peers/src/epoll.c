/* SPDX-License-Identifier: MIT */
/*
 * Two threads, each with a listener and an epoll of its own, between which the kernel divides the
 * clients (SO_REUSEPORT). What a socket does not take at once is kept until it does, and nothing
 * more is read from that client meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum { THREADS = 2, BUFFER_BYTES = 64 * 1024, EVENTS = 256, ACCEPTS = 64 };

struct client {
	int fd;
	char *kept; /* what is still to be sent, or NULL */
	size_t kept_bytes;
	size_t sent_bytes; /* of those */
};

struct loop {
	int epoll;
	int listener;
	char buffer[BUFFER_BYTES];
};

static void *allocate(size_t bytes)
{
	void *memory = malloc(bytes);

	if (memory == NULL)
		die("malloc");
	return memory;
}

/* Without a client it is the listener that is watched. */
static void watch(
	const struct loop *loop, int operation, int fd, uint32_t events, struct client *client)
{
	struct epoll_event event = {.events = events, .data.ptr = client};

	if (epoll_ctl(loop->epoll, operation, fd, &event) != 0)
		die("epoll_ctl");
}

static void accept_clients(const struct loop *loop)
{
	for (int i = 0; i < ACCEPTS; i++) {
		int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct client *client;

		if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED)
			die("accept4");
		if (fd < 0)
			return;
		client = allocate(sizeof *client);
		*client = (struct client){.fd = fd};
		watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN, client);
	}
}

/* Like send(2), but 0 where the socket takes nothing now. */
static ssize_t send_some(int fd, const char *data, size_t bytes)
{
	ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

	return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void keep(const struct loop *loop, struct client *client, const char *data, size_t bytes)
{
	client->kept = allocate(bytes);
	memcpy(client->kept, data, bytes);
	client->kept_bytes = bytes;
	client->sent_bytes = 0;
	watch(loop, EPOLL_CTL_MOD, client->fd, EPOLLOUT, client);
}

/* Returns whether the client stays. */
static bool send_kept(const struct loop *loop, struct client *client)
{
	ssize_t sent = send_some(client->fd, client->kept + client->sent_bytes,
		client->kept_bytes - client->sent_bytes);

	if (sent < 0)
		return false;
	client->sent_bytes += (size_t)sent;
	if (client->sent_bytes == client->kept_bytes) {
		free(client->kept);
		client->kept = NULL;
		watch(loop, EPOLL_CTL_MOD, client->fd, EPOLLIN, client);
	}
	return true;
}

/* Returns whether the client stays. */
static bool echo(struct loop *loop, struct client *client)
{
	ssize_t got = recv(client->fd, loop->buffer, sizeof loop->buffer, 0);
	ssize_t sent;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	sent = send_some(client->fd, loop->buffer, (size_t)got);
	if (sent < 0)
		return false;
	if (sent < got)
		keep(loop, client, loop->buffer + sent, (size_t)(got - sent));
	return true;
}

static void serve(struct loop *loop, struct client *client)
{
	bool stays = client->kept != NULL ? send_kept(loop, client) : echo(loop, client);

	if (!stays) {
		close(client->fd);
		free(client->kept);
		free(client);
	}
}

static void *run(void *argument)
{
	struct loop *loop = argument;
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(loop->epoll, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < count; i++) {
			struct client *client = events[i].data.ptr;

			if (client == NULL)
				accept_clients(loop);
			else
				serve(loop, client);
		}
	}
}

int main(int argc, char **argv)
{
	static struct loop loops[THREADS];
	pthread_t threads[THREADS];

	if (argc != 2)
		return 2;
	for (int i = 0; i < THREADS; i++) {
		loops[i].listener = listen_on(argv[1], SOCK_NONBLOCK);
		loops[i].epoll = epoll_create1(EPOLL_CLOEXEC);
		if (loops[i].epoll < 0)
			die("epoll_create1");
		watch(&loops[i], EPOLL_CTL_ADD, loops[i].listener, EPOLLIN, NULL);
	}
	for (int i = 0; i < THREADS; i++) {
		errno = pthread_create(&threads[i], NULL, run, &loops[i]);
		if (errno != 0)
			die("pthread_create");
	}
	pthread_join(threads[0], NULL);
}
