/* SPDX-License-Identifier: MIT */
#include "yodel/base/text.h"

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

/* --- UTF-8 ------------------------------------------------------------------------------------ */

/* How many bytes a first byte announces, and its share of the code point. */
static size_t read_lead(unsigned char byte, uint32_t *bits)
{
	if (byte < 0x80) {
		*bits = byte;
		return 1;
	}
	if (byte >= 0xc2 && byte <= 0xdf) {
		*bits = byte & 0x1f;
		return 2;
	}
	if (byte >= 0xe0 && byte <= 0xef) {
		*bits = byte & 0x0f;
		return 3;
	}
	*bits = byte & 0x07;
	return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}

/* Whether so many bytes are the way to write it: neither more than it needs, nor a surrogate. */
static bool is_written_well(uint32_t code, size_t width)
{
	static const uint32_t least[] = {[1] = 0, [2] = 0x80, [3] = 0x800, [4] = 0x10000};

	return code >= least[width] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

size_t text_read_utf8(const void *bytes, size_t length, uint32_t *code)
{
	const unsigned char *at = bytes;
	uint32_t bits;
	size_t width = length > 0 ? read_lead(*at, &bits) : 0;

	if (width == 0 || width > length)
		return 0;
	for (size_t i = 1; i < width; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		bits = bits << 6 | (at[i] & 0x3f);
	}
	if (!is_written_well(bits, width))
		return 0;
	if (code != NULL)
		*code = bits;
	return width;
}

bool text_is_utf8(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;

	while (length > 0) {
		size_t width = text_read_utf8(at, length, NULL);

		if (width == 0)
			return false;
		at += width;
		length -= width;
	}
	return true;
}

size_t text_whole_utf8(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint32_t bits;

	for (size_t back = 1; back <= 3 && back <= length; back++) {
		unsigned char byte = at[length - back];

		if ((byte & 0xc0) != 0x80)
			return read_lead(byte, &bits) > back ? length - back : length;
	}
	return length;
}

/* Control characters, and what would change how the rest is read without being seen. */
static bool is_shown(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{0x00, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, /* soft hyphen */
		{0x34f, 0x34f},                           /* grapheme joiner */
		{0x61c, 0x61c},                           /* Arabic letter mark */
		{0x115f, 0x1160},                         /* Hangul fillers */
		{0x17b4, 0x17b5}, {0x180b, 0x180f},
		{0x200b, 0x200b},   /* zero width space; the joiners behind it are shown */
		{0x200e, 0x200f},   /* marks of direction */
		{0x2028, 0x202e},   /* separators of lines, embeddings, overrides */
		{0x2060, 0x206f},   /* isolates and others */
		{0x3164, 0x3164},   /* Hangul filler */
		{0xe000, 0xf8ff},   /* private use */
		{0xfdd0, 0xfdef},   /* noncharacters */
		{0xfeff, 0xfeff},   /* byte order mark */
		{0xffa0, 0xffa0},   /* Hangul filler */
		{0xfff0, 0xfffb},   /* annotations */
		{0x1bca0, 0x1bca3}, /* shorthand */
		{0x1d173, 0x1d17a}, /* music */
		{0xe0000, 0x10ffff} /* tags, private use */
	};

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (code >= hidden[i].first && code <= hidden[i].last)
			return false;
	return (code & 0xfffe) != 0xfffe;
}

/* The next character or byte as it is shown: *width of them become *shown bytes at the result. */
static const char *show_next(const unsigned char *at, size_t length, const char *escaped,
	char room[5], size_t *width, size_t *shown)
{
	uint32_t code;

	*width = text_read_utf8(at, length, &code);
	if (*width > 0 && is_shown(code) && (*width > 1 || strchr(escaped, *at) == NULL)) {
		*shown = *width;
		return (const char *)at;
	}
	*width = 1;
	const char *escape = escape_of(*at, room);
	*shown = strlen(escape);
	return escape;
}

/* escaped: the printable ASCII that stands after a backslash */
static size_t show(
	char *dst, size_t capacity, const unsigned char *at, size_t length, const char *escaped)
{
	size_t used = 0;

	while (length > 0) {
		char room[5];
		size_t width, shown;
		const char *text = show_next(at, length, escaped, room, &width, &shown);

		if (used + shown >= capacity)
			break;
		memcpy(dst + used, text, shown);
		used += shown;
		at += width;
		length -= width;
	}
	dst[used] = '\0';
	return used;
}

size_t text_show(char *dst, size_t capacity, const void *bytes, size_t length)
{
	return show(dst, capacity, bytes, length, "\\");
}

size_t text_quote(char *dst, size_t capacity, const void *bytes, size_t length)
{
	return show(dst, capacity, bytes, length, "\\\"");
}

/* --- Escapes ---------------------------------------------------------------------------------- */

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

/* --- Words ------------------------------------------------------------------------------------ */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool text_is_word(const void *bytes, size_t length, const char *word)
{
	const char *at = bytes;

	while (length > 0 && is_space(at[length - 1]))
		length--;
	while (length > 0 && is_space(*at)) {
		at++;
		length--;
	}
	return length == strlen(word) && strncasecmp(at, word, length) == 0;
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
