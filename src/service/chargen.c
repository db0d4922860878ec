/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"

/* RFC 864: the 95 printing characters as a ring, each line 72 of them, starting one further on. */
enum {
	RING_FIRST = ' ',
	RING_CHARACTERS = 95,
	LINE_CHARACTERS = 72,
	LINE_BYTES = LINE_CHARACTERS + 2,
	PATTERN_BYTES = RING_CHARACTERS * LINE_BYTES,
};

/* After as many lines as the ring has characters the pattern starts again. */
static void fill_pattern(char pattern[PATTERN_BYTES])
{
	for (size_t line = 0; line < RING_CHARACTERS; line++) {
		char *at = pattern + line * LINE_BYTES;

		for (size_t column = 0; column < LINE_CHARACTERS; column++)
			at[column] = (char)(RING_FIRST + (line + column) % RING_CHARACTERS);
		at[LINE_CHARACTERS] = '\r';
		at[LINE_CHARACTERS + 1] = '\n';
	}
}

enum close_reason service_chargen(struct connection *connection)
{
	char pattern[PATTERN_BYTES];
	enum close_reason reason = CLOSE_NONE;
	bool has_more = true;

	fill_pattern(pattern);
	while (reason == CLOSE_NONE) {
		reason = connection_write(connection, pattern, sizeof pattern);
		if (reason != CLOSE_NONE || !has_more)
			continue;
		reason = connection_discard_pending(connection);
		if (reason == CLOSE_CLIENT_FIN) { /* it sends no more; that does not keep it from
						     reading */
			has_more = false;
			reason = CLOSE_NONE;
		}
	}
	return reason;
}
