/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/session/placement.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

int __real_pthread_setschedparam(
	pthread_t thread, int policy, const struct sched_param *parameters);
int __wrap_pthread_setschedparam(
	pthread_t thread, int policy, const struct sched_param *parameters);

static int refusal; /* 0: the policy can be set */

int __wrap_pthread_setschedparam(pthread_t thread, int policy, const struct sched_param *parameters)
{
	return refusal != 0 ? refusal : __real_pthread_setschedparam(thread, policy, parameters);
}

enum { ROUND = 64 };

static int policy_now(void)
{
	struct sched_param parameters;
	int policy;

	assert_int_equal(pthread_getschedparam(pthread_self(), &policy, &parameters), 0);
	return policy;
}

/* A placement on a machine of this many processors. */
static struct placement placement_of(unsigned cpu_count)
{
	struct placement placement;

	assert_int_equal(placement_init(&placement, SCHEDULING_NORMAL, AFFINITY_AUTO), 0);
	placement.cpu_count = cpu_count;
	return placement;
}

/* One round of votes from ten connections; agree_percent of them come in where the last one did. */
static bool vote_round(struct placement *placement, unsigned agree_percent)
{
	static uint64_t connection;
	static unsigned cpu;
	bool follows = false;

	for (unsigned i = 0; i < ROUND; i++) {
		if (i * agree_percent / 100 == (i + 1) * agree_percent / 100)
			cpu = (cpu + 1) % placement->cpu_count;
		follows = placement_vote(placement, 1 + ++connection % 10, (int)cpu);
	}
	return follows;
}

static void threads_follow_when_packets_come_in_all_over(void **state)
{
	struct placement placement = placement_of(2);

	(void)state;
	assert_false(vote_round(&placement, 50)); /* might be chance */
	assert_true(vote_round(&placement, 50));
	assert_true(vote_round(&placement, 76));
	placement_fini(&placement);
}

static void threads_do_not_follow_to_one_processor(void **state)
{
	struct placement placement = placement_of(2);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_false(vote_round(&placement, i % 2 == 0 ? 100 : 95));
	placement_fini(&placement);
}

/* On a large machine with one queue for eight processors each, most would stand idle. */
static void few_processors_of_many_are_not_all_over(void **state)
{
	struct placement placement = placement_of(64);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_false(vote_round(&placement, 13));
	(void)vote_round(&placement, 1);
	assert_true(vote_round(&placement, 1));
	placement_fini(&placement);
}

static void one_round_alone_changes_nothing(void **state)
{
	struct placement placement = placement_of(2);

	(void)state;
	(void)vote_round(&placement, 50);
	assert_true(vote_round(&placement, 50));
	assert_true(vote_round(&placement, 100));
	assert_true(vote_round(&placement, 50));
	assert_true(vote_round(&placement, 100));
	assert_false(vote_round(&placement, 100));
	placement_fini(&placement);
}

static void a_connection_alone_is_followed(void **state)
{
	struct placement placement = placement_of(2);
	bool follows = false;

	(void)state;
	for (int i = 0; i < 3 * ROUND; i++)
		follows = placement_vote(&placement, 7, 0);
	assert_true(follows);
	placement_fini(&placement);
}

static void batch_is_set_and_normal_is_left(void **state)
{
	struct placement placement;

	(void)state;
	assert_int_equal(policy_now(), SCHED_OTHER);
	assert_int_equal(placement_init(&placement, SCHEDULING_NORMAL, AFFINITY_AUTO), 0);
	assert_int_equal(policy_now(), SCHED_OTHER);
	placement_fini(&placement);
	assert_int_equal(placement_init(&placement, SCHEDULING_BATCH, AFFINITY_AUTO), 0);
	assert_int_equal(policy_now(), SCHED_BATCH);
	placement_fini(&placement);
}

static int start_idle(void *context)
{
	struct sched_param parameters = {.sched_priority = 0};
	struct placement placement;

	(void)context;
	if (__real_pthread_setschedparam(pthread_self(), SCHED_IDLE, &parameters) != 0)
		return 1;
	if (placement_init(&placement, SCHEDULING_BATCH, AFFINITY_AUTO) != 0)
		return 2;
	return sched_getscheduler(0) == SCHED_IDLE ? 0 : 3;
}

static void a_policy_that_somebody_chose_stays(void **state)
{
	(void)state;
	assert_int_equal(in_child(start_idle, NULL), 0);
}

static void a_refused_policy_is_told(void **state)
{
	struct placement placement;

	(void)state;
	struct sched_param parameters = {.sched_priority = 0};
	assert_int_equal(__real_pthread_setschedparam(pthread_self(), SCHED_OTHER, &parameters), 0);
	refusal = EPERM;
	assert_int_equal(placement_init(&placement, SCHEDULING_BATCH, AFFINITY_AUTO), EPERM);
	refusal = 0;
	placement_fini(&placement);
}

/* A thread that serves a connection over loopback, whose packets come in where they are sent. */
struct seated {
	struct placement *placement;
	struct stream stream;
	int cpus_while_served;
	int cpus_afterwards;
	int expected_cpu;
	int cpu;
};

static int count_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : -1;
}

static void *serve(void *argument)
{
	struct seated *seated = argument;
	struct seat seat = {0};

	for (int i = 0; i < 64; i++)
		placement_count(seated->placement, &seat, 1, &seated->stream);
	seated->cpus_while_served = count_cpus();
	seated->cpu = sched_getcpu();
	placement_leave(seated->placement, &seat);
	seated->cpus_afterwards = count_cpus();
	return NULL;
}

static void follow_moves_the_thread_until_its_connection_ends(void **state)
{
	struct placement placement;
	struct seated seated = {.placement = &placement};
	pthread_t thread;
	int server, client, before = count_cpus();
	char byte;
	size_t got;

	(void)state;
	if (before < 2)
		skip();
	assert_int_equal(placement_init(&placement, SCHEDULING_NORMAL, AFFINITY_FOLLOW), 0);
	tcp_pair(&server, &client);
	stream_init(&seated.stream, server);
	send_all(client, "x", 1);
	assert_int_equal(stream_read_some(&seated.stream, &byte, 1, 0, &got), IO_OK);
	seated.expected_cpu = stream_incoming_cpu(&seated.stream);
	assert_true(seated.expected_cpu >= 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &seated), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seated.cpus_while_served, 1);
	assert_int_equal(seated.cpu, seated.expected_cpu);
	assert_int_equal(seated.cpus_afterwards, before);
	stream_close(&seated.stream, 0);
	close(client);
	placement_fini(&placement);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_follow_when_packets_come_in_all_over),
		cmocka_unit_test(threads_do_not_follow_to_one_processor),
		cmocka_unit_test(few_processors_of_many_are_not_all_over),
		cmocka_unit_test(one_round_alone_changes_nothing),
		cmocka_unit_test(a_connection_alone_is_followed),
		cmocka_unit_test(batch_is_set_and_normal_is_left),
		cmocka_unit_test(a_policy_that_somebody_chose_stays),
		cmocka_unit_test(a_refused_policy_is_told),
		cmocka_unit_test(follow_moves_the_thread_until_its_connection_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
