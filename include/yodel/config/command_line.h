/* SPDX-License-Identifier: MIT */
/*
 * The command line of the daemon: what to do, and assignments that win over the file.
 * Owns its assignments. Threads: one; getopt keeps state of its own. Source: getopt_long(3).
 */
#ifndef YODEL_CONFIG_COMMAND_LINE_H
#define YODEL_CONFIG_COMMAND_LINE_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/config/assignment.h"
#include "yodel/config/problems.h"

#include <stdbool.h>
#include <stdio.h>

enum command {
	COMMAND_RUN,
	COMMAND_TEST,    /* -t */
	COMMAND_SHOW,    /* -T */
	COMMAND_VERSION, /* -V */
	COMMAND_HELP,    /* -h */
};

struct command_line {
	enum command command;
	const char *config_path; /* from -c; NULL without; points into argv */
	bool has_ready_lines;    /* -1 */
	bool has_console;        /* --console */
	struct assignments assignments;
	struct assignments to_listeners; /* -o listen.KEY.path=value: path still with its key */
};

/*
 * Reads the arguments, in any order.
 *   argv   argc entries; lent until command_line_fini, reordered by getopt
 * Returns 0, or -1 with error (EX_USAGE) for an unknown option, a missing or malformed argument.
 */
int command_line_read(
	struct command_line *line, int argc, char **argv, struct error *error) MUST_USE;

/*
 * Lays the command line over the assignments of the file. With -l, the listeners of the file are
 * left out.
 *   problems   gets a line for each -o that names a listener there is not
 */
void command_line_apply(const struct command_line *line, struct assignments *assignments,
	struct problems *problems);

/* Writes the synopsis and every option, from the table that also drives the parser. */
void command_line_print_help(FILE *out);

/* Frees the assignments. */
void command_line_fini(struct command_line *line);

#endif
