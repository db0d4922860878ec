/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

struct sockaddr_in loopback(const char *port)
{
	char *end;
	unsigned long number = strtoul(port, &end, 10);

	if (*end != '\0' || number == 0 || number > UINT16_MAX) {
		errno = EINVAL;
		die(port);
	}
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)number),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static void switch_on(int fd, int level, int option)
{
	int on = 1;

	if (setsockopt(fd, level, option, &on, sizeof on) != 0)
		die("setsockopt");
}

int listen_on(const char *port, int flags)
{
	struct sockaddr_in address = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		die("socket");
	switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
	switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
	switch_on(fd, IPPROTO_TCP, TCP_NODELAY);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
		die("bind");
	if (listen(fd, LISTEN_BACKLOG) != 0)
		die("listen");
	return fd;
}
