/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/log.h"
#include "yodel/server/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

static int accept_failure, accept_failures_left;

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	if (accept_failures_left > 0) {
		accept_failures_left--;
		errno = accept_failure;
		return -1;
	}
	return __real_accept4(fd, address, length, flags);
}

enum { CAPACITY = 2 };

struct fixture {
	char name[8], text[64], no_text[1];
	struct listener_settings listener;
	struct registry registry;
	struct acceptor acceptor;
	struct listening_entry entry;
	struct connection *admitted[CAPACITY + 1];
	size_t admitted_count;
	unsigned port;
	char *log; /* of the last accept */
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;

	assert_non_null(fixture);
	snprintf(fixture->name, sizeof fixture->name, "door");
	fixture->listener = (struct listener_settings){
		.name = fixture->name,
		.refuse_text = fixture->text,
		.stop_command = fixture->no_text,
		.tls.files.certificate = fixture->no_text,
		.timeouts.linger_ms = 60000,
	};
	struct registry_settings settings = {
		.capacity = CAPACITY,
		.peer_prefix_v4_bits = 32,
		.peer_prefix_v6_bits = 64,
		.listeners = &fixture->listener,
		.listener_count = 1,
	};
	assert_int_equal(registry_init(&fixture->registry, &settings), 0);
	assert_int_equal(acceptor_init(&fixture->acceptor, &fixture->registry, 4, &error), 0);
	fixture->entry.fd = tcp_listen(&fixture->port);
	fcntl(fixture->entry.fd, F_SETFL, O_NONBLOCK);
	log_configure(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	accept_failures_left = 0;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	acceptor_fini(&fixture->acceptor);
	for (size_t i = 0; i < fixture->admitted_count; i++) {
		connection_close(fixture->admitted[i], CLOSE_CLIENT_FIN);
		registry_release(&fixture->registry, fixture->admitted[i]);
	}
	registry_fini(&fixture->registry);
	close(fixture->entry.fd);
	free(fixture->log);
	free(fixture);
	return 0;
}

static enum accept_result accept_with(struct fixture *fixture, int thread_failure)
{
	struct connection *connection = NULL;
	struct admission client;

	free(fixture->log);
	capture_start();
	enum accept_result result = acceptor_accept(
		&fixture->acceptor, &fixture->entry, &fixture->listener, &client);
	if (result == ACCEPT_OK)
		connection = acceptor_admit(&fixture->acceptor, &fixture->listener, &client);
	if (connection != NULL && thread_failure != 0) {
		acceptor_turn_away(&fixture->acceptor, &client, connection, thread_failure);
		connection = NULL;
	}
	fixture->log = capture_end();
	if (connection != NULL)
		fixture->admitted[fixture->admitted_count++] = connection;
	return result;
}

static enum accept_result accept_one(struct fixture *fixture)
{
	return accept_with(fixture, 0);
}

/* Connects, and waits until the connection is in the queue. */
static int connect_to(struct fixture *fixture)
{
	int client = tcp_connect(fixture->port);

	assert_true(wait_readable(fixture->entry.fd, SUPPORT_PATIENCE_MS));
	return client;
}

/* The connection that was let in last is this client's. */
static void expect_admitted(struct fixture *fixture, int client)
{
	struct connection *connection = fixture->admitted[fixture->admitted_count - 1];
	char byte;
	size_t got;

	send_all(client, "x", 1);
	assert_int_equal(connection_read(connection, &byte, 1, &got), CLOSE_NONE);
	assert_int_equal(byte, 'x');
}

static uint64_t ended(struct fixture *fixture, enum close_reason reason)
{
	return registry_totals(&fixture->registry).by_reason[reason];
}

static void classify_knows_whose_fault_it_is(void **state)
{
	static const struct {
		enum accept_result result;
		int numbers[12];
	} rows[] = {
		{ACCEPT_EMPTY, {EAGAIN, EWOULDBLOCK}},
		{ACCEPT_RETRY, {EINTR, ECONNABORTED, EPERM, ENETDOWN, EPROTO, ENOPROTOOPT,
				       EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH}},
		{ACCEPT_PAUSE, {EMFILE, ENFILE, ENOBUFS, ENOMEM}},
		{ACCEPT_FATAL, {EBADF, EINVAL, ENOTSOCK, EFAULT}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t j = 0; j < 12 && rows[i].numbers[j] != 0; j++)
			assert_int_equal(accept_classify(rows[i].numbers[j]), rows[i].result);
	assert_int_equal(accept_classify(0), ACCEPT_FATAL);
}

static void nobody_waiting_is_no_error(void **state)
{
	assert_int_equal(accept_one(*state), ACCEPT_EMPTY);
}

static void a_client_is_let_in(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 1; i <= CAPACITY; i++) {
		int client = connect_to(fixture);

		assert_int_equal(accept_one(fixture), ACCEPT_OK);
		assert_int_equal(fixture->admitted_count, i);
		expect_admitted(fixture, client);
		close(client);
	}
	assert_int_equal(registry_open_count(&fixture->registry), CAPACITY);
	assert_int_equal(fixture->acceptor.paused_until_ms, 0);
}

/* A listening socket in place of the fixture's, under a name that the kernel chose. */
static struct address listen_on_a_name(struct fixture *fixture)
{
	struct address address = {.length = sizeof(sa_family_t), .any.sa_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, &address.any, address.length), 0);
	assert_int_equal(listen(fd, 4), 0);
	address.length = sizeof address.un;
	assert_int_equal(getsockname(fd, &address.any, &address.length), 0);
	close(fixture->entry.fd);
	fixture->entry.fd = fd;
	return address;
}

