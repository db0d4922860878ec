/* SPDX-License-Identifier: MIT */
/* The daemon's program: command line, configuration, and then the server until its end. */
#include "yodel/base/descriptor.h"
#include "yodel/base/log.h"
#include "yodel/config/command_line.h"
#include "yodel/config/config.h"
#include "yodel/config/file.h"
#include "yodel/server/server.h"
#include "yodel/service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

static int fail(const struct error *error)
{
	fprintf(stderr, "yodeld: %s\n", error->message);
	return error->exit_code;
}

/* The exit status once all is printed: what did not reach its reader is a failure. */
static int end_output(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	fprintf(stderr, "yodeld: cannot write to standard output: %s\n",
		error_text(errno != 0 ? errno : EIO));
	return EXIT_FAILURE;
}

/* A file that is named must be there; the default one may be missing. */
static const char *config_path(const struct command_line *line)
{
	if (line->config_path != NULL)
		return line->config_path;
	bool is_missing = access(YODEL_CONFIG_FILE, F_OK) != 0 &&
			  (errno == ENOENT || errno == ENOTDIR);
	return is_missing ? NULL : YODEL_CONFIG_FILE;
}

static void refuse(struct problems *problems, struct error *error)
{
	fputs(problems_text(problems), stderr);
	error_set(error, EX_CONFIG, "configuration refused: %zu problem%s", problems->count,
		problems->count == 1 ? "" : "s");
}

/* Returns the configuration, or NULL with error; assignments are filled either way. */
static struct config *load(
	const struct command_line *line, struct assignments *assignments, struct error *error)
{
	const char *path = config_path(line);
	struct config *config = NULL;
	struct problems problems;

	problems_init(&problems);
	if (path != NULL && config_file_read(path, assignments, &problems, error) != 0)
		goto out;
	command_line_apply(line, assignments, &problems);
	config = config_build(assignments, service_schemas, &problems);
	if (config == NULL)
		refuse(&problems, error);
out:
	problems_fini(&problems);
	return config;
}

/* The rule between the command line and the configuration. */
static int check_console(
	const struct command_line *line, const struct config *config, struct error *error)
{
	if (!line->has_console || config_has_service(config, "talk"))
		return 0;
	return error_set(error, EX_CONFIG,
		"--console: expected a listener with service talk, got none; add one, like -l 127.0.0.1:5000=talk");
}

static int serve(struct config *config, const struct command_line *line, pid_t parent)
{
	const struct server_start start = {
		.has_ready_lines = line->has_ready_lines,
		.has_console = line->has_console,
		.parent = parent,
	};
	struct error error;

	log_configure((enum log_level)config->log_level, (enum log_format)config->log_format);
	int result = server_run(config, &start, &error);
	if (result >= 0)
		return result;
	log_message(LOG_LEVEL_ERROR, "error", "%s", error.message);
	return error.exit_code;
}

static int test(const struct config *config)
{
	struct problems problems;
	struct error error;
	int result;

	problems_init(&problems);
	server_check(config, &problems);
	if (problems.count == 0) {
		puts("configuration OK");
		result = end_output();
	} else {
		refuse(&problems, &error);
		result = fail(&error);
	}
	problems_fini(&problems);
	return result;
}

static int run(const struct command_line *line, pid_t parent)
{
	struct assignments assignments = {.count = 0};
	struct error error;
	int result;
	struct config *config = load(line, &assignments, &error);

	if (config == NULL || check_console(line, config, &error) != 0) {
		result = fail(&error);
	} else if (line->command == COMMAND_RUN) {
		assignments_fini(&assignments);
		return serve(config, line, parent);
	} else if (line->command == COMMAND_SHOW) {
		config_print(stdout, config, &assignments);
		result = end_output();
	} else {
		result = test(config);
	}
	config_free(config);
	assignments_fini(&assignments);
	return result;
}

static int help(void)
{
	command_line_print_help(stdout);
	putchar('\n');
	config_print_options(stdout, service_schemas);
	printf("\nDefault file: %s. Manual: yodeld(8), yodeld.conf(5).\n", YODEL_CONFIG_FILE);
	return end_output();
}

static int version(void)
{
	puts("yodeld " YODEL_VERSION);
	return end_output();
}

int main(int argc, char **argv)
{
	const pid_t parent = getppid();
	struct command_line line;
	struct error error;
	int result;

	descriptor_fill_standard();
	signal(SIGPIPE, SIG_IGN);
	if (command_line_read(&line, argc, argv, &error) != 0)
		result = fail(&error);
	else if (line.command == COMMAND_HELP)
		result = help();
	else if (line.command == COMMAND_VERSION)
		result = version();
	else
		result = run(&line, parent);
	command_line_fini(&line);
	return result;
}
