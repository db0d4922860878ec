/* SPDX-License-Identifier: MIT */
/*
 * The daemon: opens every listener, runs the accept loop until a signal, drains, and ends.
 * Owns everything that is open. Threads: the main one, which alone accepts and hears signals.
 */
#ifndef YODEL_SERVER_SERVER_H
#define YODEL_SERVER_SERVER_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"
#include "yodel/config/problems.h"

#include <stdbool.h>
#include <sys/types.h>

/* Adds what is wrong with the files that a configuration names, which server_run would meet. */
void server_check(const struct config *config, struct problems *problems);

/* How the program was started. */
struct server_start {
	bool has_ready_lines; /* print each bound address on stdout once all listen, then close it */
	bool has_console;     /* the operator of service talk sits there; stdout stays open */
	pid_t parent;         /* getppid(2), as early as can be */
};

/*
 * Serves until TERM or INT and the drain that follows. The caller ignores SIGPIPE.
 *   config   taken: freed before the return, unless other threads still use it
 * Returns 0 (drained), 1 (a second signal cut the drain short, a thread did not end, or a listener
 * broke; the caller must exit), or -1 with error where it could not start; then nothing was served.
 */
int server_run(
	struct config *config, const struct server_start *start, struct error *error) MUST_USE;

#endif
