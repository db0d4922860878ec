/* SPDX-License-Identifier: MIT */
/*
 * What the daemon gives up once its sockets are bound. Owns nothing.
 * Threads: the main one, before there are others. Source: credentials(7), prctl(2)
 * PR_SET_NO_NEW_PRIVS, CERT POS37-C.
 */
#ifndef YODEL_SERVER_PRIVILEGES_H
#define YODEL_SERVER_PRIVILEGES_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"

/*
 * Becomes privileges.user and privileges.group, for good, and sees to it that nothing can be gained
 * again. Without a group it is the user's; other groups are those of the user, or none.
 * Returns 0, or -1 with error (EX_NOPERM): it may not, or the process would serve as root without
 * privileges.allow_root.
 */
int privileges_drop(const struct privileges *privileges, struct error *error) MUST_USE;

#endif
