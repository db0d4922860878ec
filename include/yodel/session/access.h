/* SPDX-License-Identifier: MIT */
/*
 * Who may connect: lists of networks to allow and to deny. The longest network that a peer is of
 * decides; of two as long, the one to deny. A peer of none is let in where nothing is said to be
 * allowed, else denied. Peers on Unix sockets are let in: the file's mode is for them.
 * Owns its rules. Threads: any, for reading, between access_init and access_fini.
 */
#ifndef YODEL_SESSION_ACCESS_H
#define YODEL_SESSION_ACCESS_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"
#include "yodel/transport/address.h"

#include <stdbool.h>
#include <stddef.h>

struct access_rule;

struct access {
	struct access_rule *rules; /* longest first, those to deny before those to allow */
	size_t count;
	bool has_allowed;
};

/*
 * Makes the rules of two lists, whose elements are char * that cidr_parse accepts.
 * Returns 0, or -1 where memory is short.
 */
int access_init(struct access *access, const struct option_list *allow,
	const struct option_list *deny) MUST_USE;

/* Whether a peer, as address_normalize leaves it, may connect. */
bool access_is_allowed(const struct access *access, const struct address *peer);

/* Whether a network to allow has the peer; never for one on a Unix socket. */
bool access_is_listed(const struct access *access, const struct address *peer);

/* Frees the rules. Fine on a zeroed struct. */
void access_fini(struct access *access);

#endif
