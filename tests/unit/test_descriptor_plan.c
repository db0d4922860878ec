/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/server/descriptor_plan.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

/* Shared with a child, which changes its limits. */
struct trial {
	rlim_t soft, hard;
	size_t wanted;
	size_t each; /* 0 for 1 */
	size_t later;
	size_t open_now; /* set by the child */
	int result;
	struct descriptor_plan plan;
	struct error error;
};

static size_t count_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count - 3;
}

static int make_plan(void *context)
{
	struct trial *trial = *(struct trial **)context;
	int *pipe_end = ((int **)context)[1];
	struct rlimit limit = {.rlim_cur = trial->soft, .rlim_max = trial->hard};
	struct descriptor_needs needs = {
		.clients = trial->wanted,
		.each_client = trial->each != 0 ? trial->each : 1,
		.later = trial->later,
	};

	trial->open_now = count_open();
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 1;
	trial->result = descriptor_plan_make(&trial->plan, &needs, &trial->error);
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != limit.rlim_max)
		return 2;
	return write(*pipe_end, trial, sizeof *trial) == sizeof *trial ? 0 : 3;
}

static void plan_in_child(struct trial *trial)
{
	int ends[2];
	void *context[] = {trial, &ends[1]};

	if (support_is_under_valgrind())
		skip();
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(in_child(make_plan, context), 0);
	assert_int_equal(read(ends[0], trial, sizeof *trial), sizeof *trial);
	close(ends[0]);
	close(ends[1]);
}

static void everybody_fits_where_there_is_room(void **state)
{
	struct trial trial = {.soft = 64, .hard = 1000, .wanted = 100};

	(void)state;
	plan_in_child(&trial);
	assert_int_equal(trial.result, 0);
	assert_int_equal(trial.plan.limit, 1000);
	assert_int_equal(trial.plan.connections, 100);
	assert_int_equal(trial.plan.partings, 32);
}

/* Nothing may ever be asked of the process that the limit does not allow. */
static void all_parts_together_stay_below_the_limit(void **state)
{
	(void)state;
	for (rlim_t hard = 20; hard < 400; hard += 7) {
		struct trial trial = {.soft = hard, .hard = hard, .wanted = 1000};

		plan_in_child(&trial);
		if (trial.result != 0)
			continue;
		assert_int_equal(trial.plan.limit, hard);
		assert_true(trial.plan.connections >= 1);
		assert_true(trial.plan.partings <= 32);
		assert_true(trial.plan.connections + trial.plan.partings + trial.open_now < hard);
		assert_true(
			trial.plan.connections + trial.plan.partings + trial.open_now + 8 >= hard);
		assert_true(trial.plan.partings <= trial.plan.connections);
	}
}

static void clients_with_two_descriptors_are_half_as_many(void **state)
{
	(void)state;
	for (rlim_t hard = 20; hard < 400; hard += 7) {
		struct trial trial = {.soft = hard, .hard = hard, .wanted = 1000, .each = 2};

		plan_in_child(&trial);
		if (trial.result != 0)
			continue;
		size_t used = trial.plan.connections * 2 + trial.plan.partings + trial.open_now;
		assert_true(trial.plan.connections >= 1);
		assert_true(used < hard);
		assert_true(used + 9 >= hard);
	}
}

static void what_is_opened_later_counts_like_what_is_open(void **state)
{
	struct trial trial = {.soft = 100, .hard = 100, .wanted = 1000};
	struct trial later = {.soft = 103, .hard = 103, .wanted = 1000, .later = 3};

	(void)state;
	plan_in_child(&trial);
	plan_in_child(&later);
	assert_int_equal(trial.result, 0);
	assert_int_equal(later.result, 0);
	assert_int_equal(later.plan.connections, trial.plan.connections);
	assert_int_equal(later.plan.partings, trial.plan.partings);
}

static void one_client_is_enough(void **state)
{
	struct trial trial = {.soft = 100, .hard = 100, .wanted = 1};

	(void)state;
	plan_in_child(&trial);
	rlim_t least = (rlim_t)trial.open_now + 8;
	trial = (struct trial){.soft = least, .hard = least, .wanted = 5};
	plan_in_child(&trial);
	assert_int_equal(trial.result, 0);
	assert_int_equal(trial.plan.connections, 1);
	assert_int_equal(trial.plan.partings, 0);
}

static void without_room_for_one_client_there_is_an_error(void **state)
{
	struct trial trial = {.soft = 100, .hard = 100, .wanted = 1};
	char expected[128];

	(void)state;
	plan_in_child(&trial);
	rlim_t least = (rlim_t)trial.open_now + 7;
	trial = (struct trial){.soft = least, .hard = least, .wanted = 5};
	plan_in_child(&trial);
	assert_int_equal(trial.result, -1);
	assert_int_equal(trial.error.exit_code, EX_OSERR);
	snprintf(expected, sizeof expected,
		"open files: expected a limit of more than %zu, got %zu", (size_t)least,
		(size_t)least);
	assert_string_equal(trial.error.message, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_fits_where_there_is_room),
		cmocka_unit_test(all_parts_together_stay_below_the_limit),
		cmocka_unit_test(clients_with_two_descriptors_are_half_as_many),
		cmocka_unit_test(what_is_opened_later_counts_like_what_is_open),
		cmocka_unit_test(one_client_is_enough),
		cmocka_unit_test(without_room_for_one_client_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
