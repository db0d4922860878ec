/* SPDX-License-Identifier: MIT */
#include "yodel/base/option.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND_MS = 1000 };

/* A value on its way from text to its place. */
union value {
	bool boolean;
	int64_t number;
	struct rate rate;
	int index;
};

const struct option_row *option_find(const struct option_row *table, const char *path)
{
	for (const struct option_row *option = table; option->path != NULL; option++)
		if (strcmp(option->path, path) == 0)
			return option;
	return NULL;
}

static bool is_in_bounds(const struct option_row *option, int64_t number)
{
	return number >= option->min && number <= option->max;
}

static bool parse_bool(const char *text, bool *value)
{
	bool is_true = strcasecmp(text, "true") == 0, is_false = strcasecmp(text, "false") == 0;

	*value = is_true;
	return is_true || is_false;
}

static bool parse_choice(const struct option_row *option, const char *text, int *index)
{
	for (*index = 0; option->choices[*index] != NULL; ++*index)
		if (strcmp(option->choices[*index], text) == 0)
			return true;
	return false;
}

static bool is_port(const char *text)
{
	int64_t number;

	if (parse_integer(text, &number))
		return number >= 0 && number <= UINT16_MAX;
	if (!isalpha((unsigned char)*text))
		return false;
	return text[strspn(text,
		       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_+.")] ==
	       '\0';
}

static bool is_text_good(const struct option_row *option, const char *text, union value *value)
{
	switch (option->type) {
	case OPTION_BOOL:
		return parse_bool(text, &value->boolean);
	case OPTION_INTEGER:
		return parse_integer(text, &value->number) && is_in_bounds(option, value->number);
	case OPTION_DURATION:
		return parse_duration(text, &value->number) &&
		       is_in_bounds(option, value->number) &&
		       (option->step == 0 || value->number % option->step == 0);
	case OPTION_SIZE:
		return parse_size(text, &value->number) && is_in_bounds(option, value->number);
	case OPTION_RATE:
		return parse_rate(text, &value->rate) && is_in_bounds(option, value->rate.count);
	case OPTION_CHOICE:
		return parse_choice(option, text, &value->index);
	case OPTION_PORT:
		return is_port(text);
	case OPTION_STRING:
		return true;
	case OPTION_LIST:
		return parse_integer(text, &value->number) && is_in_bounds(option, value->number);
	}
	return false;
}

static bool is_kind_good(enum option_type type, enum value_kind kind)
{
	if (type == OPTION_LIST)
		return kind == VALUE_LIST;
	switch (kind) {
	case VALUE_WORD:
		return true;
	case VALUE_BOOL:
		return type == OPTION_BOOL;
	case VALUE_INTEGER:
		return type != OPTION_BOOL && type != OPTION_CHOICE && type != OPTION_STRING;
	case VALUE_STRING:
		return type != OPTION_BOOL && type != OPTION_INTEGER;
	case VALUE_FLOAT:
	case VALUE_GROUP:
	case VALUE_LIST:
		return false;
	}
	return false;
}

static void append(char text[OPTION_WHY_BYTES], const char *format, ...) PRINTF_LIKE(2, 3);
static void append(char text[OPTION_WHY_BYTES], const char *format, ...)
{
	size_t used = strlen(text);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text + used, OPTION_WHY_BYTES - used, format, arguments);
	va_end(arguments);
}

static void describe_bounds(const struct option_row *option,
	void (*format)(char text[PARSE_TEXT_BYTES], int64_t value), const char *noun,
	char text[OPTION_WHY_BYTES])
{
	char min[PARSE_TEXT_BYTES], max[PARSE_TEXT_BYTES];

	format(min, option->min);
	format(max, option->max);
	append(text, "%s from %s to %s", noun, min, max);
}

static void describe_list(const struct option_row *option, char text[OPTION_WHY_BYTES])
{
	char element[OPTION_WHY_BYTES];

	append(text, "a list of %" PRId64 " to %" PRId64, option->min, option->max);
	if (!option_has_groups(option)) {
		option_describe(option->elements, element);
		append(text, " values ( ..., ... ), each %s", element);
		return;
	}
	append(text, " groups ( {");
	for (const struct option_row *row = option->elements; row->path != NULL; row++)
		append(text, " %s = ...;", row->path);
	append(text, " }, ... )");
}

void option_describe(const struct option_row *option, char text[OPTION_WHY_BYTES])
{
	text[0] = '\0';
	switch (option->type) {
	case OPTION_BOOL:
		append(text, "true or false");
		break;
	case OPTION_INTEGER:
		append(text, "an integer from %" PRId64 " to %" PRId64, option->min, option->max);
		break;
	case OPTION_DURATION:
		describe_bounds(
			option, format_duration, "a duration like 500ms, 30s, 5m or 2h", text);
		if (option->step == SECOND_MS)
			append(text, ", in whole seconds");
		break;
	case OPTION_SIZE:
		describe_bounds(option, format_size, "a size like 512, 64k or 1M", text);
		break;
	case OPTION_RATE:
		append(text, "a rate like 50/s or 100/m of %" PRId64 " to %" PRId64, option->min,
			option->max);
		break;
	case OPTION_CHOICE:
		append(text, "one of");
		for (size_t i = 0; option->choices[i] != NULL; i++)
			append(text, "%s %s", i == 0 ? "" : ",", option->choices[i]);
		break;
	case OPTION_PORT:
		append(text, "a port from 0 to 65535 or a service name");
		break;
	case OPTION_STRING:
		append(text, "a string");
		break;
	case OPTION_LIST:
		describe_list(option, text);
		break;
	}
}

static void describe_seen(enum value_kind kind, const char *text, char why[OPTION_WHY_BYTES])
{
	static const char *const nouns[] = {
		[VALUE_BOOL] = "the boolean ",
		[VALUE_INTEGER] = "",
		[VALUE_STRING] = "",
		[VALUE_FLOAT] = "the floating-point number ",
		[VALUE_GROUP] = "a group",
		[VALUE_LIST] = "a list of ",
		[VALUE_WORD] = "",
	};
	bool has_quotes = kind == VALUE_STRING || kind == VALUE_WORD;
	char escaped[80];

	text_escape(escaped, sizeof escaped, text, strlen(text));
	append(why, ", got %s%s%s%s", nouns[kind], has_quotes ? "\"" : "", escaped,
		has_quotes ? "\"" : "");
}

static void suggest_choice(
	const struct option_row *option, const char *text, char why[OPTION_WHY_BYTES])
{
	size_t best = SIZE_MAX;
	const char *nearest = NULL;

	for (size_t i = 0; option->choices[i] != NULL; i++)
		if (text_is_nearer(text, option->choices[i], &best))
			nearest = option->choices[i];
	if (nearest != NULL)
		append(why, " (did you mean \"%s\"?)", nearest);
}

bool option_check(const struct option_row *option, enum value_kind kind, const char *text,
	char why[OPTION_WHY_BYTES])
{
	char allowed[OPTION_WHY_BYTES];
	union value value;
	bool is_good = is_kind_good(option->type, kind) && is_text_good(option, text, &value);

	if (is_good && (option->check == NULL || option->check(text, allowed)))
		return true;
	if (option->type == OPTION_LIST && kind == VALUE_WORD)
		snprintf(allowed, sizeof allowed, "a list, which can only be set in the file");
	else if (!is_good)
		option_describe(option, allowed);
	why[0] = '\0';
	append(why, "expected %s", allowed);
	describe_seen(kind, text, why);
	if (option->type == OPTION_CHOICE && (kind == VALUE_STRING || kind == VALUE_WORD))
		suggest_choice(option, text, why);
	return false;
}

static void *place_of(const struct option_row *option, void *base)
{
	return (char *)base + option->offset;
}

static void store_string(char **place, const char *text)
{
	free(*place);
	*place = strdup(text);
	CHECK(*place != NULL);
}

bool option_has_groups(const struct option_row *option)
{
	return option->elements[0].path[0] != '\0';
}

void *option_element(const struct option_row *option, const void *base, size_t index)
{
	const struct option_list *list = (const void *)((const char *)base + option->offset);

	return (char *)list->items + index * option->element_bytes;
}

static void store_list(const struct option_row *option, size_t count, void *base)
{
	struct option_list *list = place_of(option, base);

	option_free_value(option, base);
	if (count == 0)
		return;
	list->items = calloc(count, option->element_bytes);
	CHECK(list->items != NULL);
	list->count = count;
	for (size_t i = 0; i < count; i++)
		option_store_defaults(option->elements, option_element(option, base, i));
}

void option_store(const struct option_row *option, const char *text, void *base)
{
	void *place = place_of(option, base);
	union value value;

	CHECK(is_text_good(option, text, &value));
	switch (option->type) {
	case OPTION_BOOL:
		*(bool *)place = value.boolean;
		break;
	case OPTION_INTEGER:
	case OPTION_DURATION:
	case OPTION_SIZE:
		*(int64_t *)place = value.number;
		break;
	case OPTION_RATE:
		*(struct rate *)place = value.rate;
		break;
	case OPTION_CHOICE:
		*(int *)place = value.index;
		break;
	case OPTION_STRING:
	case OPTION_PORT:
		store_string(place, text);
		break;
	case OPTION_LIST:
		store_list(option, (size_t)value.number, base);
		break;
	}
}

static size_t count_rows(const struct option_row *table)
{
	size_t count = 0;

	while (table[count].path != NULL)
		count++;
	return count;
}

static void store_default_list(const struct option_row *option, void *base)
{
	const char *const *texts = option->default_elements;
	size_t count = 0, width = count_rows(option->elements);

	while (texts != NULL && texts[count] != NULL)
		count++;
	CHECK(width > 0 && count % width == 0);
	store_list(option, count / width, base);
	for (size_t i = 0; i < count; i++)
		option_store(&option->elements[i % width], texts[i],
			option_element(option, base, i / width));
}

void option_store_default(const struct option_row *option, void *base)
{
	if (option->type == OPTION_LIST)
		store_default_list(option, base);
	else if (option->default_value != NULL)
		option_store(option, option->default_value, base);
}

void option_store_defaults(const struct option_row *table, void *base)
{
	for (const struct option_row *option = table; option->path != NULL; option++)
		option_store_default(option, base);
}

static void free_list(const struct option_row *option, void *base)
{
	struct option_list *list = place_of(option, base);

	for (size_t i = 0; i < list->count; i++)
		option_free_values(option->elements, option_element(option, base, i));
	free(list->items);
	*list = (struct option_list){.count = 0};
}

static void free_string(char **place)
{
	free(*place);
	*place = NULL;
}

void option_free_value(const struct option_row *option, void *base)
{
	if (option->type == OPTION_LIST)
		free_list(option, base);
	else if (option->type == OPTION_STRING || option->type == OPTION_PORT)
		free_string(place_of(option, base));
}

void option_free_values(const struct option_row *table, void *base)
{
	for (const struct option_row *option = table; option->path != NULL; option++)
		option_free_value(option, base);
}
