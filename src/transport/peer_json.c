/* SPDX-License-Identifier: MIT */
#include "yodel/transport/peer_json.h"

#include "yodel/base/text.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

enum { SEEN_BYTES = 64 };

/* --- Before the parser ------------------------------------------------------------------------ */

/* How far a text has been looked through. */
struct scan {
	size_t depth;
	size_t values; /* at least as many as there are */
	bool is_in_string;
	bool is_escaped; /* the character is behind a backslash */
};

/* Where the text is no JSON the parser stops, and what is counted behind that does not matter. */
static void scan_character(struct scan *scan, uint32_t code)
{
	if (scan->is_in_string) {
		scan->is_in_string = code != '"' || scan->is_escaped;
		scan->is_escaped = code == '\\' && !scan->is_escaped;
		return;
	}
	scan->is_in_string = code == '"';
	scan->depth += code == '[' || code == '{';
	scan->depth -= (code == ']' || code == '}') && scan->depth > 0;
	scan->values += code == '[' || code == '{' || code == ',';
}

/* Returns 0, or -1 with fault. */
static int look_through(
	const char *what, const char *bytes, size_t length, struct frame_fault *fault)
{
	struct scan scan = {.depth = 0};

	for (size_t at = 0; at < length;) {
		uint32_t code;
		size_t width = text_read_utf8(bytes + at, length - at, &code);

		if (width == 0)
			return frame_fault_set(fault, FRAME_FAULT_UTF8,
				"%s: expected UTF-8, got byte 0x%02x at offset %zu", what,
				(unsigned char)bytes[at], at);
		if (code == 0)
			return frame_fault_set(fault, FRAME_FAULT_FORM,
				"%s: expected text, got a NUL byte at offset %zu", what, at);
		scan_character(&scan, code);
		if (scan.depth > PEER_JSON_DEPTH_MAX)
			return frame_fault_set(fault, FRAME_FAULT_DEPTH,
				"%s: expected JSON nested at most %d deep, got more at offset %zu",
				what, PEER_JSON_DEPTH_MAX, at);
		if (scan.values > PEER_JSON_VALUES_MAX)
			return frame_fault_set(fault, FRAME_FAULT_FORM,
				"%s: expected at most %d values, got more at offset %zu", what,
				PEER_JSON_VALUES_MAX, at);
		at += width;
	}
	return 0;
}

/* --- The parser ------------------------------------------------------------------------------- */

static int no_memory(const char *what, struct frame_fault *fault)
{
	return frame_fault_set(fault, FRAME_FAULT_MEMORY, "%s: no memory to read it", what);
}

static int refuse_text(const char *what, const json_error_t *error, struct frame_fault *fault)
{
	char text[JSON_ERROR_TEXT_LENGTH];

	/* Without a memory for itself the parser says nothing. */
	if (json_error_code(error) == json_error_out_of_memory || error->text[0] == '\0')
		return no_memory(what, fault);
	text_show(text, sizeof text, error->text, strlen(error->text));
	return frame_fault_set(fault, FRAME_FAULT_FORM, "%s: no JSON: %s, at offset %d", what, text,
		error->position);
}

json_t *peer_json_read(
	const char *what, const char *bytes, size_t length, struct frame_fault *fault)
{
	json_error_t error;

	if (look_through(what, bytes, length, fault) != 0)
		return NULL;
	json_t *value = json_loadb(
		bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	if (value == NULL) {
		refuse_text(what, &error, fault);
	} else if (!json_is_object(value)) {
		json_decref(value);
		frame_fault_set(fault, FRAME_FAULT_FORM,
			"%s: expected a JSON object, got another value", what);
		value = NULL;
	}
	return value;
}

/* --- Members ---------------------------------------------------------------------------------- */

/* With the point or exponent that tells it from an integer: 1.0. */
static void describe_real(double value, char text[SEEN_BYTES])
{
	size_t length = (size_t)snprintf(text, SEEN_BYTES, "%.*g", DBL_DIG, value);

	if (strpbrk(text, ".e") == NULL)
		snprintf(text + length, SEEN_BYTES - length, ".0");
}

static void describe(const json_t *seen, char text[SEEN_BYTES])
{
	static const char *const types[] = {
		[JSON_OBJECT] = "an object",
		[JSON_ARRAY] = "an array",
		[JSON_TRUE] = "true",
		[JSON_FALSE] = "false",
		[JSON_NULL] = "null",
	};
	char shown[SEEN_BYTES / 2];

	if (seen == NULL) {
		snprintf(text, SEEN_BYTES, "nothing");
	} else if (json_is_string(seen)) {
		text_show(shown, sizeof shown, json_string_value(seen), json_string_length(seen));
		snprintf(text, SEEN_BYTES, "\"%s\"", shown);
	} else if (json_is_integer(seen)) {
		snprintf(text, SEEN_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(seen));
	} else if (json_is_real(seen)) {
		describe_real(json_real_value(seen), text);
	} else {
		snprintf(text, SEEN_BYTES, "%s", types[json_typeof(seen)]);
	}
}

int peer_json_refuse(struct frame_fault *fault, enum frame_fault_kind kind, const char *what,
	const char *name, const char *expected, const json_t *seen)
{
	char text[SEEN_BYTES];

	describe(seen, text);
	return frame_fault_set(
		fault, kind, "%s: %s: expected %s, got %s", what, name, expected, text);
}

const json_t *peer_json_string(
	const char *what, const json_t *object, const char *name, struct frame_fault *fault)
{
	const json_t *member = json_object_get(object, name);

	if (json_is_string(member))
		return member;
	peer_json_refuse(fault, FRAME_FAULT_FORM, what, name, "a string", member);
	return NULL;
}

bool peer_json_is(const json_t *string, const char *text)
{
	size_t length = strlen(text);

	return json_string_length(string) == length &&
	       memcmp(json_string_value(string), text, length) == 0;
}
