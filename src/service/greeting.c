/* SPDX-License-Identifier: MIT */
#include "yodel/service/greeting.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/base/text.h"

#include <stdio.h>
#include <string.h>

const struct option_row greet_options[] = {
	{.path = "text",
		.type = OPTION_STRING,
		.offset = offsetof(struct greet_settings, text),
		.default_value = "Hello, Client!",
		.check = greeting_check,
		.help = "The greeting; may hold ${peer}, ${listener}, ${connections} and ${time}, and C escapes"},
	OPTION_END,
};

enum { FIELD_BYTES = ADDRESS_TEXT_BYTES };

static void fill_peer(const struct connection *connection, char field[FIELD_BYTES])
{
	address_format(&connection->peer, field);
}

static void fill_listener(const struct connection *connection, char field[FIELD_BYTES])
{
	snprintf(field, FIELD_BYTES, "%s", connection->listener->name);
}

static void fill_connections(const struct connection *connection, char field[FIELD_BYTES])
{
	snprintf(field, FIELD_BYTES, "%zu", connection->open_at_accept);
}

static void fill_time(const struct connection *connection, char field[FIELD_BYTES])
{
	(void)connection;
	clock_utc_text(field);
}

static const struct field {
	const char *name;
	void (*fill)(const struct connection *connection, char field[FIELD_BYTES]);
} fields[] = {
	{"${peer}", fill_peer},
	{"${listener}", fill_listener},
	{"${connections}", fill_connections},
	{"${time}", fill_time},
};

static const struct field *find_field(const char *at)
{
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		if (strncmp(at, fields[i].name, strlen(fields[i].name)) == 0)
			return &fields[i];
	return NULL;
}

/* One piece of a greeting: a byte, an escape that stands for a byte, or a field. */
struct piece {
	const struct field *field; /* or NULL */
	unsigned char byte;
	size_t length; /* in the text; 0 where the text is wrong */
};

static struct piece read_piece(const char *at)
{
	struct piece piece = {.byte = (unsigned char)*at, .length = 1};

	if (*at == '\\') {
		size_t length = text_read_escape(at + 1, &piece.byte);

		piece.length = length == 0 ? 0 : length + 1;
	} else if (strncmp(at, "${", 2) == 0) {
		piece.field = find_field(at);
		piece.length = piece.field == NULL ? 0 : strlen(piece.field->name);
	}
	return piece;
}

bool greeting_check(const char *text, char why[OPTION_WHY_BYTES])
{
	struct piece piece;

	snprintf(why, OPTION_WHY_BYTES,
		"at most %d bytes with C escapes and ${peer}, ${listener}, ${connections} or ${time}",
		GREETING_TEXT_MAX_BYTES);
	if (strlen(text) > GREETING_TEXT_MAX_BYTES)
		return false;
	for (const char *at = text; *at != '\0'; at += piece.length) {
		piece = read_piece(at);
		if (piece.length == 0)
			return false;
	}
	return true;
}

size_t greeting_fill(const char *text, const struct connection *connection, char *dst)
{
	size_t used = 0;
	struct piece piece;

	for (const char *at = text; *at != '\0'; at += piece.length) {
		char field[FIELD_BYTES];

		piece = read_piece(at);
		CHECK(piece.length > 0);
		if (piece.field != NULL)
			piece.field->fill(connection, field);
		else
			field[0] = (char)piece.byte;
		size_t length = piece.field != NULL ? strlen(field) : 1;
		if (used + length > GREETING_MAX_BYTES)
			break;
		memcpy(dst + used, field, length);
		used += length;
	}
	return used;
}
