/* SPDX-License-Identifier: MIT */
#include "yodel/server/privileges.h"

#include "yodel/base/account.h"
#include "yodel/base/check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

/* Whom to become. */
struct identity {
	uid_t user;
	gid_t group;
	const char *name; /* of the user, whose other groups are taken on; NULL: none are */
};

static int refuse(const struct privileges *privileges, struct error *error)
{
	return error_set_errno(error, EX_NOPERM, errno,
		"cannot become privileges.user = \"%s\", privileges.group = \"%s\"",
		privileges->user, privileges->group);
}

static int find_identity(
	const struct privileges *privileges, struct identity *identity, struct error *error)
{
	*identity = (struct identity){.user = getuid(), .group = getgid()};
	if (privileges->user[0] != '\0')
		CHECK(account_read_user(privileges->user, &identity->user));
	const struct passwd *entry = getpwuid(identity->user);

	if (entry != NULL)
		identity->name = entry->pw_name;
	if (privileges->group[0] != '\0')
		CHECK(account_read_group(privileges->group, &identity->group));
	else if (entry != NULL)
		identity->group = entry->pw_gid;
	else
		return error_set(error, EX_NOPERM,
			"privileges.group: expected a group, as privileges.user = \"%s\" is not in the user database",
			privileges->user);
	return 0;
}

/* Whether all ids of the process are these: as a service manager has seen to, or as we have. */
static bool is_identity(const struct identity *identity)
{
	uid_t user, effective_user, saved_user;
	gid_t group, effective_group, saved_group;

	CHECK(getresuid(&user, &effective_user, &saved_user) == 0);
	CHECK(getresgid(&group, &effective_group, &saved_group) == 0);
	return user == identity->user && effective_user == user && saved_user == user &&
	       group == identity->group && effective_group == group && saved_group == group;
}

/* Groups first: the user will not be allowed to change them. */
static bool become(const struct identity *identity)
{
	int groups = identity->name != NULL ? initgroups(identity->name, identity->group)
					    : setgroups(0, NULL);

	return groups == 0 && setresgid(identity->group, identity->group, identity->group) == 0 &&
	       setresuid(identity->user, identity->user, identity->user) == 0;
}

int privileges_drop(const struct privileges *privileges, struct error *error)
{
	struct identity identity;

	if (privileges->user[0] != '\0' || privileges->group[0] != '\0') {
		if (find_identity(privileges, &identity, error) != 0)
			return -1;
		bool is_already = identity.user != 0 && is_identity(&identity);

		if (!is_already && !become(&identity))
			return refuse(privileges, error);
		CHECK(is_identity(&identity) && (identity.user == 0 || setuid(0) != 0));
	}
	if (privileges->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set_errno(error, EX_NOPERM, errno, "privileges.no_new_privs");
	if (geteuid() == 0 && !privileges->allow_root)
		return error_set(error, EX_NOPERM,
			"refusing to serve as root: set privileges.user to another user, or privileges.allow_root");
	return 0;
}
