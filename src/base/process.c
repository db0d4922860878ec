/* SPDX-License-Identifier: MIT */
#include "yodel/base/process.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 32 };

static void read_name(pid_t pid, char name[NAME_BYTES])
{
	char path[64];

	snprintf(name, NAME_BYTES, "a process");
	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(name, NAME_BYTES, file) != NULL)
		name[strcspn(name, "\n")] = '\0';
	fclose(file);
}

void process_describe(pid_t pid, char *text, size_t capacity)
{
	char name[NAME_BYTES];

	read_name(pid, name);
	snprintf(text, capacity, "%s (pid %d)", name, (int)pid);
}
