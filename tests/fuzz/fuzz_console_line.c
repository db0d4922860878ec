/* SPDX-License-Identifier: MIT */
/*
 * An operator's line: whom it is for and what is said. Whatever the bytes are, what is said is a part of
 * them, and an address that is understood is one that can be written again.
 */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/server/console_line.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says it again in the plainest form, which must be read as the same. */
static void try_again(const struct console_line *line)
{
	size_t room = line->length + 64;
	char *bytes = malloc(room);
	struct console_line again;
	int front = 0;

	CHECK(bytes != NULL);
	if (line->target == CONSOLE_ONE)
		front = snprintf(bytes, room, "@%" PRIu64 " ", line->number);
	else if (line->target == CONSOLE_ALL)
		front = snprintf(bytes, room, "@* ");
	else if (line->length > 0 && line->text[0] == '@')
		front = snprintf(bytes, room, "@");
	if (line->length > 0)
		memcpy(bytes + front, line->text, line->length);
	CHECK(console_line_read(bytes, (size_t)front + line->length, &again));
	CHECK(again.target == line->target && again.number == line->number);
	CHECK(again.length == line->length);
	CHECK(line->length == 0 || memcmp(again.text, line->text, line->length) == 0);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct console_line line;

	if (!console_line_read(bytes, size, &line)) {
		CHECK(size > 0 && bytes[0] == '@');
		return 0;
	}
	CHECK(line.length <= size);
	CHECK(line.length == 0 || line.text == bytes + size - line.length);
	CHECK((line.target == CONSOLE_NOBODY) == (size == 0));
	CHECK((line.target == CONSOLE_ONE) == (line.number != 0));
	try_again(&line);
	return 0;
}
