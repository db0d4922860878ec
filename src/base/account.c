/* SPDX-License-Identifier: MIT */
#include "yodel/base/account.h"

#include "yodel/base/parse.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>

/* The highest number means "none" to the kernel. */
static bool read_number(const char *text, uint32_t *number)
{
	int64_t value;

	if (!parse_integer(text, &value) || value < 0 || value >= UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

bool account_read_user(const char *text, uid_t *user)
{
	if (read_number(text, user))
		return true;
	const struct passwd *entry = getpwnam(text);
	if (entry != NULL)
		*user = entry->pw_uid;
	return entry != NULL;
}

bool account_read_group(const char *text, gid_t *group)
{
	if (read_number(text, group))
		return true;
	const struct group *entry = getgrnam(text);
	if (entry != NULL)
		*group = entry->gr_gid;
	return entry != NULL;
}

bool account_check_user(const char *text, char why[OPTION_WHY_BYTES])
{
	uid_t user;

	snprintf(why, OPTION_WHY_BYTES, "the name or number of a user of this machine, or \"\"");
	return text[0] == '\0' || account_read_user(text, &user);
}

bool account_check_group(const char *text, char why[OPTION_WHY_BYTES])
{
	gid_t group;

	snprintf(why, OPTION_WHY_BYTES, "the name or number of a group of this machine, or \"\"");
	return text[0] == '\0' || account_read_group(text, &group);
}
