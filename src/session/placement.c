/* SPDX-License-Identifier: MIT */
#include "yodel/session/placement.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

enum {
	MESSAGES_A_VOTE = 64,
	VOTES_A_ROUND = 64,
	ROUNDS_TO_CHANGE = 2,
};

static int set_policy(enum scheduling scheduling)
{
	struct sched_param parameters;
	int policy, failure = pthread_getschedparam(pthread_self(), &policy, &parameters);

	if (failure != 0 || scheduling != SCHEDULING_BATCH || policy != SCHED_OTHER)
		return failure;
	return pthread_setschedparam(pthread_self(), SCHED_BATCH, &parameters);
}

/* Threads that are made by one without them do not register any either. */
static void give_up_restartable_sequences(void)
{
#ifdef RSEQ_SIG
	if (__rseq_size != 0)
		(void)syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset,
			sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
#endif
}

int placement_init(struct placement *placement, enum scheduling scheduling, enum affinity affinity)
{
	*placement = (struct placement){.affinity = affinity};
	lock_init(&placement->lock);
	/* Fails on a machine with more processors than a cpu_set_t has room for. */
	if (sched_getaffinity(0, sizeof placement->allowed, &placement->allowed) == 0)
		placement->cpu_count = (unsigned)CPU_COUNT(&placement->allowed);
	give_up_restartable_sequences();
	return set_policy(scheduling);
}

void placement_fini(struct placement *placement)
{
	lock_fini(&placement->lock);
}

/*
 * With connections spread evenly over n processors, one successive pair in n agrees. Measured on
 * two: 0.95 to 1.00 of them with one sender, 0.45 to 0.76 with several. So 1.7 in n is the border.
 */
static bool is_spread(const struct placement *placement)
{
	return placement->agreeing * placement->cpu_count * 10 < placement->pairs * 17;
}

/* A round is over: changes course if as many in a row have spoken for that. */
static void judge(struct placement *placement) REQUIRES(placement->lock)
{
	bool is_alone = placement->pairs < VOTES_A_ROUND / 8; /* or as good as alone */
	bool should_follow = is_alone || is_spread(placement);

	if (should_follow == placement->is_following)
		placement->contrary_rounds = 0;
	else if (++placement->contrary_rounds == ROUNDS_TO_CHANGE) {
		placement->is_following = should_follow;
		placement->contrary_rounds = 0;
	}
	placement->votes = placement->pairs = placement->agreeing = 0;
}

bool placement_vote(struct placement *placement, uint64_t connection, int cpu)
{
	lock_take(&placement->lock);
	if (placement->last_connection != connection) {
		placement->pairs++;
		placement->agreeing += placement->last_cpu == cpu;
	}
	placement->last_connection = connection;
	placement->last_cpu = cpu;
	if (++placement->votes == VOTES_A_ROUND)
		judge(placement);
	bool is_following = placement->is_following;
	lock_give(&placement->lock);
	return is_following;
}

static bool should_follow(struct placement *placement, uint64_t connection, int cpu)
{
	if (placement->affinity == AFFINITY_FOLLOW)
		return true;
	return placement_vote(placement, connection, cpu);
}

/* Where the kernel refuses, the thread stays where it is. */
static void sit_anywhere(const struct placement *placement, struct seat *seat)
{
	if (seat->cpu_plus_1 == 0)
		return;
	if (sched_setaffinity(0, sizeof placement->allowed, &placement->allowed) == 0)
		seat->cpu_plus_1 = 0;
}

static void sit_on(struct seat *seat, int cpu)
{
	cpu_set_t set;

	if (seat->cpu_plus_1 == cpu + 1)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof set, &set) == 0)
		seat->cpu_plus_1 = cpu + 1;
}

void placement_count(struct placement *placement, struct seat *seat, uint64_t connection,
	const struct stream *stream)
{
	/* Connections that began together, and are answered in turn, do not all vote at once. */
	if ((++seat->messages + connection) % MESSAGES_A_VOTE != 0 ||
		placement->affinity == AFFINITY_NONE || placement->cpu_count < 2)
		return;
	int cpu = stream_incoming_cpu(stream);
	if (cpu < 0 || !CPU_ISSET((size_t)cpu, &placement->allowed))
		return;
	if (should_follow(placement, connection, cpu))
		sit_on(seat, cpu);
	else
		sit_anywhere(placement, seat);
}

void placement_leave(const struct placement *placement, struct seat *seat)
{
	sit_anywhere(placement, seat);
}
