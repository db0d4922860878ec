/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

int __real_getaddrinfo(
	const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);
int __wrap_getaddrinfo(
	const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);
int __real_bind(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length);
int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

static const struct socket_options no_options;
static bool has_no_v6;                    /* socket(2) knows only IPv4 */
static int bind_calls, bind_failing_call; /* counted from 1; 0: none fails */

/* "two.test" is a name with an IPv4 and an IPv6 address; this machine may have none. */
int __wrap_getaddrinfo(
	const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
	if (host == NULL || strcmp(host, "two.test") != 0)
		return __real_getaddrinfo(host, port, hints, found);
	int failure = __real_getaddrinfo("127.0.0.1", port, hints, found);
	if (failure == 0)
		failure = __real_getaddrinfo("::1", port, hints, &(*found)->ai_next);
	return failure;
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	if (++bind_calls == bind_failing_call) {
		errno = EADDRINUSE;
		return -1;
	}
	return __real_bind(fd, address, length);
}

int __wrap_socket(int family, int type, int protocol)
{
	if (family == AF_INET6 && has_no_v6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return __real_socket(family, type, protocol);
}

static int reset(void **state)
{
	(void)state;
	has_no_v6 = false;
	bind_calls = bind_failing_call = 0;
	return 0;
}

static bool has_v6(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	int fd = __real_socket(AF_INET6, SOCK_STREAM, 0);
	bool has = fd >= 0 && __real_bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

static void open_listening(
	struct listener *listener, const char *host, const struct socket_options *options)
{
	struct error error = {.message = ""};

	if (listener_open(listener, PROTOCOL_TCP, host, "0", options, &error) != 0 ||
		listener_listen(listener, 16, options, &error) != 0)
		fail_msg("%s", error.message);
}

static unsigned port_of(const struct listener *listener)
{
	return address_port(&listener->sockets[0].address);
}

/* Connects to an address and returns what the listening socket accepts. */
static int connect_and_accept(int listening, const char *host, unsigned port, int *client)
{
	struct address list[1];
	struct error error;
	char service[16];
	size_t count;

	snprintf(service, sizeof service, "%u", port);
	assert_int_equal(
		address_resolve(host, service, AF_UNSPEC, SOCK_STREAM, 0, list, 1, &count, &error),
		0);
	*client = __real_socket(list[0].any.sa_family, SOCK_STREAM, 0);
	assert_int_equal(connect(*client, &list[0].any, list[0].length), 0);
	assert_true(wait_readable(listening, SUPPORT_PATIENCE_MS));
	int fd = accept(listening, NULL, NULL);
	assert_true(fd >= 0);
	return fd;
}

static void expect_reachable(const struct listener *listener, size_t index, const char *host)
{
	int client, fd = connect_and_accept(
			    listener->sockets[index].fd, host, port_of(listener), &client);

	close(fd);
	close(client);
}

static void open_binds_the_address_with_a_port_of_the_kernel(void **state)
{
	struct listener listener;

	(void)state;
	open_listening(&listener, "127.0.0.1", &no_options);
	assert_int_equal(listener.count, 1);
	assert_int_equal(listener.sockets[0].address.any.sa_family, AF_INET);
	assert_true(port_of(&listener) != 0);
	expect_reachable(&listener, 0, "127.0.0.1");
	listener_close(&listener);
}

static void open_binds_an_ipv6_address(void **state)
{
	struct listener listener;

	(void)state;
	if (!has_v6())
		skip();
	open_listening(&listener, "::1", &no_options);
	assert_int_equal(listener.count, 1);
	expect_reachable(&listener, 0, "::1");
	listener_close(&listener);
}

static void the_star_takes_both_families_on_one_port(void **state)
{
	struct listener listener;

	(void)state;
	open_listening(&listener, "*", &no_options);
	assert_int_equal(listener.count, 1);
	expect_reachable(&listener, 0, "127.0.0.1");
	if (has_v6())
		expect_reachable(&listener, 0, "::1");
	listener_close(&listener);
}

static void the_star_takes_ipv4_where_there_is_no_ipv6(void **state)
{
	struct listener listener;

	(void)state;
	has_no_v6 = true;
	open_listening(&listener, "*", &no_options);
	assert_int_equal(listener.count, 1);
	assert_int_equal(listener.sockets[0].address.any.sa_family, AF_INET);
	assert_int_equal(listener.sockets[0].address.v4.sin_addr.s_addr, htonl(INADDR_ANY));
	expect_reachable(&listener, 0, "127.0.0.1");
	listener_close(&listener);
}

/* A port that the kernel chose for IPv6 may be in use for IPv4, by whomever: then another is tried. */
static void an_ipv6_wildcard_alone_leaves_ipv4_to_others(void **state)
{
	struct listener six, four;
	struct error error;
	char port[16];
	int result = -1;

	(void)state;
	if (!has_v6())
		skip();
	for (int try = 0; try < 20 && result != 0; try++) {
		open_listening(&six, "::", &no_options);
		snprintf(port, sizeof port, "%u", port_of(&six));
		result = listener_open(&four, PROTOCOL_TCP, "0.0.0.0", port, &no_options, &error);
		listener_close(&four);
		listener_close(&six);
	}
	assert_int_equal(result, 0);
}

static void port_0_is_the_same_port_on_every_address_of_a_name(void **state)
{
	struct listener listener;

	(void)state;
	if (!has_v6())
		skip();
	open_listening(&listener, "two.test", &no_options);
	assert_int_equal(listener.count, 2);
	assert_int_equal(port_of(&listener), address_port(&listener.sockets[1].address));
	expect_reachable(&listener, 0, "127.0.0.1");
	expect_reachable(&listener, 1, "::1");
	listener_close(&listener);
}

static void another_port_is_tried_where_the_next_address_has_it_in_use(void **state)
{
	struct listener listener;

	(void)state;
	if (!has_v6())
		skip();
	bind_failing_call = 2;
	open_listening(&listener, "two.test", &no_options);
	assert_int_equal(bind_calls, 4);
	assert_int_equal(listener.count, 2);
	assert_int_equal(port_of(&listener), address_port(&listener.sockets[1].address));
	listener_close(&listener);
}

static void a_name_does_without_the_family_that_is_missing(void **state)
{
	struct listener listener;

	(void)state;
	has_no_v6 = true;
	open_listening(&listener, "two.test", &no_options);
	assert_int_equal(listener.count, 1);
	expect_reachable(&listener, 0, "127.0.0.1");
	listener_close(&listener);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void an_address_in_use_names_its_owner_and_leaves_nothing_open(void **state)
{
	struct listener first, second;
	char port[16], name[32], expected[256];
	struct error error;

	(void)state;
	open_listening(&first, "127.0.0.1", &no_options);
	snprintf(port, sizeof port, "%u", port_of(&first));
	int before = count_descriptors();
	assert_int_equal(
		listener_open(&second, PROTOCOL_TCP, "127.0.0.1", port, &no_options, &error), -1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	support_process_name(name);
	snprintf(expected, sizeof expected,
		"cannot listen on 127.0.0.1:%s: address already in use by %s (pid %d)", port, name,
		(int)getpid());
	assert_string_equal(error.message, expected);
	assert_int_equal(second.count, 0);
	assert_int_equal(count_descriptors(), before);
	listener_close(&first);
}

static void addresses_that_were_bound_before_a_failure_are_closed(void **state)
{
	struct listener first, second;
	struct error error = {.message = ""};
	char port[16];

	(void)state;
	if (!has_v6())
		skip();
	/* Until the port is free for IPv4, so that it is the second address that fails. */
	for (int try = 0; try < 20 && strstr(error.message, "[::1]:") == NULL; try++) {
		open_listening(&first, "::1", &no_options);
		snprintf(port, sizeof port, "%u", port_of(&first));
		int before = count_descriptors();
		assert_int_equal(
			listener_open(&second, PROTOCOL_TCP, "two.test", port, &no_options, &error),
			-1);
		assert_int_equal(count_descriptors(), before);
		assert_int_equal(second.count, 0);
		listener_close(&first);
	}
	assert_non_null(strstr(error.message, "cannot listen on [::1]:"));
}

static void a_foreign_address_is_refused(void **state)
{
	struct listener listener;
	struct error error;

	(void)state;
	assert_int_equal(
		listener_open(&listener, PROTOCOL_TCP, "192.0.2.1", "0", &no_options, &error), -1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	assert_string_equal(
		error.message, "cannot listen on 192.0.2.1:0: Cannot assign requested address");
}

static void an_unknown_port_is_refused(void **state)
{
	struct listener listener;
	struct error error;

	(void)state;
	assert_int_equal(listener_open(&listener, PROTOCOL_TCP, "127.0.0.1", "no-such-service",
				 &no_options, &error),
		-1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	assert_non_null(strstr(error.message, "no-such-service"));
}

static void sockets_do_not_block_and_close_on_exec(void **state)
{
	struct listener listener;

	(void)state;
	open_listening(&listener, "127.0.0.1", &no_options);
	int fd = listener.sockets[0].fd;
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	listener_close(&listener);
}

static void a_port_can_be_opened_again_at_once(void **state)
{
	struct listener listener;
	struct error error;
	char port[16];
	int client;

	(void)state;
	open_listening(&listener, "127.0.0.1", &no_options);
	snprintf(port, sizeof port, "%u", port_of(&listener));
	int fd = connect_and_accept(
		listener.sockets[0].fd, "127.0.0.1", port_of(&listener), &client);
	close(fd); /* our FIN first: our side will be in TIME_WAIT */
	assert_eof(client);
	close(client);
	listener_close(&listener);
	assert_int_equal(
		listener_open(&listener, PROTOCOL_TCP, "127.0.0.1", port, &no_options, &error), 0);
	listener_close(&listener);
}

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof value;

	assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

static void options_are_in_force_on_accepted_sockets(void **state)
{
	const struct socket_options options = {
		.nodelay = true,
		.keepalive = true,
		.keepalive_idle_ms = 61000,
		.keepalive_interval_ms = 11000,
		.keepalive_count = 7,
		.user_timeout_ms = 12345,
		.receive_buffer_bytes = 10000,
		.send_buffer_bytes = 20000,
	};
	struct listener listener;
	int client;

	(void)state;
	open_listening(&listener, "127.0.0.1", &options);
	int fd = connect_and_accept(
		listener.sockets[0].fd, "127.0.0.1", port_of(&listener), &client);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 61);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 11);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 7);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
	/* The kernel doubles both, socket(7). */
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_RCVBUF), 20000);
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_SNDBUF), 40000);
	close(fd);
	close(client);
	listener_close(&listener);
}

