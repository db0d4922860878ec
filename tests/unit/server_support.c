/* SPDX-License-Identifier: MIT */
#include "server_support.h"

#include "yodel/config/command_line.h"
#include "yodel/service/service.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 30 };

struct config *config_of(const char *const *words)
{
	char *argv[WORDS_MAX + 2] = {strdup("yodeld")};
	struct assignments assignments = {.count = 0};
	struct problems problems;
	struct command_line line;
	struct error error;
	int argc = 1;

	for (; *words != NULL && argc <= WORDS_MAX; words++)
		argv[argc++] = strdup(*words);
	problems_init(&problems);
	if (command_line_read(&line, argc, argv, &error) != 0)
		fail_msg("%s", error.message);
	command_line_apply(&line, &assignments, &problems);
	struct config *config = config_build(&assignments, service_schemas, &problems);
	if (config == NULL)
		fail_msg("%s", problems_text(&problems));
	command_line_fini(&line);
	problems_fini(&problems);
	assignments_fini(&assignments);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return config;
}
