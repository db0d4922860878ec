/* SPDX-License-Identifier: MIT */
#include "yodel/client/dial.h"

#include "yodel/transport/address.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { ADDRESSES_MAX = 16 };

void complain(const struct request *request, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "yodel: %s port %s: ", request->host, request->port);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
}

/* Waits for a connect that is under way. Returns 0 or the errno value of its failure. */
static int wait_for_connect(int fd, int64_t timeout_ms)
{
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int number = 0;
	socklen_t length = sizeof number;
	int ready;

	do
		ready = poll(&wait, 1, timeout_ms == 0 ? -1 : (int)timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return ETIMEDOUT;
	if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) != 0)
		return errno;
	return number;
}

/* Returns the descriptor, or -1 with errno. */
static int dial_one(const struct address *address, int64_t timeout_ms)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, &address->any, address->length) == 0)
		return fd;
	int number = errno == EINPROGRESS ? wait_for_connect(fd, timeout_ms) : errno;
	if (number == 0)
		return fd;
	close(fd);
	errno = number;
	return -1;
}

int dial(const struct request *request)
{
	struct address list[ADDRESSES_MAX];
	struct error error;
	size_t count;
	int tried = 0;

	if (address_resolve(request->host, request->port, 0, list, ADDRESSES_MAX, &count, &error) !=
		0) {
		fprintf(stderr, "yodel: %s\n", error.message);
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		char text[ADDRESS_TEXT_BYTES];

		if (request->family != AF_UNSPEC && list[i].any.sa_family != request->family)
			continue;
		int fd = dial_one(&list[i], request->timeout_ms);
		if (fd >= 0)
			return fd;
		int number = errno;
		address_format(&list[i], text);
		complain(request, "cannot connect to %s: %s", text, error_text(number));
		tried++;
	}
	if (tried == 0)
		complain(request, "no address of the wanted family");
	return -1;
}

int wait_for_either(
	int fd, bool has_output, bool wants_input, int64_t timeout_ms, struct pollfd set[2])
{
	bool is_bounded = timeout_ms != 0 && !wants_input;
	int ready;

	set[0] = (struct pollfd){.fd = fd, .events = has_output ? POLLIN | POLLOUT : POLLIN};
	set[1] = (struct pollfd){.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN};
	do
		ready = poll(set, 2, is_bounded ? (int)timeout_ms : -1);
	while (ready < 0 && errno == EINTR);
	return ready;
}
