/* SPDX-License-Identifier: MIT */
/*
 * One thread and libevent's buffered events, as its book writes an echo server. Beyond the book:
 * a client that does not read is not read from, and what is still to be sent at the end of a
 * client's stream is sent before the close.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include "peer.h"

enum { UNSENT_BYTES = 64 * 1024 };

static size_t unsent(struct bufferevent *client)
{
	return evbuffer_get_length(bufferevent_get_output(client));
}

static void on_read(struct bufferevent *client, void *context)
{
	(void)context;
	bufferevent_write_buffer(client, bufferevent_get_input(client));
	if (unsent(client) > UNSENT_BYTES)
		bufferevent_disable(client, EV_READ);
}

static void on_sent(struct bufferevent *client, void *context)
{
	(void)context;
	if (!(bufferevent_get_enabled(client) & EV_READ))
		bufferevent_enable(client, EV_READ);
}

static void on_all_sent(struct bufferevent *client, void *context)
{
	(void)context;
	bufferevent_free(client);
}

static void on_event(struct bufferevent *client, short what, void *context)
{
	(void)context;
	if ((what & BEV_EVENT_EOF) && unsent(client) > 0)
		bufferevent_setcb(client, NULL, on_all_sent, on_event, NULL);
	else
		bufferevent_free(client);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
	int address_bytes, void *context)
{
	struct event_base *base = context;
	struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	int on = 1;

	(void)listener, (void)address, (void)address_bytes;
	if (client == NULL)
		die("bufferevent_socket_new");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	bufferevent_setcb(client, on_read, on_sent, on_event, NULL);
	bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
	struct event_base *base = event_base_new();
	struct sockaddr_in address;

	if (argc != 2)
		return 2;
	address = loopback(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	if (base == NULL)
		die("event_base_new");
	if (evconnlistener_new_bind(base, on_accept, base,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, LISTEN_BACKLOG,
		    (struct sockaddr *)&address, sizeof address) == NULL)
		die("evconnlistener_new_bind");
	event_base_dispatch(base);
}
