/* SPDX-License-Identifier: MIT */
/*
 * Has the kernel hold the daemon to what it will need until its end: reading certificates at a
 * reload, and removing the files of its Unix sockets. Owns nothing.
 * Threads: the main one, before there are others, which inherit it. Source: landlock(7).
 */
#ifndef YODEL_SERVER_LANDLOCK_H
#define YODEL_SERVER_LANDLOCK_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/config.h"
#include "yodel/server/listening.h"

/*
 * From now on, and for good, no file can be opened but /dev/null and, for reading, what lies in the
 * directories of certificates, keys and client_ca, or below; none can be made, and none removed but
 * in the directories of Unix sockets, or below; nothing can be executed. No TCP port can be bound or
 * connected to, where the kernel knows of that. What is open stays so. Modes, owners and signals
 * are not held. A directory is held as it is now: another one in its place is denied.
 *   listening   with the files of its sockets
 *   held        what the kernel holds us to: a static text for the log
 * Returns 0, or -1 with error (EX_NOPERM). Without Landlock in the kernel that depends on
 * privileges.landlock. Wants PR_SET_NO_NEW_PRIVS.
 */
int landlock_confine(const struct config *config, const struct listening *listening,
	const char **held, struct error *error) MUST_USE;

#endif
