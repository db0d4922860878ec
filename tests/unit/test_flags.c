/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "yodel/base/flags.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static const struct flag flags[] = {
	{'c', "config", "FILE", "read this file"},
	{'\0', "json", NULL, "print JSON"},
	{'t', "test", NULL, "test"},
};

enum { COUNT = sizeof flags / sizeof *flags };

/* Reads words up to the end or the first error, and writes what came: "c=FILE json | REST". */
static void read_words(const char *const *words, char seen[256], struct error *error)
{
	char *argv[16] = {NULL};
	int argc = 0, row;
	size_t used = 0;

	for (; words[argc] != NULL; argc++)
		argv[argc] = strdup(words[argc]);
	memset(error, 0, sizeof *error);
	seen[0] = '\0';
	flags_begin();
	char *copies[16];
	memcpy(copies, argv, sizeof copies);
	while ((row = flags_next(flags, COUNT, argc, argv, error)) >= 0)
		used += (size_t)snprintf(seen + used, 256 - used, "%s%s%s ", flags[row].name,
			flags[row].argument != NULL ? "=" : "",
			flags[row].argument != NULL ? optarg : "");
	if (row == FLAGS_BAD)
		used += (size_t)snprintf(seen + used, 256 - used, "! %s", error->message);
	else
		for (int i = optind; i < argc; i++)
			used += (size_t)snprintf(seen + used, 256 - used, "| %s ", argv[i]);
	for (int i = 0; i < argc; i++)
		free(copies[i]);
}

#define assert_reads(expected, ...)                                                                \
	do {                                                                                       \
		const char *words_[] = {"program", __VA_ARGS__, NULL};                             \
		char seen_[256];                                                                   \
		struct error error_;                                                               \
		read_words(words_, seen_, &error_);                                                \
		assert_string_equal(seen_, expected);                                              \
		assert_int_equal(error_.exit_code, strchr(expected, '!') != NULL ? EX_USAGE : 0);  \
	} while (0)

static void options_are_read_in_all_their_forms(void **state)
{
	(void)state;
	assert_reads("config=a ", "-c", "a");
	assert_reads("config=a ", "-ca");
	assert_reads("config=a ", "--config=a");
	assert_reads("config=a ", "--config", "a");
	assert_reads("config= ", "--config=");
	assert_reads("test config=a ", "-tca");
	assert_reads("json test ", "--json", "--test");
	assert_reads("json ", "--js");
}

static void options_may_stand_between_arguments(void **state)
{
	(void)state;
	assert_reads("test json | host | port ", "host", "-t", "port", "--json");
	assert_reads("test | host | -t | - ", "host", "-t", "--", "-t", "-");
}

static void wrong_words_are_named(void **state)
{
	(void)state;
	assert_reads("! unknown or malformed option \"-z\"; try --help", "-z");
	assert_reads("test ! unknown or malformed option \"-z\"; try --help", "--test", "-zc");
	assert_reads("test ! unknown or malformed option \"-z\"; try --help", "-tz");
	assert_reads("! unknown or malformed option \"--nix=1\"; try --help", "--nix=1");
	assert_reads("! unknown or malformed option \"--test=1\"; try --help", "--test=1");
	assert_reads("! option \"-c\" needs an argument; try --help", "-c");
	assert_reads("test ! option \"-c\" needs an argument; try --help", "-tc");
	assert_reads("! option \"--config\" needs an argument; try --help", "--config");
	assert_reads(
		"json ! option \"--config\" needs an argument; try --help", "--json", "--config");
}

static void help_has_a_line_for_each(void **state)
{
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	(void)state;
	flags_print(out, flags, COUNT, 24);
	fclose(out);
	assert_string_equal(text, "  -c, --config FILE     read this file\n"
				  "  --json                print JSON\n"
				  "  -t, --test            test\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_are_read_in_all_their_forms),
		cmocka_unit_test(options_may_stand_between_arguments),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(help_has_a_line_for_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
