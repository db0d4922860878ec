/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/transport/datagram_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags);
int __real_recvmmsg(
	int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);
int __wrap_recvmmsg(
	int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);

static size_t sent_before, failing_at; /* counted from 1; 0: none fails */
static int send_failure, receive_failure, received_flags;

/* The datagram number failing_at does not get through; those before it do. */
int __wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	if (failing_at == sent_before + 1) {
		sent_before++;
		errno = send_failure;
		return -1;
	}
	if (failing_at > sent_before && failing_at <= sent_before + count)
		count = (unsigned)(failing_at - sent_before - 1);
	int sent = __real_sendmmsg(fd, messages, count, flags);
	if (sent > 0)
		sent_before += (size_t)sent;
	return sent;
}

int __wrap_recvmmsg(
	int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
	if (receive_failure != 0) {
		errno = receive_failure;
		return -1;
	}
	int received = __real_recvmmsg(fd, messages, count, flags, timeout);
	for (int i = 0; i < received; i++)
		messages[i].msg_hdr.msg_flags |= received_flags;
	return received;
}

struct fixture {
	struct datagram_batch batch;
	struct address address; /* of the batch's socket */
	int client;
};

static int bound(const char *host, struct address *address)
{
	*address = (struct address){.length = sizeof address->v4, .v4.sin_family = AF_INET};
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) != 1) {
		*address = (struct address){
			.length = sizeof address->v6, .v6.sin6_family = AF_INET6};
		assert_int_equal(inet_pton(AF_INET6, host, &address->v6.sin6_addr), 1);
	}
	int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0), off = 0;
	assert_true(fd >= 0);
	if (address->any.sa_family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
	assert_int_equal(bind(fd, &address->any, address->length), 0);
	assert_int_equal(getsockname(fd, &address->any, &address->length), 0);
	return fd;
}

static void open_batch(struct fixture *fixture, const char *host)
{
	struct error error;
	int fd = bound(host, &fixture->address);

	assert_int_equal(datagram_batch_prepare_socket(fd, &error), 0);
	assert_int_equal(datagram_batch_init(&fixture->batch, fd), 0);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct address address;

	assert_non_null(fixture);
	sent_before = failing_at = 0;
	receive_failure = received_flags = 0;
	open_batch(fixture, "127.0.0.1");
	fixture->client = bound("127.0.0.1", &address);
	*state = fixture;
	return 0;
}

static void close_batch(struct fixture *fixture)
{
	close(fixture->batch.fd);
	datagram_batch_fini(&fixture->batch);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	close_batch(fixture);
	close(fixture->client);
	free(fixture);
	return 0;
}

static void send_to(struct fixture *fixture, const void *bytes, size_t length)
{
	assert_int_equal(sendto(fixture->client, bytes, length, 0, &fixture->address.any,
				 fixture->address.length),
		length);
}

static void receive_batch(struct fixture *fixture)
{
	assert_true(wait_readable(fixture->batch.fd, SUPPORT_PATIENCE_MS));
	assert_int_equal(datagram_batch_receive(&fixture->batch), 0);
	for (size_t i = 0; i < fixture->batch.count; i++)
		fixture->batch.items[i].is_wanted = true;
}

static void expect_answer(struct fixture *fixture, const void *bytes, size_t length)
{
	static char got[DATAGRAM_BYTES_MAX];
	struct address from = {.length = sizeof from.v6};

	assert_true(wait_readable(fixture->client, SUPPORT_PATIENCE_MS));
	assert_int_equal(
		recvfrom(fixture->client, got, sizeof got, 0, &from.any, &from.length), length);
	assert_memory_equal(got, bytes, length);
}

