/* SPDX-License-Identifier: MIT */
#include "yodel/client/commands.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What stands in front of the words of the tables, and what uses them. */
static const char head[] =
	"# bash completion of yodel, as \"yodel completion\" prints it\n"
	"_yodel()\n"
	"{\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tlocal options='' valued='' files='' place=0 i\n\n"
	"\tCOMPREPLY=()\n";
static const char tail[] =
	"\tesac\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$commands --help --version\" -- \"$word\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t# An argument of the option before?\n"
	"\tcase \" $files \" in\n"
	"\t*\" $before \"*)\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	"\t\treturn\n"
	"\t\t;;\n"
	"\tesac\n"
	"\t[[ \" $valued \" != *\" $before \"* ]] || return\n"
	"\tif [[ $word == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t# HOST, then PORT: which of them depends on the words that are no options.\n"
	"\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
	"\t\tif [[ \" $valued \" == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
	"\t\t\t((i++))\n"
	"\t\telif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
	"\t\t\t((place++))\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tcase $place in\n"
	"\t0) mapfile -t COMPREPLY < <(compgen -A hostname -- \"$word\") ;;\n"
	"\t1) mapfile -t COMPREPLY < <(compgen -A service -- \"$word\") ;;\n"
	"\tesac\n"
	"}\n"
	"complete -F _yodel yodel\n";

static bool is_valued(const struct command_option *option)
{
	return option->argument != NULL;
}

static bool is_file(const struct command_option *option)
{
	return is_valued(option) &&
	       (strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "PATH") == 0);
}

static bool is_any(const struct command_option *option)
{
	(void)option;
	return true;
}

/* Both forms of the options that are wanted. */
static void print_forms(
	const struct command_option *options, bool (*is_wanted)(const struct command_option *))
{
	for (; options != NULL && options->row.path != NULL; options++) {
		if (!is_wanted(options))
			continue;
		printf(" --%s", options->row.path);
		if (options->letter != '\0')
			printf(" -%c", options->letter);
	}
}

static void print_words(const char *variable, const struct command *command,
	bool (*is_wanted)(const struct command_option *))
{
	printf("\t\t%s=\"", variable);
	print_forms(command->options, is_wanted);
	print_forms(shared_options, is_wanted);
	puts("\"");
}

static int run(const struct request *request, const void *settings)
{
	(void)request;
	(void)settings;
	printf("%s\tlocal commands=\"", head);
	for (size_t i = 0; commands[i] != NULL; i++)
		printf(" %s", commands[i]->name);
	puts("\"\n\tcase ${COMP_WORDS[1]} in");
	for (size_t i = 0; commands[i] != NULL; i++) {
		printf("\t%s)\n", commands[i]->name);
		print_words("options", commands[i], is_any);
		print_words("valued", commands[i], is_valued);
		print_words("files", commands[i], is_file);
		puts("\t\t;;");
	}
	fputs(tail, stdout);
	return CLIENT_OK;
}

const struct command command_completion = {
	.name = "completion",
	.arguments = "",
	.help = "print the completion for bash",
	.manual = "Completion",
	.run = run,
};
