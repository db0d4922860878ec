/* SPDX-License-Identifier: MIT */
/*
 * The commands of the client: one row each, from which come the parser, --help, the completion of
 * the shell, and what the manual is held against. A command is one file and one line in commands.c.
 * Rows are constant. Threads: any.
 */
#ifndef YODEL_CLIENT_COMMAND_H
#define YODEL_CLIENT_COMMAND_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/base/option.h"
#include "yodel/client/request.h"

#include <stddef.h>
#include <stdio.h>

/* An option of a command line: a row whose path is the long name. */
struct command_option {
	char letter;          /* '\0': has none */
	const char *argument; /* as help names it; NULL for a BOOL */
	struct option_row row;
};

/* A table of options ends with a row without a path. */
#define COMMAND_OPTIONS_END                                                                        \
	{                                                                                          \
		.row = OPTION_END                                                                  \
	}

struct command {
	const char *name;
	const char *arguments;                /* "HOST PORT [TEXT]" */
	const char *help;                     /* one line */
	const char *manual;                   /* its heading in yodel(1) */
	const struct command_option *options; /* of its own */
	size_t settings_bytes;                /* of the struct that they are stored into */
	bool has_target;                      /* HOST and PORT come first */
	bool has_ports;                    /* in place of PORT: a list of ports for the command */
	bool has_udp;                      /* takes the datagram_options, too */
	size_t min_operands, max_operands; /* behind the target */
	/* More to ask of what was read. Returns 0, or -1 with error (EX_USAGE). NULL: nothing. */
	int (*check)(const struct request *request, const void *settings, struct error *error);
	/*
	 * Says that the command line is wrong, for whom the usual way is none: message, without a
	 * newline. Returns an exit code, or -1 where the program is to say it. NULL: it always is.
	 */
	int (*report_usage)(int argc, char **argv, const char *message);
	/* Runs it. settings: the filled struct of its own. Returns an exit code. */
	int (*run)(const struct request *request, const void *settings);
};

/* All commands, in the order of help; ends with NULL. */
extern const struct command *const commands[];

/* The options that mean the same for every command, stored into a struct request. */
extern const struct command_option shared_options[];

/* The options about TLS, which every command has, too, stored into a struct request. */
extern const struct command_option tls_options[];

/* The options of the commands that may send datagrams, stored into a struct request. */
extern const struct command_option datagram_options[];

/* The table of a command beside its own and the shared one, or NULL. */
const struct command_option *command_more_options(const struct command *command);

/* Finds a command, or returns NULL. */
const struct command *command_find(const char *name);

/*
 * Reads the arguments of a command.
 *   argv       argc entries behind the command's name at [0]; lent to the request
 *   request    zeroed; filled, its strings owned until command_free
 *   settings   zeroed, settings_bytes of them; filled, its strings owned until command_free
 * Returns 0, or -1 with error (EX_USAGE).
 */
int command_read(const struct command *command, int argc, char **argv, struct request *request,
	void *settings, struct error *error) MUST_USE;

/* Frees the strings of a request and of the settings, read or still zeroed. */
void command_free(const struct command *command, struct request *request, void *settings);

/* Writes what yodel --help says. */
void command_print_overview(FILE *out);

/* Writes the help of one command: its synopsis, its own options, the shared ones. */
void command_print_help(FILE *out, const struct command *command);

#endif
