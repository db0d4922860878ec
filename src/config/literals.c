/* SPDX-License-Identifier: MIT */
#include "yodel/config/literals.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const char *at;
	unsigned line;
	const char *name; /* of the last setting, name_length characters */
	size_t name_length;
};

static void advance(struct scan *scan, size_t count)
{
	for (; count > 0 && *scan->at != '\0'; count--) {
		if (*scan->at == '\n')
			scan->line++;
		scan->at++;
	}
}

static void skip_string(struct scan *scan)
{
	advance(scan, 1);
	while (*scan->at != '\0' && *scan->at != '"')
		advance(scan, *scan->at == '\\' ? 2 : 1);
	advance(scan, 1);
}

static void skip_block_comment(struct scan *scan)
{
	const char *end = strstr(scan->at + 2, "*/");

	advance(scan, end != NULL ? (size_t)(end + 2 - scan->at) : strlen(scan->at));
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
	if (*scan->at == '"')
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

static bool is_changed(const char *literal, bool is_long)
{
	char *end;
	bool is_hex = strncmp(literal, "0x", 2) == 0 || strncmp(literal, "0X", 2) == 0;

	errno = 0;
	long long value = strtoll(literal, &end, is_hex ? 16 : 10);
	if (errno != 0 || (!is_long && (value < INT32_MIN || value > INT32_MAX)))
		return true;
	const char *digits = literal + strspn(literal, "+-");
	return !is_hex && digits[0] == '0' && isdigit((unsigned char)digits[1]);
}

static void check_literal(
	struct scan *scan, const char *name, size_t length, struct problems *problems)
{
	char literal[64], origin[512], setting[64];
	size_t digits = length;

	while (digits > 0 && scan->at[digits - 1] == 'L')
		digits--;
	snprintf(literal, sizeof literal, "%.*s", (int)digits, scan->at);
	if (digits < sizeof literal && !is_changed(literal, digits < length))
		return;
	snprintf(origin, sizeof origin, "%s:%u", name, scan->line);
	snprintf(setting, sizeof setting, "%.*s", (int)scan->name_length, scan->name);
	problems_add(problems, origin, *setting != '\0' ? setting : NULL,
		"expected a decimal integer of 32 bits without leading zeros, got %s%s", literal,
		digits < sizeof literal ? "" : "...");
}

/* The characters of a number, and whether it is a whole one. */
static size_t measure_number(const char *at, bool *is_integer)
{
	size_t length = *at == '+' || *at == '-';
	bool is_hex = strncmp(at + length, "0x", 2) == 0 || strncmp(at + length, "0X", 2) == 0;

	*is_integer = true;
	if (is_hex)
		return length + 2 + strspn(at + length + 2, "0123456789abcdefABCDEFL");
	for (;; length++) {
		bool is_exponent = at[length] == 'e' || at[length] == 'E';

		if (isdigit((unsigned char)at[length]) || at[length] == 'L')
			continue;
		if (at[length] != '.' && !is_exponent)
			return length;
		*is_integer = false;
		if (is_exponent && (at[length + 1] == '-' || at[length + 1] == '+'))
			length++;
	}
}

void literals_check(const char *name, const char *text, struct problems *problems)
{
	struct scan scan = {.at = text, .line = 1, .name = text};

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
			check_literal(&scan, name, length, problems);
		advance(&scan, length);
	}
}
