/* SPDX-License-Identifier: MIT */
#include "yodel/server/console_line.h"

#include "yodel/base/parse.h"

#include <string.h>

/* A number of 1 or more, digits only. */
static bool read_number(const char *bytes, size_t length, uint64_t *number)
{
	char text[PARSE_TEXT_BYTES];
	int64_t value;

	if (length >= sizeof text || memchr(bytes, '\0', length) != NULL)
		return false;
	memcpy(text, bytes, length);
	text[length] = '\0';
	if (!parse_integer(text, &value) || value < 1)
		return false;
	*number = (uint64_t)value;
	return true;
}

/* "@WHOM TEXT": one blank parts them, the rest of the line is text. */
static bool read_addressed(const char *bytes, size_t length, struct console_line *line)
{
	const char *blank = memchr(bytes, ' ', length);
	struct console_line read = {.target = CONSOLE_ALL};

	if (blank == NULL || blank + 1 == bytes + length)
		return false;
	size_t whom = (size_t)(blank - bytes);
	if (whom != 1 || *bytes != '*') {
		read.target = CONSOLE_ONE;
		if (!read_number(bytes, whom, &read.number))
			return false;
	}
	read.text = blank + 1;
	read.length = length - whom - 1;
	*line = read;
	return true;
}

bool console_line_read(const char *bytes, size_t length, struct console_line *line)
{
	bool has_at = length > 0 && bytes[0] == '@';
	bool has_two = has_at && length > 1 && bytes[1] == '@';

	if (has_at && !has_two)
		return read_addressed(bytes + 1, length - 1, line);
	*line = (struct console_line){
		.target = length > 0 ? CONSOLE_LAST : CONSOLE_NOBODY,
		.text = bytes + has_two,
		.length = length - has_two,
	};
	return true;
}
