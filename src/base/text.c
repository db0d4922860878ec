/* SPDX-License-Identifier: MIT */
#include "yodel/base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char *escape_of(unsigned char byte, char room[5])
{
	switch (byte) {
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	default:
		break;
	}
	snprintf(room, 5, byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x", byte);
	return room;
}

size_t text_escape(char *dst, size_t capacity, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char room[5];
		const char *escape = escape_of(at[i], room);
		size_t width = strlen(escape);

		if (used + width >= capacity)
			break;
		memcpy(dst + used, escape, width);
		used += width;
	}
	dst[used] = '\0';
	return used;
}

static int digit_of(char c, int base)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

	return found != NULL && found - digits < base ? (int)(found - digits) : -1;
}

/* Reads up to max digits; returns how many there were. */
static size_t read_digits(const char *at, int base, size_t max, int *value)
{
	size_t count = 0;

	*value = 0;
	while (count < max && digit_of(at[count], base) >= 0)
		*value = *value * base + digit_of(at[count++], base);
	return count;
}

size_t text_read_escape(const char *at, unsigned char *byte)
{
	static const char letters[] = "abfnrtv\\\"'?$";
	static const char bytes[] = "\a\b\f\n\r\t\v\\\"'?$";
	const char *letter = *at == '\0' ? NULL : strchr(letters, *at);
	int value;
	size_t count;

	if (letter != NULL) {
		*byte = (unsigned char)bytes[letter - letters];
		return 1;
	}
	if (*at == 'x') {
		count = read_digits(at + 1, 16, 2, &value);
		*byte = (unsigned char)value;
		return count == 2 ? 3 : 0;
	}
	count = read_digits(at, 8, 3, &value);
	*byte = (unsigned char)value;
	return value <= UINT8_MAX ? count : 0;
}

enum { WORD_MAX = 63 };

static size_t min_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t text_distance(const char *one, const char *other)
{
	size_t rows = strnlen(one, WORD_MAX), columns = strnlen(other, WORD_MAX);
	size_t table[3][WORD_MAX + 1]; /* this row and the two above it */

	for (size_t j = 0; j <= columns; j++)
		table[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		size_t *row = table[i % 3], *above = table[(i + 2) % 3],
		       *two_above = table[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			size_t change = above[j - 1] + (one[i - 1] != other[j - 1]);

			row[j] = min_of(change, min_of(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && one[i - 1] == other[j - 2] &&
				one[i - 2] == other[j - 1])
				row[j] = min_of(row[j], two_above[j - 2] + 1);
		}
	}
	return table[rows % 3][columns];
}

bool text_is_nearer(const char *word, const char *candidate, size_t *best)
{
	size_t distance = text_distance(word, candidate);

	if (distance >= *best || distance > strlen(word) / 3 + 1)
		return false;
	*best = distance;
	return true;
}
