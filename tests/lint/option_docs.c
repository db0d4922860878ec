/* SPDX-License-Identifier: MIT */
/*
 * Prints what the option tables say in the form of a document: option_docs
 * conf|mdoc|markdown|words. A line "%% NAME" opens the section that generated_docs.py puts between
 * the markers of that name.
 */
#include "yodel/base/check.h"
#include "yodel/config/config.h"
#include "yodel/service/service.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a line may get. */
enum { CONF_COLUMNS = 100, MDOC_COLUMNS = 80 };

/* The default as the file would have it, "" where a value must be given; the caller frees it. */
static char *default_of(const struct option_row *row, const char *gap)
{
	char *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);

	CHECK(out != NULL);
	if (row->type == OPTION_LIST || row->default_value != NULL)
		option_print_default(out, row, gap);
	fclose(out);
	return text;
}

/* --- The shipped file ------------------------------------------------------------------------ */

/* Writes text in lines that begin with prefix and have at most room further characters, folded
 * between words. */
static void print_folded(const char *prefix, size_t room, const char *text)
{
	while (*text != '\0') {
		size_t length = strlen(text);

		if (length > room)
			for (length = room; length > 0 && text[length] != ' ';)
				length--;
		if (length == 0)
			length = strcspn(text, " ");
		bool is_request = *prefix == '\0' && *text == '.'; /* to roff(7) */
		printf("%s%s%.*s\n", prefix, is_request ? "\\&" : "", (int)length, text);
		text += length + (text[length] == ' ');
	}
}

static void print_comment(const char *indent, const char *text)
{
	char prefix[8];

	snprintf(prefix, sizeof prefix, "%s# ", indent);
	print_folded(prefix, CONF_COLUMNS - strlen(indent) * 8 - strlen("# "), text);
}

/* What the row allows; the examples that option_describe gives of a form are told once elsewhere.
 */
static void describe(const struct option_row *row, char text[OPTION_WHY_BYTES])
{
	option_describe(row, text);
	char *examples = strstr(text, " like ");
	char *rest = examples != NULL ? strstr(examples, " from ") : NULL;

	if (examples != NULL && rest == NULL)
		rest = strstr(examples, " of ");
	if (rest != NULL)
		memmove(examples, rest, strlen(rest) + 1);
}

/* Of a string or a truth value the help has said it all. */
static bool has_bounds(const struct option_row *row)
{
	return row->type != OPTION_STRING && row->type != OPTION_PORT && row->type != OPTION_BOOL;
}

static void print_conf_help(const struct option_row *row, const char *indent, const char *owner)
{
	char allowed[OPTION_WHY_BYTES], text[OPTION_WHY_BYTES + 256];

	snprintf(text, sizeof text, "%s%s.", owner, row->help);
	print_comment(indent, text);
	if (!has_bounds(row))
		return;
	describe(row, allowed);
	snprintf(text, sizeof text, "%c%s.", toupper((unsigned char)allowed[0]), allowed + 1);
	print_comment(indent, text);
}

/* gap: in front of each element of a list */
static void print_conf_value(const struct option_row *row, const char *name, const char *gap)
{
	printf("%s = ", name);
	option_print_default(stdout, row, gap);
	puts(";");
}

static void print_conf_row(const struct option_row *row, const char *indent, const char *name)
{
	char gap[8];

	snprintf(gap, sizeof gap, "\n%s\t", indent);
	print_conf_help(row, indent, "");
	fputs(indent, stdout);
	print_conf_value(row, name, gap);
}

/* "limits" of "limits.max_per_peer"; returns 0 for a path without a group. */
static size_t group_length(const char *path)
{
	const char *dot = strchr(path, '.');

	return dot != NULL ? (size_t)(dot - path) : 0;
}

static bool is_in_group(const struct option_row *row, const char *group, size_t length)
{
	return group_length(row->path) == length && strncmp(row->path, group, length) == 0;
}

static void print_conf_scalars(const struct option_row *table)
{
	for (const struct option_row *row = table; row->path != NULL; row++) {
		if (group_length(row->path) != 0)
			continue;
		print_conf_row(row, "", row->path);
		putchar('\n');
	}
}

static void print_member(const struct option_row *row, size_t prefix, bool *is_first)
{
	if (!*is_first)
		putchar('\n');
	*is_first = false;
	print_conf_row(row, "\t", row->path + prefix + 1);
}

/* At the top of the file a path that both tables have means the daemon. */
static void print_group_members(const char *group, size_t length)
{
	bool is_first = true;

	for (const struct option_row *row = listener_options; row->path != NULL; row++) {
		const struct option_row *of_daemon = option_find(daemon_options, row->path);

		if (is_in_group(row, group, length))
			print_member(of_daemon != NULL ? of_daemon : row, length, &is_first);
	}
	for (const struct option_row *row = daemon_options; row->path != NULL; row++)
		if (is_in_group(row, group, length) &&
			option_find(listener_options, row->path) == NULL)
			print_member(row, length, &is_first);
}

static bool is_group_done(
	const struct option_row *table, const struct option_row *end, const char *group)
{
	for (; table != end && table->path != NULL; table++)
		if (is_in_group(table, group, group_length(group)))
			return true;
	return false;
}