static void a_client_of_a_unix_socket_is_a_process_and_gets_the_buffers(void **state)
{
	struct fixture *fixture = *state;
	struct address address = listen_on_a_name(fixture);
	int client = socket(AF_UNIX, SOCK_STREAM, 0), buffer = 0;
	socklen_t length = sizeof buffer;

	fixture->listener.socket.send_buffer_bytes = 20000;
	assert_int_equal(connect(client, &address.any, address.length), 0);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	const struct connection *connection = fixture->admitted[0];
	assert_int_equal(connection->peer.any.sa_family, ADDRESS_FAMILY_PROCESS);
	assert_int_equal(connection->peer.process.pid, getpid());
	assert_int_equal(connection->peer.process.uid, getuid());
	assert_int_equal(
		getsockopt(connection->stream.fd, SOL_SOCKET, SO_SNDBUF, &buffer, &length), 0);
	assert_int_equal(buffer, 40000);
	expect_admitted(fixture, client);
	close(client);
}

static void a_refused_client_is_told_why_and_closed(void **state)
{
	struct fixture *fixture = *state;
	int clients[CAPACITY], end;
	char text[64];

	snprintf(fixture->text, sizeof fixture->text, "full\r\n");
	for (int i = 0; i < CAPACITY; i++) {
		clients[i] = connect_to(fixture);
		assert_int_equal(accept_one(fixture), ACCEPT_OK);
	}
	int refused = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	assert_int_equal(receive(refused, text, sizeof text, &end), 6);
	assert_int_equal(end, 0);
	assert_memory_equal(text, "full\r\n", 6);
	assert_int_equal(fixture->acceptor.partings.count, 1);
	assert_int_equal(ended(fixture, CLOSE_LIMIT_TOTAL), 1);
	assert_non_null(strstr(fixture->log, " warn refuse listener=door peer=127.0.0.1:"));
	assert_non_null(strstr(fixture->log, " reason=limit_total\n"));
	close(refused);
	for (int i = 0; i < CAPACITY; i++)
		close(clients[i]);
}

static void a_client_refused_without_a_text_is_closed_at_once(void **state)
{
	struct fixture *fixture = *state;

	fixture->listener.limits.max_connections = 1;
	int client = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	int refused = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	assert_eof(refused);
	assert_int_equal(fixture->acceptor.partings.count, 0);
	assert_int_equal(ended(fixture, CLOSE_LIMIT_LISTENER), 1);
	close(refused);
	close(client);
}

