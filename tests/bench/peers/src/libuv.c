/* SPDX-License-Identifier: MIT */
/*
 * One thread and libuv, as its guide writes an echo server. Beyond the guide: a client that does
 * not read is not read from, and what is still to be sent at the end of a client's stream is sent
 * before the close.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <uv.h>

#include "peer.h"

enum { UNSENT_BYTES = 64 * 1024 };

struct write {
	uv_write_t request;
	uv_buf_t buffer;
};

static void check(int result, const char *what)
{
	if (result < 0) {
		errno = -result;
		die(what);
	}
}

static void *allocate(size_t bytes)
{
	void *memory = malloc(bytes);

	if (memory == NULL)
		die("malloc");
	return memory;
}

static void on_buffer(uv_handle_t *client, size_t bytes, uv_buf_t *buffer)
{
	(void)client;
	*buffer = uv_buf_init(allocate(bytes), (unsigned)bytes);
}

static void on_closed(uv_handle_t *client)
{
	free(client);
}

static void end(uv_stream_t *client)
{
	if (!uv_is_closing((uv_handle_t *)client))
		uv_close((uv_handle_t *)client, on_closed);
}

static void on_shut_down(uv_shutdown_t *request, int status)
{
	(void)status;
	end(request->handle);
	free(request);
}

static void on_read(uv_stream_t *client, ssize_t got, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status)
{
	struct write *write = (struct write *)request;

	if (status < 0)
		end(request->handle);
	else if (uv_is_writable(request->handle) &&
		 uv_stream_get_write_queue_size(request->handle) == 0)
		uv_read_start(request->handle, on_buffer, on_read);
	free(write->buffer.base);
	free(write);
}

static void echo(uv_stream_t *client, char *data, size_t bytes)
{
	struct write *write = allocate(sizeof *write);

	write->buffer = uv_buf_init(data, (unsigned)bytes);
	check(uv_write(&write->request, client, &write->buffer, 1, on_written), "uv_write");
	if (uv_stream_get_write_queue_size(client) > UNSENT_BYTES)
		uv_read_stop(client);
}

static void on_read(uv_stream_t *client, ssize_t got, const uv_buf_t *buffer)
{
	if (got > 0) {
		echo(client, buffer->base, (size_t)got);
		return;
	}
	free(buffer->base);
	if (got == UV_EOF)
		check(uv_shutdown(allocate(sizeof(uv_shutdown_t)), client, on_shut_down),
			"uv_shutdown");
	else if (got < 0)
		end(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
	uv_tcp_t *client = allocate(sizeof *client);

	check(status, "accept");
	check(uv_tcp_init(listener->loop, client), "uv_tcp_init");
	check(uv_accept(listener, (uv_stream_t *)client), "uv_accept");
	uv_tcp_nodelay(client, 1);
	uv_read_start((uv_stream_t *)client, on_buffer, on_read);
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	struct sockaddr_in address;
	uv_tcp_t listener;

	if (argc != 2)
		return 2;
	address = loopback(argv[1]);
	check(uv_tcp_init(loop, &listener), "uv_tcp_init");
	check(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
	check(uv_listen((uv_stream_t *)&listener, LISTEN_BACKLOG, on_connection), "uv_listen");
	return uv_run(loop, UV_RUN_DEFAULT);
}
