/* SPDX-License-Identifier: MIT */
#include "yodel/server/kernel_limits.h"

#include "yodel/base/log.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
	THREADS_BESIDE = 2,       /* main, and the one that accepts */
	MAPS_A_THREAD = 2,        /* its stack and the guard page below */
	MANY_CONNECTIONS = 10000, /* from here on memory for each is worth a word */
	CGROUP_LINE_MAX = 512,
};

int64_t kernel_limits_read(const char *path)
{
	FILE *file = fopen(path, "re");
	int64_t value = INT64_MAX;

	if (file == NULL)
		return value;
	if (fscanf(file, "%" SCNd64, &value) != 1)
		value = INT64_MAX;
	fclose(file);
	return value;
}

static void warn_if_short(
	size_t connections, const char *name, int64_t value, int64_t per_connection)
{
	if (value / per_connection >= (int64_t)connections + THREADS_BESIDE)
		return;
	log_message(LOG_LEVEL_WARN, "start",
		"limits.max_connections = %zu, but %s = %" PRId64 " allows no more than %" PRId64
		" threads",
		connections, name, value, value / per_connection);
}

/* RLIMIT_NPROC counts all threads of a user; root is not held to it. */
static int64_t user_threads(void)
{
	struct rlimit limit;

	if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) != 0 ||
		limit.rlim_cur == RLIM_INFINITY)
		return INT64_MAX;
	return (int64_t)limit.rlim_cur;
}

/* From a line of /proc/self/cgroup: "0::/path" (v2) or "8:pids:/path" (v1). */
static int64_t tasks_max_of(const char *line)
{
	static const struct {
		const char *controller, *mount;
	} rows[] = {{"::", "/sys/fs/cgroup"}, {":pids:", "/sys/fs/cgroup/pids"}};
	char path[CGROUP_LINE_MAX + 64];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *found = strstr(line, rows[i].controller);

		if (found == NULL)
			continue;
		snprintf(path, sizeof path, "%s%s/pids.max", rows[i].mount,
			found + strlen(rows[i].controller));
		return kernel_limits_read(path);
	}
	return INT64_MAX;
}

/* The limit on tasks of our control group, which systemd calls TasksMax. */
static int64_t group_tasks(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	int64_t least = INT64_MAX;
	char line[CGROUP_LINE_MAX];

	if (file == NULL)
		return least;
	while (fgets(line, sizeof line, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		int64_t value = tasks_max_of(line);
		least = value < least ? value : least;
	}
	fclose(file);
	return least;
}

void kernel_limits_warn(size_t connections)
{
	static const char page_fragments[] = "/proc/sys/net/core/high_order_alloc_disable";

	warn_if_short(
		connections, "kernel.pid_max", kernel_limits_read("/proc/sys/kernel/pid_max"), 1);
	warn_if_short(connections, "kernel.threads-max",
		kernel_limits_read("/proc/sys/kernel/threads-max"), 1);
	warn_if_short(connections, "vm.max_map_count",
		kernel_limits_read("/proc/sys/vm/max_map_count"), MAPS_A_THREAD);
	warn_if_short(connections, "the limit on processes of this user", user_threads(), 1);
	warn_if_short(connections, "TasksMax of the control group", group_tasks(), 1);
	if (connections >= MANY_CONNECTIONS && kernel_limits_read(page_fragments) == 0)
		log_message(LOG_LEVEL_INFO, "start",
			"net.core.high_order_alloc_disable = 0: each thread that sends may hold 28 KiB more of the kernel's memory than with 1");
}
