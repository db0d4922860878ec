/* SPDX-License-Identifier: MIT */
/* Configurations with the daemon's own services, from lines like those of -o; accept loops on them. */
#ifndef YODEL_TESTS_UNIT_SERVER_SUPPORT_H
#define YODEL_TESTS_UNIT_SERVER_SUPPORT_H

#include "support.h"

#include "yodel/config/config.h"
#include "yodel/server/accept_loop.h"
#include "yodel/server/certificates.h"
#include "yodel/session/buffer_pool.h"
#include "yodel/session/hub.h"

/* Builds from arguments of the command line, NULL at the end. The caller owns the configuration. */
struct config *config_of(const char *const *words);

/* An accept loop that runs, with all it needs. */
struct running {
	struct config *config;
	struct listening listening;
	struct registry registry;
	struct buffer_pool buffers;
	struct placement placement;
	struct certificates certificates;
	struct hub hub;
	struct accept_loop loop;
	int event_fd;
};

/* Listens; accept_loop_begin is left to the caller. Takes the configuration. */
void running_prepare(struct running *running, struct config *config);

/* Listens and accepts. Takes the configuration. */
void running_start(struct running *running, struct config *config);

/* Connects to the listener with this index. */
int running_connect(const struct running *running, size_t listener_index);

/*
 * Waits until so many have come into its queue: a client may know that he is connected before the
 * listener does. Source: tcp(7), TCP_INFO.
 */
void running_await_queue(const struct running *running, size_t listener_index, unsigned count);

/* Sends a word and asserts that it comes back. */
void expect_echo(int client);

/* Stops accepting, waits for the clients, which must leave, and frees all. */
void running_stop(struct running *running);

#define CONFIG(...) config_of((const char *const[]){__VA_ARGS__, NULL})

#endif
