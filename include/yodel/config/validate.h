/* SPDX-License-Identifier: MIT */
/*
 * The rules between values, which no row can state alone.
 * Owns nothing. Threads: any, config being constant.
 */
#ifndef YODEL_CONFIG_VALIDATE_H
#define YODEL_CONFIG_VALIDATE_H

#include "yodel/config/assignment.h"
#include "yodel/config/config.h"
#include "yodel/config/problems.h"

/*
 * Adds a problem for each broken rule: the names and the addresses of the listeners are unique,
 * what is said of a file is said of a listener that has one, and UDP is for what it can do.
 * Passes over strings that are NULL, for they were found wrong before.
 *   assignments   those that config was built from, for the place to name
 */
void validate(const struct config *config, const struct assignments *assignments,
	struct problems *problems);

#endif
