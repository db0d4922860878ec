/* SPDX-License-Identifier: MIT */
#include "yodel/config/literals.h"

#include "yodel/base/check.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"

enum { PLACE_BYTES = 512, NAME_BYTES = 64 };

struct scan {
	const char *file, *text; /* as the caller gave them */
	const char *at;
	unsigned line;
	const char *name; /* of the last setting, name_length characters */
	size_t name_length;
	struct problems *problems;
	const struct literals_visitor *visitor;
};

static void advance(struct scan *scan, size_t count)
{
	for (; count > 0 && *scan->at != '\0'; count--) {
		if (*scan->at == '\n')
			scan->line++;
		scan->at++;
	}
}

static void place_of(const struct scan *scan, char place[PLACE_BYTES])
{
	snprintf(place, PLACE_BYTES, "%.480s:%u", scan->file, scan->line);
}

static void report(const struct scan *scan, const char *why)
{
	char place[PLACE_BYTES], setting[NAME_BYTES];

	place_of(scan, place);
	snprintf(setting, sizeof setting, "%.*s", (int)scan->name_length, scan->name);
	problems_add(scan->problems, place, *setting != '\0' ? setting : NULL, "%s", why);
}

/* libconfig leaves strings and comments open at the end of an included file, and goes on in them. */
static void skip_end(struct scan *scan, const char *end, const char *what)
{
	if (strncmp(scan->at, end, strlen(end)) == 0)
		advance(scan, strlen(end));
	else
		report(scan, what);
}

static void skip_string(struct scan *scan)
{
	advance(scan, 1);
	while (*scan->at != '\0' && *scan->at != '"') {
		if (strncasecmp(scan->at, "\\x00", 4) == 0)
			report(scan, "expected text, got a NUL byte, \\x00");
		advance(scan, *scan->at == '\\' ? 2 : 1);
	}
	skip_end(scan, "\"", "expected the end of a string, got the end of the file");
}

static void skip_block_comment(struct scan *scan)
{
	const char *end = strstr(scan->at + 2, "*/");

	advance(scan, end != NULL ? (size_t)(end - scan->at) : strlen(scan->at));
	skip_end(scan, "*/", "expected the end of a comment, got the end of the file");
}

static bool is_line_start(const struct scan *scan)
{
	return scan->at == scan->text || scan->at[-1] == '\n';
}

/* What stands before the name in a line `@include "name"`; 0 where the line is something else. */
static size_t measure_include(const struct scan *scan)
{
	static const char word[] = "@include";
	size_t indent = strspn(scan->at, " \t");

	if (!is_line_start(scan) || strncmp(scan->at + indent, word, strlen(word)) != 0)
		return 0;
	size_t length = indent + strlen(word);
	size_t gap = strspn(scan->at + length, " \t");

	return gap > 0 && scan->at[length + gap] == '"' ? length + gap + 1 : 0;
}

/*
 * Hands the name on. Only a comment may follow it in its line: one that the included file leaves
 * open would hide what follows from libconfig, and from us what it hides.
 */
static void skip_include(struct scan *scan)
{
	char place[PLACE_BYTES];

	scan->name_length = 0;
	advance(scan, measure_include(scan));
	size_t length = strcspn(scan->at, "\"");
	if (scan->at[length] != '"') {
		report(scan, "expected @include \"NAME\", got something else");
		return;
	}
	char *name = strndup(scan->at, length);
	CHECK(name != NULL);
	place_of(scan, place);
	scan->visitor->visit_include(scan->visitor->context, place, name);
	free(name);
	advance(scan, length + 1);
	advance(scan, strspn(scan->at, " \t\r"));
	if (*scan->at != '\0' && strchr("#/\n", *scan->at) == NULL)
		report(scan, "expected the end of the line behind @include, got something else");
}

/* A name, or one of the words true and false, which no literal follows. */
static void skip_name(struct scan *scan)
{
	scan->name = scan->at;
	while (isalnum((unsigned char)*scan->at) ||
		(*scan->at != '\0' && strchr("-_*", *scan->at) != NULL))
		advance(scan, 1);
	scan->name_length = (size_t)(scan->at - scan->name);
}

/* Strings, comments and names hold no literals. Returns whether something was skipped. */
static bool skip_other(struct scan *scan)
{
	if (measure_include(scan) > 0)
		skip_include(scan);
	else if (*scan->at == '"')
		skip_string(scan);
	else if (*scan->at == '#' || strncmp(scan->at, "//", 2) == 0)
		advance(scan, strcspn(scan->at, "\n"));
	else if (strncmp(scan->at, "/*", 2) == 0)
		skip_block_comment(scan);
	else if (isalpha((unsigned char)*scan->at) || *scan->at == '*')
		skip_name(scan);
	else
		return false;
	return true;
}

static bool is_hex(const char *at)
{
	return strncasecmp(at, "0x", 2) == 0;
}

static bool is_changed(const char *literal, bool is_long)
{
	errno = 0;
	long long value = strtoll(literal, NULL, is_hex(literal) ? 16 : 10);
	if (errno != 0 || (!is_long && (value < INT32_MIN || value > INT32_MAX)))
		return true;
	const char *digits = literal + strspn(literal, "+-");
	return digits[0] == '0' && isdigit((unsigned char)digits[1]);
}

static void check_literal(const struct scan *scan, size_t length)
{
	char literal[64], why[160];
	size_t digits = length;

	while (digits > 0 && scan->at[digits - 1] == 'L')
		digits--;
	snprintf(literal, sizeof literal, "%.*s", (int)digits, scan->at);
	if (digits < sizeof literal && !is_changed(literal, digits < length))
		return;
	snprintf(why, sizeof why,
		"expected a decimal integer of 32 bits without leading zeros, got %s%s", literal,
		digits < sizeof literal ? "" : "...");
	report(scan, why);
}

static size_t measure_exponent(const char *at)
{
	if (*at != 'e' && *at != 'E')
		return 0;
	size_t sign = at[1] == '-' || at[1] == '+';
	size_t digits = strspn(at + 1 + sign, DIGITS);

	return digits > 0 ? 1 + sign + digits : 0;
}

/* The characters of a number as libconfig cuts it off, and whether it is a whole one. */
static size_t measure_number(const char *at, bool *is_integer)
{
	size_t length = *at == '+' || *at == '-';

	if (is_hex(at))
		length = 2 + strspn(at + 2, DIGITS "abcdefABCDEF");
	else
		length += strspn(at + length, DIGITS);
	*is_integer = is_hex(at) || (at[length] != '.' && measure_exponent(at + length) == 0);
	if (*is_integer)
		return length + strspn(at + length, "L");
	if (at[length] == '.')
		length += 1 + strspn(at + length + 1, DIGITS);
	return length + measure_exponent(at + length);
}

void literals_check(const char *file, const char *text, struct problems *problems,
	const struct literals_visitor *visitor)
{
	struct scan scan = {
		.file = file,
		.text = text,
		.at = text,
		.line = 1,
		.name = text,
		.problems = problems,
		.visitor = visitor,
	};

	while (*scan.at != '\0') {
		bool is_integer;

		if (skip_other(&scan))
			continue;
		bool is_signed = *scan.at == '+' || *scan.at == '-';
		if (!isdigit((unsigned char)scan.at[is_signed])) {
			advance(&scan, 1);
			continue;
		}
		size_t length = measure_number(scan.at, &is_integer);
		if (is_integer)
			check_literal(&scan, length);
		advance(&scan, length);
	}
}
