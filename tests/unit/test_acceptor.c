/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/log.h"
#include "yodel/server/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

static int create_failure; /* 0: threads can be made */
static int accept_failure, accept_failures_left;

int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	return create_failure != 0 ? create_failure
				   : __real_pthread_create(thread, attributes, start, argument);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	if (accept_failures_left > 0) {
		accept_failures_left--;
		errno = accept_failure;
		return -1;
	}
	return __real_accept4(fd, address, length, flags);
}

enum { STACK = 256 * 1024, CAPACITY = 2 };

struct fixture {
	char name[8], text[64];
	struct listener_settings listener;
	struct registry registry;
	struct acceptor acceptor;
	int listening, empty_fd;
	unsigned port;
	char *log; /* of the last accept */
};

/* The service of this test: a letter for a letter. */
static enum close_reason answer(struct connection *connection)
{
	enum close_reason reason;
	char byte;
	size_t got;

	while ((reason = connection_read(connection, &byte, 1, &got)) == CLOSE_NONE &&
		(reason = connection_write(connection, &byte, 1)) == CLOSE_NONE)
		continue;
	return reason;
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;

	assert_non_null(fixture);
	snprintf(fixture->name, sizeof fixture->name, "door");
	fixture->listener = (struct listener_settings){
		.name = fixture->name, .refuse_text = fixture->text, .timeouts.linger_ms = 60000};
	fixture->empty_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct registry_settings settings = {
		.capacity = CAPACITY,
		.peer_prefix_v4_bits = 32,
		.peer_prefix_v6_bits = 64,
		.listeners = &fixture->listener,
		.listener_count = 1,
		.empty_fd = fixture->empty_fd,
	};
	assert_int_equal(registry_init(&fixture->registry, &settings), 0);
	assert_int_equal(
		acceptor_init(&fixture->acceptor, &fixture->registry, STACK, 4, &error), 0);
	fixture->listening = tcp_listen(&fixture->port);
	fcntl(fixture->listening, F_SETFL, O_NONBLOCK);
	log_configure(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	create_failure = accept_failures_left = 0;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	acceptor_fini(&fixture->acceptor);
	registry_close(&fixture->registry);
	assert_true(wait_readable(fixture->empty_fd, SUPPORT_PATIENCE_MS));
	support_outlast_threads();
	registry_fini(&fixture->registry);
	close(fixture->listening);
	close(fixture->empty_fd);
	free(fixture->log);
	free(fixture);
	return 0;
}

static enum accept_result accept_one(struct fixture *fixture)
{
	free(fixture->log);
	capture_start();
	enum accept_result result = acceptor_accept(
		&fixture->acceptor, fixture->listening, &fixture->listener, 0, answer);
	fixture->log = capture_end();
	return result;
}

/* Connects, and waits until the connection is in the queue. */
static int connect_to(struct fixture *fixture)
{
	int client = tcp_connect(fixture->port);

	assert_true(wait_readable(fixture->listening, SUPPORT_PATIENCE_MS));
	return client;
}

static void expect_served(int client)
{
	char byte;
	int end;

	send_all(client, "x", 1);
	assert_int_equal(receive(client, &byte, 1, &end), 1);
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

static void a_client_is_served_in_a_thread_of_its_own(void **state)
{
	struct fixture *fixture = *state;
	int first = connect_to(fixture);

	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	int second = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	expect_served(second);
	expect_served(first);
	assert_int_equal(registry_open_count(&fixture->registry), 2);
	assert_int_equal(fixture->acceptor.paused_until_ms, 0);
	close(first);
	close(second);
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

static void without_a_thread_the_client_is_closed_and_the_slot_given_back(void **state)
{
	struct fixture *fixture = *state;
	int64_t before = support_now_ms();

	create_failure = EAGAIN;
	for (uint64_t i = 1; i <= 3 * CAPACITY; i++) {
		int client = connect_to(fixture);
		assert_int_equal(accept_one(fixture), ACCEPT_PAUSE);
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
	create_failure = 0;
	int client = connect_to(fixture);
	assert_int_equal(accept_one(fixture), ACCEPT_OK);
	expect_served(client);
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
	/* No number is free below the limit but the reserve's, which is given up for a moment. */
	int probe = dup(0);
	close(probe);
	getrlimit(RLIMIT_NOFILE, &before);
	none = before;
	none.rlim_cur = (rlim_t)probe + 2; /* two for the capture of stderr */
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
	expect_served(client);
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
	expect_served(client);
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
	expect_served(client);
	close(client);
}

static void a_broken_socket_is_fatal_and_errno_says_how(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(acceptor_accept(&fixture->acceptor, -1, &fixture->listener, 0, answer),
		ACCEPT_FATAL);
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
	assert_true(wait_readable(fixture->listening, 0));
	for (int i = 0; i < MANY; i++)
		close(clients[i]);
}

static void threads_have_the_stack_that_was_asked_for(void **state)
{
	struct fixture *fixture = *state;
	size_t bytes = 0;
	int detached = -1;

	pthread_attr_getstacksize(&fixture->acceptor.thread_attributes, &bytes);
	pthread_attr_getdetachstate(&fixture->acceptor.thread_attributes, &detached);
	assert_int_equal(bytes, STACK);
	assert_int_equal(detached, PTHREAD_CREATE_DETACHED);
}

static void a_stack_that_is_too_small_is_an_error(void **state)
{
	struct fixture *fixture = *state;
	struct acceptor acceptor;
	struct error error;

	assert_int_equal(acceptor_init(&acceptor, &fixture->registry, 1000, 4, &error), -1);
	assert_int_equal(error.exit_code, EX_OSERR);
	assert_string_equal(error.message, "thread_stack = 1000: Invalid argument");
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classify_knows_whose_fault_it_is),
		ROW(nobody_waiting_is_no_error),
		ROW(a_client_is_served_in_a_thread_of_its_own),
		ROW(a_refused_client_is_told_why_and_closed),
		ROW(a_client_refused_without_a_text_is_closed_at_once),
		ROW(without_a_thread_the_client_is_closed_and_the_slot_given_back),
		ROW(without_a_descriptor_waiting_clients_are_closed),
		ROW(without_memory_in_the_kernel_the_client_waits),
		ROW(a_client_that_left_in_the_queue_is_no_reason_to_pause),
		ROW(a_broken_socket_is_fatal_and_errno_says_how),
		ROW(at_most_64_clients_are_shed_at_once),
		ROW(threads_have_the_stack_that_was_asked_for),
		ROW(a_stack_that_is_too_small_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
