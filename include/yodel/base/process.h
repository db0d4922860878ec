/* SPDX-License-Identifier: MIT */
/*
 * Another process, for messages that say who is in the way. A best effort: /proc may hide it, and it
 * may have ended. Owns nothing. Threads: any; reads /proc, so not for a busy path.
 * Source: proc(5) /proc/PID/comm.
 */
#ifndef YODEL_BASE_PROCESS_H
#define YODEL_BASE_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes "NAME (pid N)", or "a process (pid N)" where it has no name for us.
 *   text   capacity bytes, at least 1; what does not fit is cut
 */
void process_describe(pid_t pid, char *text, size_t capacity);

#endif
