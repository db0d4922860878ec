/* SPDX-License-Identifier: MIT */
#include "server_support.h"

#include "yodel/server/datagrams.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

int __real_recvmmsg(
	int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_recvmmsg(
	int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*body)(void *argument), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*body)(void *argument), void *argument);

static _Atomic int receive_failures_left;
static int threads_left; /* until no more can be made */

int __wrap_recvmmsg(
	int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
	if (atomic_load(&receive_failures_left) > 0) {
		atomic_fetch_sub(&receive_failures_left, 1);
		errno = ECONNREFUSED; /* as an ICMP error would have it */
		return -1;
	}
	return __real_recvmmsg(fd, messages, count, flags, timeout);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*body)(void *argument), void *argument)
{
	if (threads_left == 0)
		return EAGAIN;
	threads_left--;
	return __real_pthread_create(thread, attributes, body, argument);
}

struct fixture {
	struct config *config;
	struct listening listening;
	struct datagrams datagrams;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error error;

	assert_non_null(fixture);
	receive_failures_left = 0;
	threads_left = 100;
	fixture->config = CONFIG("-l127.0.0.1:0", "-l127.0.0.1:0", "-l127.0.0.1:0",
		"-olisten.[1].protocol=udp", "-olisten.[2].protocol=udp",
		"-olimits.datagram_rate=0");
	assert_int_equal(listening_open(&fixture->listening, fixture->config, &error), 0);
	assert_int_equal(
		datagrams_init(&fixture->datagrams, fixture->config, &fixture->listening, &error),
		0);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	datagrams_stop(&fixture->datagrams);
	datagrams_fini(&fixture->datagrams);
	listening_close(&fixture->listening);
	config_free(fixture->config);
	free(fixture);
	return 0;
}

static void start(struct fixture *fixture)
{
	struct error error;

	assert_int_equal(datagrams_start(&fixture->datagrams, &error), 0);
}

/* A client that is connected to the listener with this index. */
static int client_of(const struct fixture *fixture, size_t index)
{
	const struct address *address = &fixture->listening.entries[index].address;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(connect(fd, &address->any, address->length), 0);
	return fd;
}

static void expect_datagram(int client, const char *text)
{
	char bytes[16];

	assert_true(wait_readable(client, SUPPORT_PATIENCE_MS));
	assert_int_equal(recv(client, bytes, sizeof bytes, 0), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void each_udp_socket_echoes_and_is_counted(void **state)
{
	struct fixture *fixture = *state;
	int one = client_of(fixture, 1), other = client_of(fixture, 2);

	assert_int_equal(fixture->datagrams.count, 2);
	start(fixture);
	assert_int_equal(send(one, "one", 3, 0), 3);
	assert_int_equal(send(other, "other", 5, 0), 5);
	expect_datagram(one, "one");
	expect_datagram(other, "other");
	datagrams_stop(&fixture->datagrams);
	struct datagram_totals totals = datagrams_totals(&fixture->datagrams);
	assert_int_equal(totals.in, 2);
	assert_int_equal(totals.out, 2);
	close(one);
	close(other);
}

static void what_came_before_the_stop_is_answered(void **state)
{
	enum { MANY = 100 };
	struct fixture *fixture = *state;
	int client = client_of(fixture, 1);

	for (int i = 0; i < MANY; i++)
		assert_int_equal(send(client, "early", 5, 0), 5);
	start(fixture);
	datagrams_stop(&fixture->datagrams);
	for (int i = 0; i < MANY; i++)
		expect_datagram(client, "early");
	assert_int_equal(datagrams_totals(&fixture->datagrams).out, MANY);
	close(client);
}

static void an_error_of_the_socket_is_counted_and_does_not_end_the_echo(void **state)
{
	struct fixture *fixture = *state;
	int client = client_of(fixture, 1);

	receive_failures_left = 1;
	assert_int_equal(send(client, "hello", 5, 0), 5);
	capture_start();
	start(fixture);
	expect_datagram(client, "hello");
	datagrams_stop(&fixture->datagrams);
	char *log = capture_end();
	assert_non_null(strstr(
		log, " warn refuse listener=echo-2 reason=error error=\"Connection refused\"\n"));
	free(log);
	assert_int_equal(datagrams_totals(&fixture->datagrams).by_reason[CLOSE_ERROR], 1);
	close(client);
}

static void without_a_thread_it_does_not_start_at_all(void **state)
{
	struct fixture *fixture = *state;
	struct error error;

	threads_left = 1;
	assert_int_equal(datagrams_start(&fixture->datagrams, &error), -1);
	assert_int_equal(error.exit_code, EX_OSERR);
	assert_int_equal(fixture->datagrams.started, 0);
}

static void without_udp_there_is_nothing_to_do(void **state)
{
	struct config *config = CONFIG("-l127.0.0.1:0");
	struct listening listening;
	struct datagrams datagrams;
	struct error error;

	(void)state;
	threads_left = 0;
	assert_int_equal(listening_open(&listening, config, &error), 0);
	assert_int_equal(datagrams_init(&datagrams, config, &listening, &error), 0);
	assert_int_equal(datagrams_start(&datagrams, &error), 0);
	datagrams_stop(&datagrams);
	datagrams_fini(&datagrams);
	listening_close(&listening);
	config_free(config);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(each_udp_socket_echoes_and_is_counted),
		ROW(what_came_before_the_stop_is_answered),
		ROW(an_error_of_the_socket_is_counted_and_does_not_end_the_echo),
		ROW(without_a_thread_it_does_not_start_at_all),
		cmocka_unit_test(without_udp_there_is_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
