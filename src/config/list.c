/* SPDX-License-Identifier: MIT */
#include "yodel/config/list.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 32 };

struct checking {
	const struct assignments *assignments;
	const struct assignment *head;
	const struct option_row *row;
	struct problems *problems;
};

/* "key" of "entries.[2].key", and "" of the element "entries.[2]" itself. */
static const char *name_in_element(const struct assignment *item, const struct assignment *head)
{
	const char *end = strchr(item->path + strlen(head->path), ']');

	CHECK(end != NULL);
	return end[1] == '.' ? end + 2 : end + 1;
}

static size_t index_of(const struct assignment *item, const struct assignment *head)
{
	return strtoul(item->path + strlen(head->path) + strlen(".["), NULL, 10);
}

static void check_value(const struct checking *checking, const struct assignment *item,
	const struct option_row *row)
{
	char why[OPTION_WHY_BYTES];

	if (!option_check(row, item->kind, item->text, why))
		assignment_report(item, checking->problems, why);
}

/* The names that there are make a choice, which also suggests the one that was meant. */
static void report_unknown(
	const struct checking *checking, const struct assignment *item, const char *name)
{
	const struct option_row *elements = checking->row->elements;
	const char *names[MEMBERS_MAX + 1] = {NULL};
	char why[OPTION_WHY_BYTES];

	for (size_t i = 0; i < MEMBERS_MAX && elements[i].path != NULL; i++)
		names[i] = elements[i].path;
	const struct option_row choice = {.type = OPTION_CHOICE, .choices = names};
	CHECK(!option_check(&choice, VALUE_STRING, name, why));
	assignment_report(item, checking->problems, why);
}

static void check_member(const struct checking *checking, const struct assignment *item)
{
	const char *name = name_in_element(item, checking->head);
	const struct option_row *row = option_find(checking->row->elements, name);

	if (row != NULL)
		check_value(checking, item, row);
	else
		report_unknown(checking, item, name);
}

static bool has_member(const struct checking *checking, const struct assignment *element,
	const struct option_row *row)
{
	const struct assignment *item = element;

	while ((item = assignments_next(checking->assignments, element, item)) != NULL)
		if (strcmp(name_in_element(item, checking->head), row->path) == 0)
			return true;
	return false;
}

static void report_missing(const struct checking *checking, const struct assignment *element,
	const struct option_row *row)
{
	struct assignment missing = *element;
	char path[OPTION_WHY_BYTES], allowed[OPTION_WHY_BYTES], why[OPTION_WHY_BYTES];

	snprintf(path, sizeof path, "%s.%s", element->path, row->path);
	missing.path = path;
	option_describe(row, allowed);
	snprintf(why, sizeof why, "expected %.200s, got nothing", allowed);
	assignment_report(&missing, checking->problems, why);
}

/* Returns whether what stands inside the element is still worth a look. */
static bool check_element(const struct checking *checking, const struct assignment *element)
{
	if (!option_has_groups(checking->row)) {
		check_value(checking, element, checking->row->elements);
		return false;
	}
	if (element->kind != VALUE_GROUP) {
		assignment_report(element, checking->problems,
			"expected a group { ... }, got something else");
		return false;
	}
	for (const struct option_row *row = checking->row->elements; row->path != NULL; row++)
		if (row->default_value == NULL && !has_member(checking, element, row))
			report_missing(checking, element, row);
	return true;
}

/* One of the values that must differ. */
struct sorted {
	const struct assignment *item;
};

/* Ties keep the first in front. */
static int by_text(const void *one, const void *other)
{
	const struct assignment *first = ((const struct sorted *)one)->item;
	const struct assignment *second = ((const struct sorted *)other)->item;
	int order = strcmp(first->text, second->text);

	return order != 0 ? order : (first > second) - (first < second);
}

/* The good values that the elements give for a row; returns how many. */
static size_t collect(
	const struct checking *checking, const struct option_row *row, struct sorted *sorted)
{
	const struct assignment *head = checking->head, *item = head;
	char why[OPTION_WHY_BYTES];
	size_t count = 0;

	while ((item = assignments_next(checking->assignments, head, item)) != NULL)
		if (strcmp(name_in_element(item, head), row->path) == 0 &&
			option_check(row, item->kind, item->text, why))
			sorted[count++].item = item;
	return count;
}

static void report_repeated(const struct checking *checking, const struct assignment *item,
	const struct assignment *first)
{
	char text[80], why[OPTION_WHY_BYTES];

	text_show(text, sizeof text, item->text, strlen(item->text));
	snprintf(why, sizeof why, "expected a value of its own, got \"%s\", which element %zu has",
		text, index_of(first, checking->head));
	assignment_report(item, checking->problems, why);
}

static void check_unique(const struct checking *checking, const struct option_row *row)
{
	size_t count = strtoul(checking->head->text, NULL, 10);
	struct sorted *sorted = calloc(count + 1, sizeof *sorted);

	CHECK(sorted != NULL);
	count = collect(checking, row, sorted);
	qsort(sorted, count, sizeof *sorted, by_text);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1].item->text, sorted[i].item->text) == 0)
			report_repeated(checking, sorted[i].item, sorted[i - 1].item);
	free(sorted);
}

void list_check(const struct assignments *assignments, const struct assignment *head,
	const struct option_row *row, struct problems *problems)
{
	const struct checking checking = {assignments, head, row, problems};
	const struct assignment *item = head, *done = NULL;

	while ((item = assignments_next(assignments, head, item)) != NULL) {
		bool is_element = *name_in_element(item, head) == '\0';

		if (done != NULL && assignment_is_inside(item, done))
			continue;
		if (!is_element)
			check_member(&checking, item);
		if (!is_element || !check_element(&checking, item))
			done = item;
	}
	for (const struct option_row *member = row->elements; member->path != NULL; member++)
		if (member->is_unique)
			check_unique(&checking, member);
}

void list_store(const struct assignments *assignments, const struct assignment *head,
	const struct option_row *row, void *base)
{
	const struct assignment *item = head;
	char why[OPTION_WHY_BYTES];

	option_store(row, head->text, base);
	while ((item = assignments_next(assignments, head, item)) != NULL) {
		const struct option_row *member = option_find(
			row->elements, name_in_element(item, head));

		if (member != NULL && option_check(member, item->kind, item->text, why))
			option_store(member, item->text,
				option_element(row, base, index_of(item, head)));
	}
}
