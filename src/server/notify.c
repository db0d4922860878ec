/* SPDX-License-Identifier: MIT */
#include "yodel/server/notify.h"

#include "yodel/base/log.h"
#include "yodel/base/parse.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_INHERITED_FD = 3, INHERITED_MAX = 1024 };

bool notify_is_wanted(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

/* A path, or '@' and a name in the abstract namespace. Returns the length, 0 if neither. */
static socklen_t manager_address(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path != NULL ? strlen(path) : 0;

	if (length < 2 || length >= sizeof address->sun_path || strchr("/@", path[0]) == NULL)
		return 0;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, length);
	if (path[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void notify_send(const char *format, ...)
{
	struct sockaddr_un address;
	socklen_t length = manager_address(&address);
	char message[512];
	va_list arguments;

	if (length == 0)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* The manager's loss: serving goes on whether or not it hears of it. */
	(void)sendto(fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
		(const struct sockaddr *)&address, length);
	close(fd);
}

static int64_t number_in_environment(const char *name)
{
	const char *text = getenv(name);
	int64_t number;

	return text != NULL && parse_integer(text, &number) ? number : 0;
}

/* Names stand between colons; a socket without a name is "unknown", as systemd has it. */
static const char *next_name(const char *names, char name[INHERITED_NAME_BYTES])
{
	size_t length = strcspn(names, ":");

	snprintf(name, INHERITED_NAME_BYTES, "%.*s", length > 0 ? (int)length : 7,
		length > 0 ? names : "unknown");
	return names[length] == ':' ? names + length + 1 : names + length;
}

/* What the service manager says about the sockets, taken out of the environment: children are not meant. */
static int64_t read_announcement(char **names)
{
	const char *text = getenv("LISTEN_FDNAMES");
	int64_t count = number_in_environment("LISTEN_FDS");
	bool is_ours = number_in_environment("LISTEN_PID") == getpid();

	*names = strdup(text != NULL ? text : "");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return is_ours && count > 0 && count <= INHERITED_MAX ? count : 0;
}

/* Fills the sockets with the numbers from 3 on and their names. */
static void list_inherited(struct inherited *inherited, size_t count, const char *names)
{
	while (inherited->count < count) {
		struct inherited_socket *found = &inherited->sockets[inherited->count];

		found->fd = FIRST_INHERITED_FD + (int)inherited->count++;
		if (fcntl(found->fd, F_SETFD, FD_CLOEXEC) != 0)
			found->fd = -1; /* announced, but not there */
		names = next_name(names, found->name);
	}
}

int inherited_find(struct inherited *inherited)
{
	char *names;
	size_t count = (size_t)read_announcement(&names);
	int result = names != NULL ? 0 : -1;

	*inherited = (struct inherited){.count = 0};
	if (count > 0 && result == 0) {
		inherited->sockets = calloc(count, sizeof *inherited->sockets);
		result = inherited->sockets != NULL ? 0 : -1;
	}
	if (result == 0)
		list_inherited(inherited, count, names);
	free(names);
	return result;
}

int inherited_take(struct inherited *inherited, const char *name)
{
	for (size_t i = 0; i < inherited->count; i++) {
		int fd = inherited->sockets[i].fd;

		if (fd < 0 || strcmp(inherited->sockets[i].name, name) != 0)
			continue;
		inherited->sockets[i].fd = -1;
		return fd;
	}
	return -1;
}

void inherited_fini(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->count; i++) {
		if (inherited->sockets[i].fd < 0)
			continue;
		log_message(LOG_LEVEL_WARN, "start",
			"inherited socket \"%s\" is closed: no listener has this name",
			inherited->sockets[i].name);
		close(inherited->sockets[i].fd);
	}
	free(inherited->sockets);
	*inherited = (struct inherited){.count = 0};
}
