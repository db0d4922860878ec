/* SPDX-License-Identifier: MIT */
#include "yodel/config/assignment.h"

#include "yodel/base/check.h"

#include <stdlib.h>
#include <string.h>

/* Moves a text to its place in the assignment's memory; returns the place behind it. */
static char *keep(const char **text, char *place)
{
	char *end = stpcpy(place, *text);

	*text = place;
	return end + 1;
}

static void own_texts(struct assignment *assignment)
{
	size_t bytes = strlen(assignment->path) + strlen(assignment->text) +
		       strlen(assignment->origin) + 3;
	char *place = malloc(bytes);

	CHECK(place != NULL);
	assignment->texts = place;
	place = keep(&assignment->path, place);
	place = keep(&assignment->text, place);
	keep(&assignment->origin, place);
}

void assignments_add(struct assignments *assignments, const struct assignment *assignment)
{
	size_t bytes = (assignments->count + 1) * sizeof *assignments->items;
	struct assignment *grown = realloc(assignments->items, bytes);

	CHECK(grown != NULL);
	assignments->items = grown;
	struct assignment *added = &grown[assignments->count++];

	*added = *assignment;
	own_texts(added);
}

void assignments_append(struct assignments *assignments, const struct assignments *more)
{
	for (size_t i = 0; i < more->count; i++)
		assignments_add(assignments, &more->items[i]);
	if (more->listener_count > assignments->listener_count)
		assignments->listener_count = more->listener_count;
}

void assignments_drop_listeners(struct assignments *assignments)
{
	size_t kept = 0;

	for (size_t i = 0; i < assignments->count; i++) {
		if (assignments->items[i].listener == SCOPE_TOP)
			assignments->items[kept++] = assignments->items[i];
		else
			free(assignments->items[i].texts);
	}
	assignments->count = kept;
	assignments->listener_count = 0;
}

static int rank_of(const struct assignment *assignment)
{
	if (assignment->is_weak)
		return -1;
	return (assignment->is_from_command_line ? 2 : 0) + (assignment->listener != SCOPE_TOP);
}

const struct assignment *assignments_decide(
	const struct assignments *assignments, const char *path, int listener, bool may_be_at_top)
{
	const struct assignment *best = NULL;

	for (size_t i = 0; i < assignments->count; i++) {
		const struct assignment *item = &assignments->items[i];
		bool is_in_scope = item->listener == listener ||
				   (may_be_at_top && item->listener == SCOPE_TOP);

		if (!is_in_scope || strcmp(item->path, path) != 0)
			continue;
		if (best == NULL || rank_of(item) >= rank_of(best))
			best = item;
	}
	return best;
}

bool assignment_is_inside(const struct assignment *item, const struct assignment *group)
{
	size_t length = strlen(group->path);

	return !item->is_from_command_line && item->listener == group->listener &&
	       strncmp(item->path, group->path, length) == 0 && item->path[length] == '.';
}

const struct assignment *assignments_next(const struct assignments *assignments,
	const struct assignment *group, const struct assignment *at)
{
	const struct assignment *next = at + 1, *end = assignments->items + assignments->count;

	return next < end && assignment_is_inside(next, group) ? next : NULL;
}

void assignment_report(const struct assignment *item, struct problems *problems, const char *why)
{
	char path[OPTION_WHY_BYTES];

	if (item->listener == SCOPE_TOP)
		snprintf(path, sizeof path, "%s", item->path);
	else
		snprintf(path, sizeof path, "listen.[%d].%s", item->listener, item->path);
	problems_add(problems, item->origin, path, "%s", why);
}

void assignments_fini(struct assignments *assignments)
{
	for (size_t i = 0; i < assignments->count; i++)
		free(assignments->items[i].texts);
	free(assignments->items);
	*assignments = (struct assignments){.count = 0};
}
