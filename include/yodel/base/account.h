/* SPDX-License-Identifier: MIT */
/*
 * Users and groups by name or number. Owns nothing. Threads: one at a time, for getpwnam(3) keeps
 * what it finds; at start only.
 */
#ifndef YODEL_BASE_ACCOUNT_H
#define YODEL_BASE_ACCOUNT_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Reads the name or number of a user; a number needs no entry in the user database.
 * Returns false, and leaves user alone, where text is neither.
 */
bool account_read_user(const char *text, uid_t *user) MUST_USE;

/* The same of a group. */
bool account_read_group(const char *text, gid_t *group) MUST_USE;

/* The check of an option that is the name or number of a user, or empty for none. */
bool account_check_user(const char *text, char why[OPTION_WHY_BYTES]);

/* The same of a group. */
bool account_check_group(const char *text, char why[OPTION_WHY_BYTES]);

#endif
