/* SPDX-License-Identifier: MIT */
/*
 * What stands inside a list of the file: "entries.[2].key" and its like, by the rows of an element.
 * Owns nothing. Threads: one, the builder of a configuration.
 */
#ifndef YODEL_CONFIG_LIST_H
#define YODEL_CONFIG_LIST_H

#include "yodel/base/option.h"
#include "yodel/config/assignment.h"
#include "yodel/config/problems.h"

/*
 * Adds a problem for each element of another type, each unknown, wrong, missing or repeated value.
 *   head   the list's own assignment, of assignments, that option_check accepted for row
 */
void list_check(const struct assignments *assignments, const struct assignment *head,
	const struct option_row *row, struct problems *problems);

/*
 * Stores the list in the place of row; a value that is wrong is left at its default.
 *   head   as for list_check
 *   base   as for option_store
 */
void list_store(const struct assignments *assignments, const struct assignment *head,
	const struct option_row *row, void *base);

#endif