/* Each group once, where its first member stands in the tables. */
static void print_conf_groups(const struct option_row *table)
{
	for (const struct option_row *row = table; row->path != NULL; row++) {
		size_t length = group_length(row->path);

		if (length == 0 || is_group_done(table, row, row->path) ||
			(table == daemon_options &&
				is_group_done(listener_options, NULL, row->path)))
			continue;
		printf("%.*s:\n{\n", (int)length, row->path);
		print_group_members(row->path, length);
		puts("};\n");
	}
}

static void print_conf_service(const struct service_schema *schema)
{
	char owner[64];

	snprintf(owner, sizeof owner, "Service %s: ", schema->name);
	for (const struct option_row *row = schema->options; row != NULL && row->path != NULL;
		row++) {
		print_conf_help(row, "", owner);
		putchar('#');
		print_conf_value(row, row->path, "\n#\t");
	}
}

static void print_conf(void)
{
	puts("%% options");
	print_conf_scalars(listener_options);
	print_conf_scalars(daemon_options);
	print_conf_groups(listener_options);
	print_conf_groups(daemon_options);
	puts("%% services");
	for (const struct service_schema *schema = service_schemas; schema->name != NULL; schema++)
		print_conf_service(schema);
}

/* --- The manual ------------------------------------------------------------------------------ */

/* Text that roff(7) takes for nothing else, also as the argument of a macro. */
static void print_roff(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputs("\\(dq", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
	}
}

static void print_mdoc_table(const struct option_row *table);

static void print_mdoc_block(const char *text)
{
	puts("The default is");
	puts(".Bd -literal -offset indent -compact");
	print_roff(text);
	puts("\n.Ed");
}

/* A default of several lines stands below, others beside the name. */
static void print_mdoc_row(const struct option_row *row)
{
	char allowed[OPTION_WHY_BYTES], text[OPTION_WHY_BYTES + 256];
	char *value = default_of(row, "\n  ");
	bool has_lines = strchr(value, '\n') != NULL;

	printf(".It Ic %s%s", row->path, *value == '\0' || has_lines ? "" : " No = ");
	print_roff(has_lines ? "" : value);
	putchar('\n');
	snprintf(text, sizeof text, "%s.", row->help);
	print_folded("", MDOC_COLUMNS, text);
	if (*value == '\0')
		puts("It must be given.");
	describe(row, allowed);
	snprintf(text, sizeof text, "Takes %s.", allowed);
	if (row->type != OPTION_STRING)
		print_folded("", MDOC_COLUMNS, text);
	if (row->type == OPTION_LIST && option_has_groups(row))
		print_mdoc_table(row->elements);
	if (has_lines)
		print_mdoc_block(value);
	free(value);
}

static void print_mdoc_table(const struct option_row *table)
{
	puts(".Bl -tag -width Ds");
	for (; table->path != NULL; table++)
		print_mdoc_row(table);
	puts(".El");
}

static void print_mdoc_section(const char *section, const struct option_row *table)
{
	printf("%%%% %s\n", section);
	print_mdoc_table(table);
}

/* --- The page for a browser ------------------------------------------------------------------ */

static void print_escaped(const char *text)
{
	for (; *text != '\0'; text++) {
		if (strchr("|<>*_", *text) != NULL)
			putchar('\\');
		putchar(*text);
	}
}

static void print_markdown_rows(const char *prefix, const struct option_row *table)
{
	char allowed[OPTION_WHY_BYTES], inner[OPTION_WHY_BYTES];

	for (; table->path != NULL; table++) {
		char *value = default_of(table, " ");

		describe(table, allowed);
		printf("| `%s%s` | ", prefix, table->path);
		if (*value != '\0')
			printf("`%s` | ", value);
		else
			fputs("must be given | ", stdout);
		print_escaped(allowed);
		fputs(" | ", stdout);
		print_escaped(table->help);
		puts(" |");
		snprintf(inner, sizeof inner, "%s.[N].", table->path);
		if (table->type == OPTION_LIST && option_has_groups(table))
			print_markdown_rows(inner, table->elements);
		free(value);
	}
}

static void print_markdown_section(const char *section, const struct option_row *table)
{
	printf("%%%% %s\n| option | default | takes | meaning |\n|---|---|---|---|\n", section);
	print_markdown_rows("", table);
}

static void print_tables(void (*print)(const char *section, const struct option_row *table))
{
	print("daemon", daemon_options);
	print("listener", listener_options);
	for (const struct service_schema *schema = service_schemas; schema->name != NULL; schema++)
		if (schema->options != NULL)
			print(schema->name, schema->options);
}

/* --- Words that documents have to hold ------------------------------------------------------- */

static void print_words(void)
{
	puts("%% services");
	for (const struct service_schema *schema = service_schemas; schema->name != NULL; schema++)
		puts(schema->name);
	puts("%% service help");
	puts(option_find(listener_options, "service")->help);
	puts("%% close reasons");
	for (int reason = CLOSE_NONE + 1; reason < CLOSE_REASON_COUNT; reason++)
		puts(close_reason_word((enum close_reason)reason));
}

int main(int argc, char **argv)
{
	const char *form = argc == 2 ? argv[1] : "";

	if (strcmp(form, "conf") == 0)
		print_conf();
	else if (strcmp(form, "mdoc") == 0)
		print_tables(print_mdoc_section);
	else if (strcmp(form, "markdown") == 0)
		print_tables(print_markdown_section);
	else if (strcmp(form, "words") == 0)
		print_words();
	else
		return fputs("Usage: option_docs conf|mdoc|markdown|words\n", stderr), EXIT_FAILURE;
	return EXIT_SUCCESS;
}
