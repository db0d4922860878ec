/* SPDX-License-Identifier: MIT */
#include "yodel/base/flags.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <getopt.h>
#include <stdbool.h>
#include <string.h>
#include <sysexits.h>

/* What getopt_long returns for row 0; no character is as large. */
enum { FIRST_ROW = 1000, WORD_BYTES = 256 };

/*
 * Both forms of the table that getopt_long wants.
 *   letters   ":" and up to two characters a flag       names   one a flag and an end
 */
static void fill_getopt_tables(const struct flag *flags, size_t count,
	char letters[2 * FLAGS_MAX + 2], struct option names[FLAGS_MAX + 1])
{
	*letters++ = ':';
	for (size_t i = 0; i < count; i++) {
		int has_argument = flags[i].argument != NULL;

		names[i] = (struct option){flags[i].name, has_argument, NULL, FIRST_ROW + (int)i};
		if (flags[i].letter == '\0')
			continue;
		*letters++ = flags[i].letter;
		if (has_argument)
			*letters++ = ':';
	}
	*letters = '\0';
	names[count] = (struct option){.name = NULL};
}

static int usage_error(int result, const char *word, struct error *error)
{
	char short_form[] = {'-', (char)optopt, '\0'};
	/* A long one has the number of its row there, or 0. */
	bool is_short = optopt > 0 && optopt < FIRST_ROW;

	char shown[WORD_BYTES];

	text_show(shown, sizeof shown, is_short ? short_form : word,
		strlen(is_short ? short_form : word));
	if (result == ':')
		error_set(error, EX_USAGE, "option \"%s\" needs an argument; try --help", shown);
	else
		error_set(error, EX_USAGE, "unknown or malformed option \"%s\"; try --help", shown);
	return FLAGS_BAD;
}

/* getopt_long returns letters of the table only. */
static int row_of_letter(const struct flag *flags, size_t count, int letter)
{
	size_t i = 0;

	while (i < count && flags[i].letter != letter)
		i++;
	CHECK(i < count);
	return (int)i;
}

void flags_begin(void)
{
	opterr = 0;
	optind = 0; /* start afresh, even where the last reading ended within a word */
}

int flags_next(const struct flag *flags, size_t count, int argc, char **argv, struct error *error)
{
	char letters[2 * FLAGS_MAX + 2];
	struct option names[FLAGS_MAX + 1];

	CHECK(count <= FLAGS_MAX);
	fill_getopt_tables(flags, count, letters, names);
	int result = getopt_long(argc, argv, letters, names, NULL);
	if (result == -1)
		return FLAGS_END;
	if (result == '?' || result == ':')
		return usage_error(result, argv[optind - 1], error);
	return result >= FIRST_ROW ? result - FIRST_ROW : row_of_letter(flags, count, result);
}

void flags_print(FILE *out, const struct flag *flags, size_t count, int column)
{
	for (size_t i = 0; i < count; i++) {
		char letter[] = {'-', flags[i].letter, ',', ' ', '\0'};
		char left[64];

		snprintf(left, sizeof left, "%s--%s%s%s", flags[i].letter != '\0' ? letter : "",
			flags[i].name, flags[i].argument != NULL ? " " : "",
			flags[i].argument != NULL ? flags[i].argument : "");
		fprintf(out, "  %-*s %s\n", column - 3, left, flags[i].help);
	}
}
