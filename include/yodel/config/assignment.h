/* SPDX-License-Identifier: MIT */
/*
 * Assignments: what file and command line say, as a flat list, before anybody asks what it means.
 * Owns copies of all texts. Threads: one per struct.
 */
#ifndef YODEL_CONFIG_ASSIGNMENT_H
#define YODEL_CONFIG_ASSIGNMENT_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"
#include "yodel/config/problems.h"

#include <stdbool.h>
#include <stddef.h>

enum { SCOPE_TOP = -1, LISTENERS_MAX = 256 };

struct assignment {
	const char *path; /* "timeouts.idle", without the listener's part */
	int listener;     /* index, or SCOPE_TOP */
	enum value_kind kind;
	const char *text;   /* the value; "" for a group, the number of its elements for a list */
	const char *origin; /* "file:line", "-o", "-l" */
	bool is_from_command_line;
	bool is_weak; /* yields to any other, wherever that comes from */
	char *texts;  /* the memory of all three, of an assignment that was added */
};

struct assignments {
	struct assignment *items;
	size_t count;
	size_t listener_count; /* listeners that were named one by one; 0 in the simple form */
};

/* Adds a copy of the assignment. */
void assignments_add(struct assignments *assignments, const struct assignment *assignment);

/* Adds all of more, behind those that are there; the listeners keep their numbers. */
void assignments_append(struct assignments *assignments, const struct assignments *more);

/* Removes every assignment to a single listener: other listeners take their place. */
void assignments_drop_listeners(struct assignments *assignments);

/*
 * The assignment that decides an option, or NULL for its default: command line over file, a
 * listener's own over the top, the last over the first; a weak one where there is no other.
 *   listener        index, or SCOPE_TOP for a value of the daemon
 *   may_be_at_top   whether the top's value counts for the listener
 */
const struct assignment *assignments_decide(
	const struct assignments *assignments, const char *path, int listener, bool may_be_at_top);

/* Whether the assignment stands inside this group or list; one of the command line never does. */
bool assignment_is_inside(const struct assignment *item, const struct assignment *group) MUST_USE;

/*
 * Walks what a group or list of the file holds, which follows it.
 *   group, at   of assignments; at is the one before, group itself at first
 * Returns the next one inside group, or NULL.
 */
const struct assignment *assignments_next(const struct assignments *assignments,
	const struct assignment *group, const struct assignment *at) MUST_USE;

/* Adds a problem with this assignment, by its full path: "listen.[0].port". */
void assignment_report(const struct assignment *item, struct problems *problems, const char *why);

/* Frees everything; a zeroed struct is fine. */
void assignments_fini(struct assignments *assignments);

#endif
