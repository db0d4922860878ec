/* SPDX-License-Identifier: MIT */
/*
 * Limits of the kernel that a thread per client can meet, other than open files: read at start, so
 * that the log names what to raise before clients are refused. Of control groups only our own is
 * asked, not those above it.
 * Owns nothing. Threads: at start.
 * Source: proc(5) /proc/sys/kernel and /proc/sys/vm; getrlimit(2) RLIMIT_NPROC; the kernel's
 * Documentation/admin-guide/cgroup-v1/pids.rst, cgroup-v2.rst.
 */
#ifndef YODEL_SERVER_KERNEL_LIMITS_H
#define YODEL_SERVER_KERNEL_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* The number in a file of /proc/sys or the like; INT64_MAX where there is none. */
int64_t kernel_limits_read(const char *path);

/* Logs a warning for each limit that allows fewer clients at once than these. */
void kernel_limits_warn(size_t connections);

#endif
