/* SPDX-License-Identifier: MIT */
#include "yodel/config/config.h"

#include <string.h>

static const char *origin_of(const struct assignments *assignments, const char *path, int listener)
{
	const struct assignment *item = config_decide(assignments, path, listener);

	return item != NULL ? item->origin : "default";
}

static void print_table(FILE *out, const struct option_row *table, const void *base,
	const struct assignments *assignments, int listener)
{
	for (const struct option_row *row = table; row->path != NULL; row++) {
		if (listener != SCOPE_TOP)
			fprintf(out, "listen.[%d].", listener);
		fprintf(out, "%s = ", row->path);
		option_print_value(out, row, base);
		fprintf(out, "  # %s\n", origin_of(assignments, row->path, listener));
	}
}

void config_print(FILE *out, const struct config *config, const struct assignments *assignments)
{
	print_table(out, daemon_options, config, assignments, SCOPE_TOP);
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct listener_settings *listener = &config->listeners[i];

		print_table(out, listener_options, listener, assignments, (int)i);
		if (listener->service_settings != NULL)
			print_table(out, listener->schema->options, listener->service_settings,
				assignments, (int)i);
	}
}

static void print_rows(FILE *out, const struct option_row *table)
{
	for (const struct option_row *row = table; row->path != NULL; row++) {
		fprintf(out, "  %s = ", row->path);
		option_print_default(out, row, "\n      ");
		fprintf(out, "\n      %s\n", row->help);
	}
}

void config_print_options(FILE *out, const struct service_schema *schemas)
{
	fputs("Options of the daemon, with their defaults:\n", out);
	print_rows(out, daemon_options);
	fputs("\nOptions of each listener, or at the top for all of them:\n", out);
	print_rows(out, listener_options);
	for (const struct service_schema *schema = schemas; schema->name != NULL; schema++) {
		if (schema->options == NULL)
			continue;
		fprintf(out, "\nOptions of service %s:\n", schema->name);
		print_rows(out, schema->options);
	}
}
