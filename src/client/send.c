/* SPDX-License-Identifier: MIT */
#include "yodel/base/error.h"
#include "yodel/client/client.h"
#include "yodel/client/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024 };

/* One exchange. What is to be sent waits in out until the server takes it. */
struct exchange {
	const struct request *request;
	int fd;
	const char *out; /* of out_left bytes */
	size_t out_left;
	bool is_input_over; /* nothing comes after out */
	bool is_finished;   /* our FIN is sent, or the server takes no more */
	char piece[PIECE_BYTES];
};

static void finish_if_sent(struct exchange *exchange)
{
	if (!exchange->is_input_over || exchange->out_left > 0 || exchange->is_finished)
		return;
	(void)shutdown(exchange->fd, SHUT_WR);
	exchange->is_finished = true;
}

static int read_input(struct exchange *exchange)
{
	ssize_t count = read(STDIN_FILENO, exchange->piece, sizeof exchange->piece);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return CLIENT_OK;
	if (count < 0) {
		complain(exchange->request, "cannot read standard input: %s", error_text(errno));
		return CLIENT_NETWORK;
	}
	exchange->is_input_over = count == 0;
	exchange->out = exchange->piece;
	exchange->out_left = (size_t)count;
	return CLIENT_OK;
}

/* A server that takes no more may still have an answer under way: only reading tells how it ended.
 */
static void send_out(struct exchange *exchange)
{
	ssize_t count = send(exchange->fd, exchange->out, exchange->out_left, MSG_NOSIGNAL);

	if (count >= 0) {
		exchange->out += count;
		exchange->out_left -= (size_t)count;
	} else if (errno != EAGAIN && errno != EINTR) {
		exchange->is_finished = true;
	}
}

/* Standard output may block: then the server has to wait, as it should. */
static int write_whole(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	while (length > 0) {
		ssize_t count = write(fd, at, length);

		if (count > 0) {
			at += count;
			length -= (size_t)count;
		} else if (errno == EAGAIN) {
			(void)poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/* Returns an exit code; *is_over is set at the end of the answer. */
static int receive(struct exchange *exchange, bool *is_over)
{
	char piece[PIECE_BYTES];
	ssize_t count = recv(exchange->fd, piece, sizeof piece, 0);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return CLIENT_OK;
	if (count < 0) {
		complain(exchange->request, "the connection broke: %s", error_text(errno));
		return CLIENT_NETWORK;
	}
	*is_over = count == 0;
	if (write_whole(STDOUT_FILENO, piece, (size_t)count) == 0)
		return CLIENT_OK;
	complain(exchange->request, "cannot write to standard output: %s", error_text(errno));
	return CLIENT_NETWORK;
}

static int converse(struct exchange *exchange)
{
	bool is_over = false;
	int result = CLIENT_OK;

	while (!is_over && result == CLIENT_OK) {
		struct pollfd set[2];

		finish_if_sent(exchange);
		bool has_out = exchange->out_left > 0 && !exchange->is_finished;
		bool wants_input = !has_out && !exchange->is_input_over && !exchange->is_finished;
		if (wait_for_either(exchange->fd, has_out, wants_input,
			    exchange->request->timeout_ms, set) <= 0) {
			complain(exchange->request, "no answer in time");
			return CLIENT_NETWORK;
		}
		if ((set[0].revents & POLLOUT) != 0)
			send_out(exchange);
		if ((set[0].revents & ~POLLOUT) != 0)
			result = receive(exchange, &is_over);
		if (result == CLIENT_OK && set[1].revents != 0)
			result = read_input(exchange);
	}
	return result;
}

int client_send(const struct request *request)
{
	struct exchange exchange = {
		.request = request,
		.fd = dial(request),
		.out = request->text,
		.out_left = request->text != NULL ? strlen(request->text) : 0,
		.is_input_over = request->text != NULL,
	};

	if (exchange.fd < 0)
		return CLIENT_NETWORK;
	int result = converse(&exchange);
	close(exchange.fd);
	return result;
}