static void without_a_thread_the_client_is_closed(void **state)
{
	struct fixture *fixture = *state;
	int64_t before = support_now_ms();

	for (uint64_t i = 1; i <= 3 * CAPACITY; i++) {
		int client = connect_to(fixture);
		assert_int_equal(accept_with(fixture, EAGAIN), ACCEPT_OK);
		assert_eof(client);
		close(client);
		assert_true(registry_is_empty(&fixture->registry));
		assert_int_equal(registry_totals(&fixture->registry).refused, i);
		if (i == 1) {
			assert_non_null(strstr(fixture->log, " reason=resources error=\""));
			assert_non_null(strstr(fixture->log, "peer=127.0.0.1:"));
		}
	}
	assert_int_equal(ended(fixture, CLOSE_RESOURCES), 3 * CAPACITY);
	assert_int_equal(registry_totals(&fixture->registry).accepted, 0);
	assert_true(fixture->acceptor.paused_until_ms >= before + 100);
	int client = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	expect_admitted(fixture, client);
	close(client);
}

static void without_a_descriptor_waiting_clients_are_closed(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, none;
	int clients[3];

	if (support_is_under_valgrind())
		skip();
	for (int i = 0; i < 3; i++)
		clients[i] = connect_to(fixture);
	/* Two numbers are free below the limit, for the capture of stderr. */
	int first = dup(0), second = dup(0);
	close(first);
	close(second);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)second + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	enum accept_result result = accept_one(fixture);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(result, ACCEPT_PAUSE);
	for (int i = 0; i < 3; i++) {
		assert_eof(clients[i]);
		close(clients[i]);
	}
	assert_int_equal(ended(fixture, CLOSE_RESOURCES), 3);
	assert_true(fixture->acceptor.reserve_fd >= 0);
	assert_true(fixture->acceptor.paused_until_ms > 0);
	assert_non_null(strstr(fixture->log,
		" warn refuse listener=door reason=resources error=\"Too many open files\"\n"));
	int client = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	expect_admitted(fixture, client);
	close(client);
}

static void without_memory_in_the_kernel_the_client_waits(void **state)
{
	struct fixture *fixture = *state;
	int client = connect_to(fixture);

	accept_failure = ENOBUFS;
	accept_failures_left = 1;
	assert_int_equal(accept_one(fixture), ACCEPT_PAUSE);
	assert_int_equal(ended(fixture, CLOSE_RESOURCES), 0); /* nobody was turned away */
	assert_true(fixture->acceptor.paused_until_ms > 0);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	expect_admitted(fixture, client);
	close(client);
}

static void a_client_that_left_in_the_queue_is_no_reason_to_pause(void **state)
{
	struct fixture *fixture = *state;
	int client = connect_to(fixture);

	accept_failure = ECONNABORTED;
	accept_failures_left = 1;
	assert_int_equal(accept_one(fixture), ACCEPT_RETRY);
	assert_int_equal(fixture->acceptor.paused_until_ms, 0);
	assert_string_equal(fixture->log, "");
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	expect_admitted(fixture, client);
	close(client);
}

static void a_broken_socket_is_fatal_and_errno_says_how(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->entry.fd);
	fixture->entry.fd = -1;
	assert_int_equal(accept_one(fixture), ACCEPT_FATAL);
	assert_int_equal(errno, EBADF);
}

static void at_most_64_clients_are_shed_at_once(void **state)
{
	struct fixture *fixture = *state;
	enum { MANY = 70 };
	int clients[MANY];

	for (int i = 0; i < MANY; i++)
		clients[i] = connect_to(fixture);
	accept_failure = EMFILE;
	accept_failures_left = 1;
	assert_int_equal(accept_one(fixture), ACCEPT_PAUSE);
	assert_int_equal(ended(fixture, CLOSE_RESOURCES), 64);
	assert_true(wait_readable(fixture->entry.fd, 0));
	for (int i = 0; i < MANY; i++)
		close(clients[i]);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classify_knows_whose_fault_it_is),
		ROW(nobody_waiting_is_no_error),
		ROW(a_client_is_let_in),
		ROW(a_client_of_a_unix_socket_is_a_process_and_gets_the_buffers),
		ROW(a_refused_client_is_told_why_and_closed),
		ROW(a_client_refused_without_a_text_is_closed_at_once),
		ROW(without_a_thread_the_client_is_closed),
		ROW(without_a_descriptor_waiting_clients_are_closed),
		ROW(without_memory_in_the_kernel_the_client_waits),
		ROW(a_client_that_left_in_the_queue_is_no_reason_to_pause),
		ROW(a_broken_socket_is_fatal_and_errno_says_how),
		ROW(at_most_64_clients_are_shed_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
