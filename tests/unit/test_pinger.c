/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/client/pinger.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 64 };

/* While it is set, the same datagram comes again and again, faster than anybody could send it. */
static const char *flood;

ssize_t __real_recv(int fd, void *dst, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *dst, size_t length, int flags);

ssize_t __wrap_recv(int fd, void *dst, size_t length, int flags)
{
	if (flood == NULL)
		return __real_recv(fd, dst, length, flags);
	memcpy(dst, flood, SIZE);
	return SIZE;
}

/* Servers that do nothing by themselves: the test answers for them. */
struct trial {
	struct request request;
	struct target target;
	int servers[3];
	int interrupt_fd;
	struct pinger pinger;
};

static int udp_bind(struct address *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*address = (struct address){.length = sizeof address->v4, .v4.sin_family = AF_INET};
	address->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &address->any, address->length), 0);
	assert_int_equal(getsockname(fd, &address->any, &address->length), 0);
	return fd;
}

/* A socket that takes datagrams from itself alone: the kernel refuses those of others. */
static void refuse_others(const struct trial *trial, size_t i)
{
	const struct address *own = &trial->target.addresses[i];

	assert_int_equal(connect(trial->servers[i], &own->any, own->length), 0);
}

static void set_up(struct trial *trial, int64_t timeout_ms)
{
	static char none[] = "";

	*trial = (struct trial){
		.request = {.host = "the test",
			.source = none,
			.send_proxy = none,
			.target = "the test",
			.is_udp = true,
			.timeout_ms = timeout_ms},
		.target = {.type = SOCK_DGRAM,
			.count = 3,
			.source_count = 1,
			.timeout_ms = timeout_ms},
		.interrupt_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};
	for (size_t i = 0; i < 3; i++)
		trial->servers[i] = udp_bind(&trial->target.addresses[i]);
	pinger_init(&trial->pinger, &trial->request, &trial->target, trial->interrupt_fd, SIZE);
}

static void tear_down(struct trial *trial)
{
	pinger_fini(&trial->pinger);
	for (size_t i = 0; i < 3; i++)
		close(trial->servers[i]);
	close(trial->interrupt_fd);
}

/* Answers what has come, `times` over. Returns how many datagrams there were. */
static int answer(int server, int times)
{
	struct address client;
	char data[SIZE];
	int count = 0;

	for (;; count++) {
		client.length = sizeof client.v4;
		ssize_t length = recvfrom(
			server, data, sizeof data, 0, &client.any, &client.length);
		if (length < 0)
			return count;
		for (int i = 0; i < times; i++)
			assert_int_equal(
				sendto(server, data, (size_t)length, 0, &client.any, client.length),
				length);
	}
}

static int waiting(int server)
{
	return answer(server, 0);
}

static void datagram_that_is_refused_goes_to_the_next_address(void **state)
{
	struct trial trial;

	(void)state;
	set_up(&trial, 1);
	refuse_others(&trial, 0);
	assert_int_equal(pinger_echo(&trial.pinger), ROUND_LOST);
	assert_int_equal(trial.pinger.failure.kind, FAILURE_TIMEOUT);
	assert_int_equal(waiting(trial.servers[1]), 1);
	assert_int_equal(waiting(trial.servers[2]), 0);
	assert_false(trial.pinger.has_peer);
	tear_down(&trial);
}

static void all_addresses_that_refuse_are_one_round_that_is_lost(void **state)
{
	struct trial trial;

	(void)state;
	set_up(&trial, SUPPORT_PATIENCE_MS);
	for (size_t i = 0; i < 3; i++)
		refuse_others(&trial, i);
	for (int round = 1; round <= 3; round++) {
		assert_int_equal(pinger_echo(&trial.pinger), ROUND_LOST);
		assert_int_equal(trial.pinger.failure.kind, FAILURE_REFUSED);
		assert_int_equal(trial.pinger.number, round);
	}
	assert_int_equal(trial.pinger.target.count, 3);
	tear_down(&trial);
}

/* A round that is lost, for nobody answers while it lasts; then its answers. */
static void lose_round(struct trial *trial, int answers)
{
	assert_int_equal(pinger_echo(&trial->pinger), ROUND_LOST);
	assert_int_equal(trial->pinger.failure.kind, FAILURE_TIMEOUT);
	assert_int_equal(answer(trial->servers[0], answers), 1);
}

static void answers_behind_their_round_are_late_and_then_duplicate(void **state)
{
	struct trial trial;

	(void)state;
	set_up(&trial, 1);
	lose_round(&trial, 3);
	pinger_count_strays(&trial.pinger);
	assert_int_equal(trial.pinger.late, 1);
	assert_int_equal(trial.pinger.duplicates, 2);
	for (int round = 0; round < 2 * PINGER_REMEMBERED; round++)
		lose_round(&trial, 1);
	pinger_count_strays(&trial.pinger);
	assert_int_equal(trial.pinger.late, 1 + 2 * PINGER_REMEMBERED);
	assert_int_equal(trial.pinger.duplicates, 2);
	tear_down(&trial);
}

static void datagram_of_somebody_else_between_rounds_is_late(void **state)
{
	struct trial trial;
	struct address client;

	(void)state;
	set_up(&trial, 1);
	lose_round(&trial, 0);
	client.length = sizeof client.v4;
	assert_int_equal(getsockname(trial.pinger.channel.fd, &client.any, &client.length), 0);
	assert_int_equal(sendto(trial.servers[0], "hello", 5, 0, &client.any, client.length), 5);
	pinger_count_strays(&trial.pinger);
	assert_int_equal(trial.pinger.late, 1);
	assert_int_equal(trial.pinger.duplicates, 0);
	tear_down(&trial);
}

static void stale_answers_without_end_do_not_hold_up_the_timeout(void **state)
{
	struct trial trial;
	char first[SIZE];

	(void)state;
	set_up(&trial, 20);
	lose_round(&trial, 2); /* one stays behind, so that the socket is readable */
	memcpy(first, trial.pinger.message, SIZE);
	flood = first;
	assert_int_equal(pinger_echo(&trial.pinger), ROUND_LOST);
	flood = NULL;
	assert_int_equal(trial.pinger.failure.kind, FAILURE_TIMEOUT);
	assert_int_equal(trial.pinger.late, 1);
	assert_true(trial.pinger.duplicates > 0);
	tear_down(&trial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagram_that_is_refused_goes_to_the_next_address),
		cmocka_unit_test(all_addresses_that_refuse_are_one_round_that_is_lost),
		cmocka_unit_test(answers_behind_their_round_are_late_and_then_duplicate),
		cmocka_unit_test(datagram_of_somebody_else_between_rounds_is_late),
		cmocka_unit_test(stale_answers_without_end_do_not_hold_up_the_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
