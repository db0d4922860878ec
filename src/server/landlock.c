/* SPDX-License-Identifier: MIT */
#include "yodel/server/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* What the header may be too old for; a kernel that is too old for one is not asked for it. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP    (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif

/* The first members of struct landlock_ruleset_attr: older kernels want those they lack to be 0. */
struct denied {
	uint64_t files;
	uint64_t network;
};

/* All that a kernel can deny. */
static struct denied deny_all(long abi)
{
	struct denied denied = {.files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};

	if (abi >= 2)
		denied.files |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		denied.files |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 4)
		denied.network = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
	if (abi >= 5)
		denied.files |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return denied;
}

static int fail(const char *what, struct error *error)
{
	return error_set_errno(
		error, EX_NOPERM, errno, "cannot allow %s beside privileges.landlock", what);
}

/* A directory: all that lies in it. */
static int allow(int ruleset_fd, const char *path, uint64_t access, struct error *error)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = access};

	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0) /* what is out of reach already needs no rule */
		return errno == EACCES ? 0 : fail(path, error);
	int result = 0;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		result = fail(path, error);
	close(rule.parent_fd);
	return result;
}

static int allow_directory_of(
	int ruleset_fd, const char *path, uint64_t access, struct error *error)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof directory, "%s", path);
	return allow(ruleset_fd, dirname(directory), access, error);
}

/* A renewal puts another file in its place, or has a symbolic link point to one beside the last. */
static int allow_renewal(int ruleset_fd, const char *path, struct error *error)
{
	char target[PATH_MAX];

	if (path[0] == '\0') /* the key is with its certificate */
		return 0;
	if (allow_directory_of(ruleset_fd, path, LANDLOCK_ACCESS_FS_READ_FILE, error) != 0)
		return -1;
	if (realpath(path, target) == NULL)
		return 0;
	return allow_directory_of(ruleset_fd, target, LANDLOCK_ACCESS_FS_READ_FILE, error);
}

static int allow_certificates(
	int ruleset_fd, const struct tls_settings *settings, struct error *error)
{
	for (size_t i = 0; i < tls_settings_count(settings); i++) {
		const struct tls_files *files = tls_settings_files(settings, i);

		if (allow_renewal(ruleset_fd, files->certificate, error) != 0 ||
			allow_renewal(ruleset_fd, files->key, error) != 0)
			return -1;
	}
	if (tls_settings_count(settings) == 0 || settings->verify == TLS_VERIFY_NONE)
		return 0;
	return allow_renewal(ruleset_fd, settings->client_ca, error);
}

static int allow_removal(int ruleset_fd, const struct listener *listener, struct error *error)
{
	for (size_t i = 0; i < listener->count; i++) {
		const struct listening_socket *socket = &listener->sockets[i];

		if (socket->file.is_ours &&
			allow_directory_of(ruleset_fd, socket->address.un.sun_path,
				LANDLOCK_ACCESS_FS_REMOVE_FILE, error) != 0)
			return -1;
	}
	return 0;
}

static int allow_all(int ruleset_fd, const struct config *config, const struct listening *listening,
	struct error *error)
{
	/* In place of standard output, and to shed clients without a descriptor for them. */
	if (allow(ruleset_fd, "/dev/null",
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE, error) != 0)
		return -1;
	for (size_t i = 0; i < config->listener_count; i++)
		if (allow_certificates(ruleset_fd, &config->listeners[i].tls, error) != 0 ||
			allow_removal(ruleset_fd, &listening->listeners[i], error) != 0)
			return -1;
	return 0;
}

static int confine(const struct denied *denied, const struct config *config,
	const struct listening *listening, struct error *error)
{
	int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, denied, sizeof *denied, 0);

	if (ruleset_fd < 0)
		return error_set_errno(error, EX_NOPERM, errno, "privileges.landlock");
	int result = allow_all(ruleset_fd, config, listening, error);
	if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset_fd, 0) != 0)
		result = error_set_errno(error, EX_NOPERM, errno, "privileges.landlock");
	close(ruleset_fd);
	return result;
}

int landlock_confine(const struct config *config, const struct listening *listening,
	const char **held, struct error *error)
{
	*held = "off";
	if (config->privileges.landlock == LANDLOCK_OFF)
		return 0;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1 && config->privileges.landlock == LANDLOCK_ON)
		return error_set_errno(error, EX_NOPERM, errno,
			"privileges.landlock = \"on\": this kernel has no Landlock, or none for us");
	*held = "unavailable";
	if (abi < 1)
		return 0;
	tzset(); /* gmtime_r(3) would open the time zone's file, though it needs none */
	struct denied denied = deny_all(abi);
	*held = denied.network != 0 ? "files,tcp" : "files";
	return confine(&denied, config, listening, error);
}
