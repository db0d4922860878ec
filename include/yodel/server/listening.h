/* SPDX-License-Identifier: MIT */
/*
 * All listening sockets of the daemon, opened or inherited: all of them listen, or none does.
 * Owns the sockets. Threads: the main one.
 */
#ifndef YODEL_SERVER_LISTENING_H
#define YODEL_SERVER_LISTENING_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"
#include "yodel/service/service.h"
#include "yodel/transport/listener.h"

#include <stdbool.h>
#include <stddef.h>

struct listening {
	struct listener *listeners; /* one a listener of the configuration; they own the sockets */
	size_t listener_count;
	struct listening_entry {
		int fd;
		size_t listener_index; /* in the configuration */
		bool is_datagram;      /* UDP: nobody is accepted there */
		service_run *run;
		struct address address; /* as bound */
	} * entries;
	size_t count;
};

/*
 * Opens or adopts the sockets of every listener; nobody can connect to an opened one yet.
 * Returns 0, or -1 with error naming the listener, and nothing open.
 */
int listening_open(
	struct listening *listening, const struct config *config, struct error *error) MUST_USE;

/*
 * Lets clients connect, and warns of a backlog that the kernel cuts.
 * Returns 0, or -1 with error naming the listener.
 */
int listening_start(
	struct listening *listening, const struct config *config, struct error *error) MUST_USE;

/* Closes all sockets; inherited ones stay open at the service manager. Fine on a closed struct. */
void listening_close(struct listening *listening);

#endif
