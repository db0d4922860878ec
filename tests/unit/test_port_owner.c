/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/port_owner.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_owner_of(enum protocol protocol, unsigned port, pid_t pid)
{
	char name[32], expected[64], text[64] = "";

	support_process_name(name);
	snprintf(expected, sizeof expected, "%s (pid %d)", name, (int)pid);
	assert_true(port_owner_find(protocol, port, text, sizeof text));
	assert_string_equal(text, expected);
}

static void expect_owner(unsigned port, pid_t pid)
{
	expect_owner_of(PROTOCOL_TCP, port, pid);
}

static void finds_this_process(void **state)
{
	unsigned port;
	int fd = tcp_listen(&port);

	(void)state;
	expect_owner(port, getpid());
	close(fd);
}

static void finds_another_process(void **state)
{
	unsigned port;
	int fd = tcp_listen(&port), gate[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(gate), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(gate[1]);
		(void)!read(gate[0], &byte, 1); /* holds the socket until the parent is done */
		_exit(0);
	}
	close(gate[0]);
	close(fd);
	expect_owner(port, pid);
	close(gate[1]);
	waitpid(pid, NULL, 0);
}

static void finds_the_owner_of_a_udp_socket(void **state)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	expect_owner_of(PROTOCOL_UDP, ntohs(address.sin_port), getpid());
	close(fd);
}

static void finds_the_owner_of_an_ipv6_socket(void **state)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
		skip();
	assert_int_equal(listen(fd, 1), 0);
	getsockname(fd, (struct sockaddr *)&address, &length);
	expect_owner(ntohs(address.sin6_port), getpid());
	close(fd);
}

/* Bound is not listening, and neither is an open connection from that port. */
static void a_port_that_nobody_listens_on_has_no_owner(void **state)
{
	unsigned port;
	int listening = tcp_listen(&port), client = tcp_connect(port), server;
	char text[64] = "untouched";

	(void)state;
	server = accept(listening, NULL, NULL);
	close(listening);
	assert_false(port_owner_find(PROTOCOL_TCP, port, text, sizeof text));
	assert_string_equal(text, "untouched");
	close(server);
	close(client);
}

static void the_text_is_cut_to_its_room(void **state)
{
	unsigned port;
	int fd = tcp_listen(&port);
	char text[6] = "#####";

	(void)state;
	assert_true(port_owner_find(PROTOCOL_TCP, port, text, 4));
	assert_int_equal(strlen(text), 3);
	assert_int_equal(text[4], '#');
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_this_process),
		cmocka_unit_test(finds_another_process),
		cmocka_unit_test(finds_the_owner_of_a_udp_socket),
		cmocka_unit_test(finds_the_owner_of_an_ipv6_socket),
		cmocka_unit_test(a_port_that_nobody_listens_on_has_no_owner),
		cmocka_unit_test(the_text_is_cut_to_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
