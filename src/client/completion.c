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
	"\t# Words between blanks: those of bash are broken at \":\" and \"=\", too.\n"
	"\tlocal IFS=$' \\t\\n' line=${COMP_LINE:0:COMP_POINT}\n"
	"\tlocal -a words=() offer=()\n"
	"\tlocal options='' valued='' files='' place=2 option='' is_over='' lead='' i\n"
	"\tread -ra words <<< \"$line\"\n"
	"\t[[ $line != *[[:blank:]] ]] || words+=(\"\")\n"
	"\tlocal last=$((${#words[@]} - 1))\n"
	"\tlocal whole=${words[last]} word=${words[last]}\n"
	"\n"
	"\tCOMPREPLY=()\n";
static const char tail[] =
	"\tesac\n"
	"\t# What the last word is depends on those before. place: 0 HOST, 1 PORT.\n"
	"\tfor ((i = 2; i < last; i++)); do\n"
	"\t\tif [[ -n $option ]]; then\n"
	"\t\t\toption=''\n"
	"\t\telif [[ -n $is_over || ${words[i]} != -* ]]; then\n"
	"\t\t\t((place++))\n"
	"\t\telif [[ ${words[i]} == -- ]]; then\n"
	"\t\t\tis_over=true\n"
	"\t\telif [[ \" $valued \" == *\" ${words[i]} \"* ]]; then\n"
	"\t\t\toption=${words[i]}\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tif [[ -z $option && -z $is_over && $word == --*=* ]]; then\n"
	"\t\toption=${word%%=*}\n"
	"\t\tlead=$option=\n"
	"\telif [[ -z $option && $word == unix:* ]] && ((place == 0)); then\n"
	"\t\tlead=unix:\n"
	"\tfi\n"
	"\tword=${word#\"$lead\"}\n"
	"\tif ((last == 1)); then\n"
	"\t\toffer=(-W \"$commands --help --version\")\n"
	"\telif [[ $lead == unix: || -n $option && \" $files \" == *\" $option \"* ]]; then\n"
	"\t\toffer=(-f)\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\telif [[ -n $option ]]; then\n"
	"\t\treturn\n"
	"\telif [[ -z $is_over && $word == -* ]]; then\n"
	"\t\toffer=(-W \"$options\")\n"
	"\telif ((place == 0)); then\n"
	"\t\toffer=(-A hostname)\n"
	"\telif ((place == 1)); then\n"
	"\t\toffer=(-A service)\n"
	"\telse\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tmapfile -t COMPREPLY < <(compgen -P \"$lead\" \"${offer[@]}\" -- \"$word\")\n"
	"\t# Bash replaces only what stands behind the last place where it breaks words.\n"
	"\tlocal breaks=${COMP_WORDBREAKS//[!:=]/}\n"
	"\t[[ -z $breaks ]] || COMPREPLY=(\"${COMPREPLY[@]#\"${whole%\"${whole##*[\"$breaks\"]}\"}\"}\")\n"
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
	print_forms(command_more_options(command), is_wanted);
	print_forms(shared_options, is_wanted);
	print_forms(tls_options, is_wanted);
	puts("\"");
}

static int run(const struct request *request, const void *settings)
{
	(void)request;
	(void)settings;
	printf("%s\tlocal commands=\"", head);
	for (size_t i = 0; commands[i] != NULL; i++)
		printf(" %s", commands[i]->name);
	puts("\"\n\tcase ${words[1]} in");
	for (size_t i = 0; commands[i] != NULL; i++) {
		printf("\t%s)\n", commands[i]->name);
		print_words("options", commands[i], is_any);
		print_words("valued", commands[i], is_valued);
		print_words("files", commands[i], is_file);
		if (commands[i]->has_target)
			puts("\t\tplace=0");
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
