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
 * Adds a problem for each broken rule: listener names and addresses are unique, and whole seconds
 * where the kernel counts in seconds.
 *   assignments   those that config was built from, for the place to name
 */
void validate(const struct config *config, const struct assignments *assignments,
	struct problems *problems);

#endif
