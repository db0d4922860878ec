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

/* What descriptors are needed for. */
struct descriptor_needs {
	size_t clients;     /* to be served at once; the plan may have fewer */
	size_t each_client; /* descriptors that one takes, at least 1 */
	size_t later;       /* to be opened from now on and kept, beside the accept loop's */
};

struct descriptor_plan {
	size_t limit;       /* RLIMIT_NOFILE now */
	size_t connections; /* clients that can be served at once */
	size_t partings;    /* refused clients that can be waited for */
};

/*
 * Raises the soft limit to the hard one and divides what is left after the descriptors that are
 * open now, and those that will be.
 * Returns 0, or -1 with error (EX_OSERR) where there is not room for one client.
 */
int descriptor_plan_make(struct descriptor_plan *plan, const struct descriptor_needs *needs,
	struct error *error) MUST_USE;

#endif