static void expect_silence(struct fixture *fixture)
{
	char byte;

	assert_int_equal(recv(fixture->client, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void nothing_there_is_an_empty_batch(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(datagram_batch_receive(&fixture->batch), 0);
	assert_int_equal(fixture->batch.count, 0);
	datagram_batch_answer(&fixture->batch);
}

static void datagrams_come_with_their_addresses_and_go_back_as_they_are(void **state)
{
	static char large[65507];
	struct fixture *fixture = *state;
	struct address client = {.length = sizeof client.v4};

	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 31);
	assert_int_equal(getsockname(fixture->client, &client.any, &client.length), 0);
	send_to(fixture, "one", 3);
	send_to(fixture, "", 0);
	send_to(fixture, large, sizeof large);
	receive_batch(fixture);
	assert_int_equal(fixture->batch.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct datagram *item = &fixture->batch.items[i];

		assert_int_equal(item->source.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		assert_int_equal(address_port(&item->source), address_port(&client));
		assert_int_equal(item->destination.v4.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
		assert_false(item->is_for_many);
		assert_false(item->is_cut);
	}
	datagram_batch_answer(&fixture->batch);
	expect_answer(fixture, "one", 3);
	expect_answer(fixture, "", 0);
	expect_answer(fixture, large, sizeof large);
}

static void what_is_not_wanted_is_not_sent(void **state)
{
	struct fixture *fixture = *state;

	send_to(fixture, "a", 1);
	send_to(fixture, "b", 1);
	send_to(fixture, "c", 1);
	receive_batch(fixture);
	fixture->batch.items[1].is_wanted = false;
	datagram_batch_answer(&fixture->batch);
	expect_answer(fixture, "a", 1);
	expect_answer(fixture, "c", 1);
	expect_silence(fixture);
}

static void one_that_cannot_be_sent_does_not_keep_the_others(void **state)
{
	struct fixture *fixture = *state;

	for (size_t at = 1; at <= 3; at++) {
		sent_before = 0;
		failing_at = at;
		send_failure = at == 1 ? ENOBUFS : EMSGSIZE;
		send_to(fixture, "1", 1);
		send_to(fixture, "2", 1);
		send_to(fixture, "3", 1);
		receive_batch(fixture);
		assert_int_equal(fixture->batch.count, 3);
		datagram_batch_answer(&fixture->batch);
		for (size_t i = 1; i <= 3; i++) {
			int expected = i == at ? send_failure : 0;

			assert_int_equal(fixture->batch.items[i - 1].error_number, expected);
			if (i != at)
				expect_answer(fixture, &"123"[i - 1], 1);
		}
		expect_silence(fixture);
	}
}

static void an_answer_comes_from_the_address_that_was_asked(void **state)
{
	struct fixture *fixture = *state;
	struct address from = {.length = sizeof from.v4};
	char byte;

	close_batch(fixture);
	open_batch(fixture, "0.0.0.0");
	assert_int_equal(inet_pton(AF_INET, "127.9.8.7", &fixture->address.v4.sin_addr), 1);
	send_to(fixture, "x", 1);
	receive_batch(fixture);
	datagram_batch_answer(&fixture->batch);
	assert_true(wait_readable(fixture->client, SUPPORT_PATIENCE_MS));
	assert_int_equal(recvfrom(fixture->client, &byte, 1, 0, &from.any, &from.length), 1);
	assert_int_equal(from.v4.sin_addr.s_addr, fixture->address.v4.sin_addr.s_addr);
}

/* A socket for both families reports IPv4 as IPv6. */
static void on_a_socket_for_both_families_ipv4_is_ipv4(void **state)
{
	struct fixture *fixture = *state;
	struct address from = {.length = sizeof from.v4};
	char byte;

	int probe = socket(AF_INET6, SOCK_DGRAM, 0);
	if (probe < 0)
		skip();
	close(probe);
	close_batch(fixture);
	open_batch(fixture, "::");
	unsigned port = address_port(&fixture->address);
	fixture->address = (struct address){
		.length = sizeof fixture->address.v4, .v4.sin_family = AF_INET};
	assert_int_equal(inet_pton(AF_INET, "127.9.8.7", &fixture->address.v4.sin_addr), 1);
	address_set_port(&fixture->address, port);
	send_to(fixture, "x", 1);
	receive_batch(fixture);
	const struct datagram *item = &fixture->batch.items[0];
	assert_int_equal(item->source.any.sa_family, AF_INET);
	assert_int_equal(item->destination.any.sa_family, AF_INET);
	assert_int_equal(item->destination.v4.sin_addr.s_addr, fixture->address.v4.sin_addr.s_addr);
	assert_false(item->is_for_many);
	datagram_batch_answer(&fixture->batch);
	assert_true(wait_readable(fixture->client, SUPPORT_PATIENCE_MS));
	assert_int_equal(recvfrom(fixture->client, &byte, 1, 0, &from.any, &from.length), 1);
	assert_int_equal(from.v4.sin_addr.s_addr, fixture->address.v4.sin_addr.s_addr);
}

static void a_broadcast_is_for_many(void **state)
{
	static const char *const hosts[] = {"0.0.0.0", "::"};
	struct fixture *fixture = *state;
	const int on = 1;

	assert_int_equal(setsockopt(fixture->client, SOL_SOCKET, SO_BROADCAST, &on, sizeof on), 0);
	for (size_t i = 0; i < 2; i++) {
		close_batch(fixture);
		open_batch(fixture, hosts[i]);
		struct address broadcast = {
			.length = sizeof broadcast.v4, .v4.sin_family = AF_INET};

		assert_int_equal(inet_pton(AF_INET, "127.255.255.255", &broadcast.v4.sin_addr), 1);
		address_set_port(&broadcast, address_port(&fixture->address));
		fixture->address = broadcast;
		send_to(fixture, "x", 1);
		receive_batch(fixture);
		assert_int_equal(fixture->batch.count, 1);
		assert_true(fixture->batch.items[0].is_for_many);
	}
}

static void a_datagram_that_did_not_fit_is_told(void **state)
{
	struct fixture *fixture = *state;

	received_flags = MSG_TRUNC;
	send_to(fixture, "x", 1);
	receive_batch(fixture);
	assert_true(fixture->batch.items[0].is_cut);
}

static void an_error_of_the_socket_is_told_and_the_next_time_is_good(void **state)
{
	struct fixture *fixture = *state;

	send_to(fixture, "x", 1);
	assert_true(wait_readable(fixture->batch.fd, SUPPORT_PATIENCE_MS));
	receive_failure = ECONNREFUSED;
	assert_int_equal(datagram_batch_receive(&fixture->batch), ECONNREFUSED);
	assert_int_equal(fixture->batch.count, 0);
	receive_failure = EINTR;
	assert_int_equal(datagram_batch_receive(&fixture->batch), 0);
	assert_int_equal(fixture->batch.count, 0);
	receive_failure = 0;
	receive_batch(fixture);
	assert_int_equal(fixture->batch.count, 1);
}

static void a_socket_without_addresses_of_the_internet_is_refused(void **state)
{
	struct error error;
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(datagram_batch_prepare_socket(fd, &error), -1);
	assert_non_null(strstr(error.message, "does not tell where datagrams are sent to"));
	close(fd);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(nothing_there_is_an_empty_batch),
		ROW(datagrams_come_with_their_addresses_and_go_back_as_they_are),
		ROW(what_is_not_wanted_is_not_sent),
		ROW(one_that_cannot_be_sent_does_not_keep_the_others),
		ROW(an_answer_comes_from_the_address_that_was_asked),
		ROW(on_a_socket_for_both_families_ipv4_is_ipv4),
		ROW(a_broadcast_is_for_many),
		ROW(a_datagram_that_did_not_fit_is_told),
		ROW(an_error_of_the_socket_is_told_and_the_next_time_is_good),
		ROW(a_socket_without_addresses_of_the_internet_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
