/* SPDX-License-Identifier: MIT */
#include "yodel/transport/port_owner.h"

#include "yodel/base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_UNCONNECTED = 0x07, STATE_LISTEN = 0x0a, INODES_MAX = 16 };

struct inodes {
	unsigned long numbers[INODES_MAX];
	size_t count;
};

static void collect(const char *table, unsigned wanted_state, unsigned port, struct inodes *inodes)
{
	FILE *file = fopen(table, "re");
	char line[512];

	if (file == NULL)
		return;
	while (fgets(line, sizeof line, file) != NULL && inodes->count < INODES_MAX) {
		unsigned line_port, state;
		unsigned long inode;

		if (sscanf(line, "%*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*u %*u %lu", &line_port,
			    &state, &inode) == 3 &&
			line_port == port && state == wanted_state)
			inodes->numbers[inodes->count++] = inode;
	}
	fclose(file);
}

static bool is_one_of(const struct inodes *inodes, const char *link)
{
	unsigned long inode;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < inodes->count; i++)
		if (inodes->numbers[i] == inode)
			return true;
	return false;
}

static bool holds_one_of(const char *pid, const struct inodes *inodes)
{
	char path[64], link[64];
	bool found = false;
	struct dirent *entry;

	snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	DIR *directory = opendir(path);
	if (directory == NULL)
		return false;
	while (!found && (entry = readdir(directory)) != NULL) {
		ssize_t length = readlinkat(dirfd(directory), entry->d_name, link, sizeof link - 1);

		if (length <= 0)
			continue;
		link[length] = '\0';
		found = is_one_of(inodes, link);
	}
	closedir(directory);
	return found;
}

bool port_owner_find(enum protocol protocol, unsigned port, char *text, size_t capacity)
{
	struct inodes inodes = {.count = 0};
	struct dirent *entry;
	bool found = false;

	if (protocol == PROTOCOL_UDP) {
		collect("/proc/net/udp", STATE_UNCONNECTED, port, &inodes);
		collect("/proc/net/udp6", STATE_UNCONNECTED, port, &inodes);
	} else {
		collect("/proc/net/tcp", STATE_LISTEN, port, &inodes);
		collect("/proc/net/tcp6", STATE_LISTEN, port, &inodes);
	}
	if (inodes.count == 0)
		return false;
	DIR *directory = opendir("/proc");
	if (directory == NULL)
		return false;
	while (!found && (entry = readdir(directory)) != NULL) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name) ||
			!holds_one_of(entry->d_name, &inodes))
			continue;
		process_describe((pid_t)strtol(entry->d_name, NULL, 10), text, capacity);
		found = true;
	}
	closedir(directory);
	return found;
}
