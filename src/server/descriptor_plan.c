/* SPDX-License-Identifier: MIT */
#include "yodel/server/descriptor_plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sysexits.h>

enum {
	PARTINGS_MAX = 32,
	PARTINGS_SHARE = 4, /* at most one in so many */
	/* The reserve, the leader's wake-up, a client about to be refused, and what libc opens for a moment. */
	SPARE = 7,
};

static size_t count_open(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	if (directory == NULL)
		return 16; /* without /proc: more than we open ourselves */
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count - 3; /* ".", ".." and the directory itself */
}

static size_t smaller(size_t one, size_t other)
{
	return one < other ? one : other;
}

/* Where the hard limit cannot be had (fs.nr_open may be lower), the soft one stays. */
static void raise_soft(struct rlimit *limit)
{
	struct rlimit raised = {limit->rlim_max, limit->rlim_max};

	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		*limit = raised;
}

int descriptor_plan_make(
	struct descriptor_plan *plan, const struct descriptor_needs *needs, struct error *error)
{
	struct rlimit limit;
	size_t used = count_open() + needs->later + SPARE, least = used + needs->each_client - 1;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return error_set_errno(error, EX_OSERR, errno, "cannot read RLIMIT_NOFILE");
	raise_soft(&limit);
	plan->limit = limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur;
	if (plan->limit <= least)
		return error_set(error, EX_OSERR,
			"open files: expected a limit of more than %zu, got %zu", least,
			plan->limit);
	size_t available = plan->limit - used;
	plan->partings = smaller(PARTINGS_MAX, available / PARTINGS_SHARE);
	plan->connections = smaller(
		needs->clients, (available - plan->partings) / needs->each_client);
	return 0;
}
