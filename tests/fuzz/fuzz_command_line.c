/* SPDX-License-Identifier: MIT */
/*
 * The daemon's arguments, one in each line of the input, up to the configuration that they make: it
 * is either built and can be printed, or there is a problem that says why not.
 */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/config/command_line.h"
#include "yodel/config/config.h"
#include "yodel/service/service.h"

#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 64 };

/* Splits text in place. Returns how many arguments there are, the program's name among them. */
static int split_lines(char *text, char *argv[ARGUMENTS_MAX + 1])
{
	static char program[] = "yodeld";
	int argc = 0;

	argv[argc++] = program;
	for (char *line; argc < ARGUMENTS_MAX && (line = strsep(&text, "\n")) != NULL;)
		argv[argc++] = line;
	argv[argc] = NULL;
	return argc;
}

static void print(const struct config *config, const struct assignments *assignments)
{
	char *printed = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&printed, &bytes);

	CHECK(out != NULL);
	config_print(out, config, assignments);
	fclose(out);
	free(printed);
}

static void build(const struct command_line *line)
{
	struct assignments assignments = {.count = 0};
	struct problems problems;

	problems_init(&problems);
	command_line_apply(line, &assignments, &problems);
	struct config *config = config_build(&assignments, service_schemas, &problems);
	CHECK(config != NULL || problems.count > 0);
	if (config != NULL)
		print(config, &assignments);
	config_free(config);
	problems_fini(&problems);
	assignments_fini(&assignments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 1], *text = strndup((const char *)data, size);
	struct command_line line;
	struct error error;

	CHECK(text != NULL);
	if (command_line_read(&line, split_lines(text, argv), argv, &error) == 0)
		build(&line);
	command_line_fini(&line);
	free(text);
	return 0;
}