static void options_of_0_leave_the_kernel_its_values(void **state)
{
	struct listener listener;
	int client, plain = __real_socket(AF_INET, SOCK_STREAM, 0);

	(void)state;
	open_listening(&listener, "127.0.0.1", &no_options);
	int fd = connect_and_accept(
		listener.sockets[0].fd, "127.0.0.1", port_of(&listener), &client);
	static const int names[] = {
		TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(option_of(fd, IPPROTO_TCP, names[i]),
			option_of(plain, IPPROTO_TCP, names[i]));
	assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	close(plain);
	close(fd);
	close(client);
	listener_close(&listener);
}

static void defer_accept_keeps_silent_clients_back(void **state)
{
	const struct socket_options options = {.defer_accept_ms = 30000};
	struct listener listener;

	(void)state;
	open_listening(&listener, "127.0.0.1", &options);
	int fd = listener.sockets[0].fd;
	assert_true(option_of(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0);
	int client = tcp_connect(port_of(&listener));
	assert_false(wait_readable(fd, 100));
	send_all(client, "x", 1);
	assert_true(wait_readable(fd, SUPPORT_PATIENCE_MS));
	close(client);
	listener_close(&listener);
}

static void an_option_that_the_kernel_refuses_is_named(void **state)
{
	const struct socket_options options = {.keepalive_count = 1000};
	struct listener listener;
	struct error error;

	(void)state;
	int before = count_descriptors();
	assert_int_equal(
		listener_open(&listener, PROTOCOL_TCP, "127.0.0.1", "0", &options, &error), -1);
	assert_int_equal(error.exit_code, EX_OSERR);
	assert_string_equal(error.message,
		"socket option keepalive_count = 1000 was refused: Invalid argument");
	assert_int_equal(count_descriptors(), before);
}

/* Connects to a Unix socket and asserts that the listening one notices. */
static void expect_reachable_by_path(const struct listener *listener)
{
	const struct address *address = &listener->sockets[0].address;
	int client = __real_socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(client, &address->any, address->length), 0);
	assert_true(wait_readable(listener->sockets[0].fd, SUPPORT_PATIENCE_MS));
	close(client);
}

static void a_unix_socket_has_its_file_from_listen_to_close(void **state)
{
	static char mode[] = "0600", none[] = "";
	const struct socket_options options = {
		.nodelay = true, .keepalive_count = 7, .mode = mode, .owner = none, .group = none};
	struct error error = {.message = ""};
	char folder[64], path[80], host[96];
	struct listener listener;

	(void)state;
	support_make_folder(folder);
	snprintf(path, sizeof path, "%s/socket", folder);
	snprintf(host, sizeof host, "unix:%s", path);
	assert_int_equal(
		listener_open(&listener, PROTOCOL_TCP, host, "no such port", &options, &error), 0);
	assert_int_equal(listener.count, 1);
	assert_int_equal(access(path, F_OK), -1);
	if (listener_listen(&listener, 0, &options, &error) != 0)
		fail_msg("%s", error.message);
	expect_reachable_by_path(&listener);
	assert_int_equal(listener_listen(&listener, 5, &options, &error), 0); /* the backlog */
	assert_true(fcntl(listener.sockets[0].fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(listener.sockets[0].fd, F_GETFD) & FD_CLOEXEC);
	listener_close(&listener);
	assert_int_equal(access(path, F_OK), -1);
	support_remove_folder(folder);
}

static void udp_may_have_the_port_that_tcp_has_but_only_once(void **state)
{
	struct listener tcp, udp, again;
	char port[16], name[32], expected[256];
	struct error error = {.message = ""};

	(void)state;
	open_listening(&tcp, "127.0.0.1", &no_options);
	snprintf(port, sizeof port, "%u", port_of(&tcp));
	if (listener_open(&udp, PROTOCOL_UDP, "127.0.0.1", port, &no_options, &error) != 0)
		fail_msg("%s", error.message);
	assert_int_equal(udp.count, 1);
	assert_int_equal(option_of(udp.sockets[0].fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	assert_int_equal(option_of(udp.sockets[0].fd, SOL_SOCKET, SO_REUSEADDR), 0);
	assert_int_equal(option_of(udp.sockets[0].fd, IPPROTO_IP, IP_PKTINFO), 1);
	assert_true(fcntl(udp.sockets[0].fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(udp.sockets[0].fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(
		listener_open(&again, PROTOCOL_UDP, "127.0.0.1", port, &no_options, &error), -1);
	support_process_name(name);
	snprintf(expected, sizeof expected,
		"cannot listen on udp:127.0.0.1:%s: address already in use by %s (pid %d)", port,
		name, (int)getpid());
	assert_string_equal(error.message, expected);
	listener_close(&udp);
	listener_close(&tcp);
}

static void adopt_takes_a_udp_socket_that_is_bound(void **state)
{
	struct listener listener = {.count = 0};
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct error error;
	unsigned port;
	int fd = __real_socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(listener_adopt(&listener, PROTOCOL_UDP, fd, &no_options, &error), -1);
	assert_non_null(strstr(error.message, "expected a bound UDP socket, got something else"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listener_adopt(&listener, PROTOCOL_UDP, fd, &no_options, &error), 0);
	assert_int_equal(option_of(fd, IPPROTO_IP, IP_PKTINFO), 1);
	int tcp = tcp_listen(&port);
	assert_int_equal(listener_adopt(&listener, PROTOCOL_UDP, tcp, &no_options, &error), -1);
	close(tcp);
	listener_close(&listener);
}

static void adopt_takes_a_unix_socket_whose_file_stays(void **state)
{
	struct listener listener = {.count = 0};
	int fd = __real_socket(AF_UNIX, SOCK_STREAM, 0);
	struct address address;
	char folder[64], path[80];
	struct error error;

	(void)state;
	support_make_folder(folder);
	snprintf(path, sizeof path, "%s/socket", folder);
	assert_true(address_from_path(path, &address));
	assert_int_equal(bind(fd, &address.any, address.length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(listener_adopt(&listener, PROTOCOL_TCP, fd, &no_options, &error), 0);
	assert_string_equal(listener.sockets[0].address.un.sun_path, path);
	assert_int_equal(listener_listen(&listener, 5, &no_options, &error), 0);
	expect_reachable_by_path(&listener);
	listener_close(&listener);
	assert_int_equal(access(path, F_OK), 0);
	support_remove_folder(folder);
}

static void adopt_takes_a_listening_socket_and_sets_it_up(void **state)
{
	const struct socket_options options = {.nodelay = true};
	struct listener listener = {.count = 0};
	struct error error;
	unsigned port;
	int fd = tcp_listen(&port);

	(void)state;
	fcntl(fd, F_SETFD, 0);
	assert_int_equal(listener_adopt(&listener, PROTOCOL_TCP, fd, &options, &error), 0);
	assert_int_equal(listener.count, 1);
	assert_int_equal(listener.sockets[0].fd, fd);
	assert_int_equal(port_of(&listener), port);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	listener_close(&listener);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void expect_not_adopted(int fd)
{
	struct listener listener = {.count = 0};
	struct error error;
	char expected[128];

	assert_int_equal(listener_adopt(&listener, PROTOCOL_TCP, fd, &no_options, &error), -1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	snprintf(expected, sizeof expected,
		"inherited descriptor %d: expected a listening TCP or Unix stream socket, got something else",
		fd);
	assert_string_equal(error.message, expected);
	assert_int_equal(listener.count, 0);
	if (fd >= 0)
		assert_int_equal(close(fd), 0); /* still ours */
}

static void a_host_may_be_the_name_of_inherited_sockets(void **state)
{
	(void)state;
	assert_string_equal(listener_inherited_name("systemd:web"), "web");
	assert_string_equal(listener_inherited_name("systemd:"), "");
	assert_null(listener_inherited_name("systemd"));
	assert_null(listener_inherited_name("unix:systemd:web"));
}

static void adopt_refuses_what_does_not_listen(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	close(ends[1]);
	expect_not_adopted(ends[0]);
	expect_not_adopted(open("/dev/null", O_RDONLY));
	expect_not_adopted(socket(AF_INET, SOCK_STREAM, 0));
	expect_not_adopted(socket(AF_INET, SOCK_DGRAM, 0));
	expect_not_adopted(socket(AF_UNIX, SOCK_STREAM, 0));
	expect_not_adopted(socket(AF_UNIX, SOCK_DGRAM, 0));
	tcp_pair(&ends[0], &ends[1]);
	expect_not_adopted(ends[0]);
	close(ends[1]);
	expect_not_adopted(-1);
}

static void adopt_refuses_more_sockets_than_a_listener_holds(void **state)
{
	struct listener listener = {.count = 0};
	struct error error;
	unsigned port;

	(void)state;
	for (int i = 0; i < LISTENER_SOCKETS_MAX; i++)
		assert_int_equal(listener_adopt(&listener, PROTOCOL_TCP, tcp_listen(&port),
					 &no_options, &error),
			0);
	int fd = tcp_listen(&port);
	assert_int_equal(listener_adopt(&listener, PROTOCOL_TCP, fd, &no_options, &error), -1);
	assert_non_null(strstr(error.message, "at most 16 sockets"));
	assert_int_equal(close(fd), 0);
	listener_close(&listener);
}

static void close_is_fine_twice(void **state)
{
	struct listener listener;

	(void)state;
	open_listening(&listener, "127.0.0.1", &no_options);
	int fd = listener.sockets[0].fd;
	listener_close(&listener);
	int reused = open("/dev/null", O_RDONLY);
	assert_int_equal(reused, fd);
	listener_close(&listener);
	assert_int_equal(close(reused), 0);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup(test, reset)
	const struct CMUnitTest tests[] = {
		ROW(open_binds_the_address_with_a_port_of_the_kernel),
		ROW(open_binds_an_ipv6_address),
		ROW(the_star_takes_both_families_on_one_port),
		ROW(the_star_takes_ipv4_where_there_is_no_ipv6),
		ROW(an_ipv6_wildcard_alone_leaves_ipv4_to_others),
		ROW(port_0_is_the_same_port_on_every_address_of_a_name),
		ROW(another_port_is_tried_where_the_next_address_has_it_in_use),
		ROW(a_name_does_without_the_family_that_is_missing),
		ROW(an_address_in_use_names_its_owner_and_leaves_nothing_open),
		ROW(addresses_that_were_bound_before_a_failure_are_closed),
		ROW(a_foreign_address_is_refused),
		ROW(an_unknown_port_is_refused),
		ROW(sockets_do_not_block_and_close_on_exec),
		ROW(a_port_can_be_opened_again_at_once),
		ROW(options_are_in_force_on_accepted_sockets),
		ROW(options_of_0_leave_the_kernel_its_values),
		ROW(defer_accept_keeps_silent_clients_back),
		ROW(an_option_that_the_kernel_refuses_is_named),
		ROW(a_unix_socket_has_its_file_from_listen_to_close),
		ROW(udp_may_have_the_port_that_tcp_has_but_only_once),
		ROW(adopt_takes_a_udp_socket_that_is_bound),
		ROW(adopt_takes_a_unix_socket_whose_file_stays),
		ROW(adopt_takes_a_listening_socket_and_sets_it_up),
		ROW(a_host_may_be_the_name_of_inherited_sockets),
		ROW(adopt_refuses_what_does_not_listen),
		ROW(adopt_refuses_more_sockets_than_a_listener_holds),
		ROW(close_is_fine_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
