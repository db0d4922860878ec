/* SPDX-License-Identifier: MIT */
/*
 * A thread per connection, as tutorials write it: accept, create a detached thread, and there
 * receive and send until the client ends its stream.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum { BUFFER_BYTES = 4096, STACK_BYTES = 64 * 1024 };

static int send_all(int fd, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t sent = send(fd, data, bytes, MSG_NOSIGNAL);

		if (sent < 0)
			return -1;
		data += sent;
		bytes -= (size_t)sent;
	}
	return 0;
}

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char buffer[BUFFER_BYTES];
	ssize_t got;

	while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0) {
		if (send_all(fd, buffer, (size_t)got) != 0)
			break;
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_attr_t detached;
	pthread_t thread;
	int listener;

	if (argc != 2)
		return 2;
	listener = listen_on(argv[1], 0);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&detached, STACK_BYTES);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0 && errno != ECONNABORTED)
			die("accept");
		if (fd < 0)
			continue;
		errno = pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd);
		if (errno != 0) {
			perror("pthread_create");
			close(fd);
		}
	}
}
