/* SPDX-License-Identifier: MIT */
#include "yodel/server/leadership.h"

#include "yodel/base/check.h"

#include <sys/eventfd.h>
#include <sysexits.h>

enum { FOLLOWERS_MAX = 16 /* threads kept for the next work; more than those end */ };

static void *take_turns(void *argument);

static bool has_follower(struct leadership *leadership)
{
	lock_take(&leadership->lock);
	bool has = leadership->followers > 0;
	lock_give(&leadership->lock);
	return has;
}

/* Makes a thread that follows. It is counted before it exists. Returns 0, or an errno value. */
static int add_follower(struct leadership *leadership)
{
	pthread_t thread;

	lock_take(&leadership->lock);
	leadership->followers++;
	leadership->threads++;
	lock_give(&leadership->lock);
	int failure = pthread_create(
		&thread, &leadership->thread_attributes, take_turns, leadership);
	if (failure == 0)
		return 0;
	lock_take(&leadership->lock);
	leadership->followers--;
	leadership->threads--;
	lock_give(&leadership->lock);
	return failure;
}

int leadership_ensure_follower(struct leadership *leadership)
{
	return has_follower(leadership) ? 0 : add_follower(leadership);
}

static void give_lead(struct leadership *leadership)
{
	lock_take(&leadership->lock);
	CHECK(leadership->followers > 0);
	leadership->is_led = false;
	lock_give(&leadership->lock);
	CHECK(pthread_cond_signal(&leadership->lead_is_free) == 0);
}

static void end(struct leadership *leadership)
{
	lock_take(&leadership->lock);
	leadership->is_over = true;
	lock_give(&leadership->lock);
	CHECK(pthread_cond_broadcast(&leadership->lead_is_free) == 0);
}

/* A counted follower waits for the lead. Returns false when all is over. */
static bool follow(struct leadership *leadership) REQUIRES(leadership->lock)
{
	while (leadership->is_led && !leadership->is_over)
		lock_wait(&leadership->lock, &leadership->lead_is_free);
	leadership->followers--;
	if (leadership->is_over)
		return false;
	leadership->is_led = true;
	return true;
}

/* While it works, a thread may bear another name. */
static void name_thread(const struct leadership *leadership)
{
	(void)pthread_setname_np(pthread_self(), leadership->task.thread_name);
}

static bool wait_for_lead(struct leadership *leadership)
{
	name_thread(leadership);
	lock_take(&leadership->lock);
	bool leads = follow(leadership);
	lock_give(&leadership->lock);
	return leads;
}

/* After work: follows again. Returns false where enough threads do. */
static bool wait_for_lead_again(struct leadership *leadership)
{
	bool leads = false;

	name_thread(leadership);
	lock_take(&leadership->lock);
	if (leadership->followers < FOLLOWERS_MAX) {
		leadership->followers++;
		leads = follow(leadership);
	}
	lock_give(&leadership->lock);
	return leads;
}

/* The thread's last act. */
static void count_out(struct leadership *leadership)
{
	lock_take(&leadership->lock);
	leadership->threads--;
	if (leadership->threads == 0)
		CHECK(eventfd_write(leadership->event_fd, 1) == 0);
	lock_give(&leadership->lock);
}

static void *take_turns(void *argument)
{
	struct leadership *leadership = argument;
	const struct leadership_task *task = &leadership->task;
	bool is_leader = wait_for_lead(leadership);

	while (is_leader) {
		void *found = task->lead(task->context);

		if (found == NULL) {
			end(leadership);
			break;
		}
		give_lead(leadership);
		task->work(task->context, found);
		is_leader = wait_for_lead_again(leadership);
	}
	count_out(leadership);
	return NULL;
}

static int init_attributes(struct leadership *leadership, size_t stack_bytes, struct error *error)
{
	pthread_attr_t *attributes = &leadership->thread_attributes;
	int failure = pthread_attr_init(attributes);

	if (failure != 0)
		return error_set_errno(error, EX_OSERR, failure, "thread attributes");
	pthread_attr_setdetachstate(attributes, PTHREAD_CREATE_DETACHED);
	failure = pthread_attr_setstacksize(attributes, stack_bytes);
	if (failure == 0)
		return 0;
	pthread_attr_destroy(attributes);
	return error_set_errno(error, EX_OSERR, failure, "thread_stack = %zu", stack_bytes);
}

int leadership_init(struct leadership *leadership, const struct leadership_task *task,
	size_t stack_bytes, int event_fd, struct error *error)
{
	*leadership = (struct leadership){
		.task = *task,
		.event_fd = event_fd,
		.is_led = true, /* by nobody, until leadership_begin */
	};
	if (init_attributes(leadership, stack_bytes, error) != 0)
		return -1;
	lock_init(&leadership->lock);
	CHECK(pthread_cond_init(&leadership->lead_is_free, NULL) == 0);
	int failure = add_follower(leadership);
	if (failure == 0)
		return 0;
	leadership_fini(leadership);
	return error_set_errno(error, EX_OSERR, failure, "cannot make a thread");
}

void leadership_fini(struct leadership *leadership)
{
	CHECK(leadership_is_empty(leadership));
	pthread_attr_destroy(&leadership->thread_attributes);
	CHECK(pthread_cond_destroy(&leadership->lead_is_free) == 0);
	lock_fini(&leadership->lock);
}

void leadership_begin(struct leadership *leadership)
{
	give_lead(leadership);
}

bool leadership_is_empty(struct leadership *leadership)
{
	lock_take(&leadership->lock);
	bool is_empty = leadership->threads == 0;
	lock_give(&leadership->lock);
	return is_empty;
}
