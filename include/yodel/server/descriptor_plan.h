/* SPDX-License-Identifier: MIT */
/*
 * How many clients the limit on open files allows, and who gets the rest.
 * Owns nothing. Threads: at start, before there are others. Source: getrlimit(2), RLIMIT_NOFILE.
 */
#ifndef YODEL_SERVER_DESCRIPTOR_PLAN_H
#define YODEL_SERVER_DESCRIPTOR_PLAN_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"

#include <stddef.h>

struct descriptor_plan {
	size_t limit;       /* RLIMIT_NOFILE now */
	size_t connections; /* clients that can be served at once */
	size_t partings;    /* refused clients that can be waited for */
};

/*
 * Raises the soft limit to the hard one and divides what is left after the descriptors that are
 * open now.
 *   wanted   clients to serve at once; plan->connections is this or less
 *   each     descriptors that a client takes, at least 1
 * Returns 0, or -1 with error (EX_OSERR) where there is not room for one client.
 */
int descriptor_plan_make(
	struct descriptor_plan *plan, size_t wanted, size_t each, struct error *error) MUST_USE;

#endif
