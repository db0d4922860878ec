/* SPDX-License-Identifier: MIT */
#include "yodel/base/option.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Whether the file may hold this port as a bare number: 007 or -0 would not be read back as they are. */
static bool is_plain_number(const char *text)
{
	char plain[PARSE_TEXT_BYTES];
	int64_t number;

	if (!parse_integer(text, &number))
		return false;
	snprintf(plain, sizeof plain, "%" PRId64, number);
	return strcmp(plain, text) == 0;
}

static void print_string(FILE *out, const char *text)
{
	size_t room = strlen(text) * 4 + 1;
	char *quoted = malloc(room);

	CHECK(quoted != NULL);
	text_quote(quoted, room, text, strlen(text));
	fprintf(out, "\"%s\"", quoted);
	free(quoted);
}

static void print_port(FILE *out, const char *text)
{
	if (is_plain_number(text))
		fputs(text, out);
	else
		print_string(out, text);
}

static void print_element(FILE *out, const struct option_row *option, const void *element)
{
	if (!option_has_groups(option)) {
		option_print_value(out, option->elements, element);
		return;
	}
	fputc('{', out);
	for (const struct option_row *row = option->elements; row->path != NULL; row++) {
		fprintf(out, " %s = ", row->path);
		option_print_value(out, row, element);
		fputc(';', out);
	}
	fputs(" }", out);
}

static void print_list(
	FILE *out, const struct option_row *option, const void *base, const char *gap)
{
	const struct option_list *list = (const void *)((const char *)base + option->offset);

	fputc('(', out);
	for (size_t i = 0; i < list->count; i++) {
		fprintf(out, "%s%s", i == 0 ? "" : ",", gap);
		print_element(out, option, option_element(option, base, i));
	}
	fputs(list->count == 0 ? ")" : " )", out);
}

void option_print_value(FILE *out, const struct option_row *option, const void *base)
{
	const void *place = (const char *)base + option->offset;
	char text[PARSE_TEXT_BYTES];

	switch (option->type) {
	case OPTION_BOOL:
		fputs(*(const bool *)place ? "true" : "false", out);
		return;
	case OPTION_INTEGER:
		fprintf(out, "%" PRId64, *(const int64_t *)place);
		return;
	case OPTION_DURATION:
		format_duration(text, *(const int64_t *)place);
		break;
	case OPTION_SIZE:
		format_size(text, *(const int64_t *)place);
		break;
	case OPTION_RATE:
		format_rate(text, *(const struct rate *)place);
		break;
	case OPTION_CHOICE:
		fprintf(out, "\"%s\"", option->choices[*(const int *)place]);
		return;
	case OPTION_STRING:
		print_string(out, *(char *const *)place);
		return;
	case OPTION_PORT:
		print_port(out, *(char *const *)place);
		return;
	case OPTION_LIST:
		print_list(out, option, base, " ");
		return;
	}
	fprintf(out, "\"%s\"", text);
}

void option_print_default(FILE *out, const struct option_row *option, const char *gap)
{
	struct option_row row = *option;
	union {
		int64_t number;
		struct rate rate;
		char *string;
		struct option_list list;
	} value;

	memset(&value, 0, sizeof value);
	row.offset = 0;
	option_store_default(&row, &value);
	if (row.type == OPTION_LIST)
		print_list(out, &row, &value, gap);
	else
		option_print_value(out, &row, &value);
	option_free_value(&row, &value);
}
