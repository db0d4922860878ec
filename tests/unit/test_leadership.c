/* SPDX-License-Identifier: MIT */
/* Threads that take turns, with numbers for work. */
#include "support.h"

#include "yodel/server/leadership.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);

enum { STACK_BYTES = 256 * 1024, WORK_MAX = 1000 };

static atomic_bool has_no_threads;

int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	return has_no_threads ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}

static size_t followers; /* in pthread_cond_wait, whose mutex guards it */
static size_t awaited_followers;
static sem_t all_follow;

/* Whoever takes the mutex after the post finds all of them waiting. */
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
	if (++followers == awaited_followers)
		sem_post(&all_follow);
	int failure = __real_pthread_cond_wait(condition, mutex);

	followers--;
	return failure;
}

/* Other threads record here; the test asserts when they have ended. */
struct trial {
	struct leadership leadership;
	int event_fd;
	size_t work, found; /* the leader's */
	atomic_int leaders, most_leaders;
	atomic_int done[WORK_MAX];
	size_t together; /* so many wait in their work until all of them do */
	atomic_size_t waiting;
	sem_t all_wait;
	atomic_int failure; /* of leadership_ensure_follower */
	char name_of_leader[16];
};

static void *find(void *context)
{
	struct trial *trial = context;
	int leaders = ++trial->leaders;
	void *found = NULL;

	if (leaders > trial->most_leaders)
		trial->most_leaders = leaders;
	pthread_getname_np(pthread_self(), trial->name_of_leader, sizeof trial->name_of_leader);
	if (trial->found < trial->work) {
		int failure = leadership_ensure_follower(&trial->leadership);

		if (failure != 0)
			trial->failure = failure;
		else
			found = &trial->done[trial->found++];
	} else if (awaited_followers > 0) {
		sem_wait(&all_follow);
	}
	trial->leaders--;
	return found;
}

static void work(void *context, void *found)
{
	struct trial *trial = context;
	atomic_int *done = found;

	(void)pthread_setname_np(pthread_self(), "working");
	if (trial->together > 0) {
		if (++trial->waiting == trial->together)
			for (size_t i = 0; i < trial->together; i++)
				sem_post(&trial->all_wait);
		sem_wait(&trial->all_wait);
	}
	++*done;
}

static int begin(struct trial *trial, struct error *error)
{
	const struct leadership_task task = {
		.thread_name = "leading", .lead = find, .work = work, .context = trial};

	trial->event_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(sem_init(&trial->all_wait, 0, 0), 0);
	return leadership_init(&trial->leadership, &task, STACK_BYTES, trial->event_fd, error);
}

static void run(struct trial *trial)
{
	struct error error;

	assert_int_equal(begin(trial, &error), 0);
	assert_false(leadership_is_empty(&trial->leadership));
	leadership_begin(&trial->leadership);
	assert_true(wait_readable(trial->event_fd, SUPPORT_PATIENCE_MS));
	assert_true(leadership_is_empty(&trial->leadership));
	support_outlast_threads();
	leadership_fini(&trial->leadership);
	sem_destroy(&trial->all_wait);
	close(trial->event_fd);
}

static void one_leads_at_a_time_and_all_work_is_done_once(void **state)
{
	static struct trial trial = {.work = WORK_MAX};

	(void)state;
	run(&trial);
	assert_int_equal(trial.most_leaders, 1);
	assert_int_equal(trial.failure, 0);
	for (size_t i = 0; i < WORK_MAX; i++)
		assert_int_equal(trial.done[i], 1);
	assert_string_equal(trial.name_of_leader, "leading");
}

static void work_does_not_keep_others_from_leading(void **state)
{
	enum { TOGETHER = 40 };
	static struct trial trial = {.work = TOGETHER, .together = TOGETHER};

	(void)state;
	run(&trial);
	assert_int_equal(trial.waiting, TOGETHER);
}

static void at_the_end_all_who_follow_are_told(void **state)
{
	enum { TOGETHER = 10 };
	static struct trial trial = {.work = TOGETHER, .together = TOGETHER};

	(void)state;
	awaited_followers = TOGETHER;
	assert_int_equal(sem_init(&all_follow, 0, 0), 0);
	run(&trial);
	awaited_followers = 0;
	sem_destroy(&all_follow);
	assert_int_equal(followers, 0);
}

static void who_leads_is_told_that_nobody_can_follow(void **state)
{
	static struct trial trial = {.work = 1};
	struct error error;

	(void)state;
	assert_int_equal(begin(&trial, &error), 0);
	has_no_threads = true;
	leadership_begin(&trial.leadership);
	assert_true(wait_readable(trial.event_fd, SUPPORT_PATIENCE_MS));
	has_no_threads = false;
	assert_int_equal(trial.failure, EAGAIN);
	assert_int_equal(trial.done[0], 0);
	assert_true(leadership_is_empty(&trial.leadership));
	support_outlast_threads();
	leadership_fini(&trial.leadership);
	close(trial.event_fd);
}

static void without_a_thread_or_with_too_small_a_stack_there_is_an_error(void **state)
{
	const struct leadership_task task = {.thread_name = "leading", .lead = find, .work = work};
	struct leadership leadership;
	struct error error;

	(void)state;
	has_no_threads = true;
	assert_int_equal(leadership_init(&leadership, &task, STACK_BYTES, -1, &error), -1);
	has_no_threads = false;
	assert_string_equal(
		error.message, "cannot make a thread: Resource temporarily unavailable");
	assert_int_equal(leadership_init(&leadership, &task, 1, -1, &error), -1);
	assert_string_equal(error.message, "thread_stack = 1: Invalid argument");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_leads_at_a_time_and_all_work_is_done_once),
		cmocka_unit_test(work_does_not_keep_others_from_leading),
		cmocka_unit_test(at_the_end_all_who_follow_are_told),
		cmocka_unit_test(who_leads_is_told_that_nobody_can_follow),
		cmocka_unit_test(without_a_thread_or_with_too_small_a_stack_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
