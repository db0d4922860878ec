/* SPDX-License-Identifier: MIT */
#include "yodel/transport/frame.h"

#include "yodel/base/check.h"
#include "yodel/transport/peer_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	CAPACITY_MIN_BYTES = 1024, /* for most messages all there is */
	HEADER_BYTES = 192,        /* the longest that we write */
};

static const char text_type[] = "text/json";

void frame_init(struct frame *frame, const struct frame_bounds *bounds)
{
	CHECK(bounds->header_bytes >= 1 && bounds->header_bytes <= FRAME_HEADER_MAX_BYTES);
	*frame = (struct frame){.bounds = *bounds};
}

void frame_fini(struct frame *frame)
{
	free(frame->bytes);
	frame->bytes = NULL;
}

bool frame_is_empty(const struct frame *frame)
{
	return frame->prefix_length == 0;
}

const char *frame_content(const struct frame *frame)
{
	CHECK(frame->stage == FRAME_WHOLE);
	return frame->bytes + frame->header_length;
}

void frame_describe_progress(const struct frame *frame, char text[FRAME_PROGRESS_BYTES])
{
	size_t got = frame->prefix_length, of = FRAME_PREFIX_BYTES;
	const char *part = "length of the header";

	if (frame->stage == FRAME_HEADER) {
		got = frame->length;
		of = frame->header_length;
		part = "header";
	} else if (frame->stage != FRAME_PREFIX) {
		got = frame->length - frame->header_length;
		of = frame->content_length;
		part = "content";
	}
	snprintf(text, FRAME_PROGRESS_BYTES, "%zu of %zu bytes of the %s", got, of, part);
}

/* --- The header ------------------------------------------------------------------------------- */

static bool is_utf8(const json_t *encoding)
{
	const char *name = json_string_value(encoding);

	return json_string_length(encoding) == strlen(name) &&
	       (strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0);
}

static int read_byteorder(const json_t *header, struct frame_fault *fault)
{
	static const char name[] = "byteorder";
	const json_t *order = peer_json_string("header", header, name, fault);

	if (order == NULL)
		return -1;
	/* Nothing in a message depends on it: the length in front is big-endian, the rest is text. */
	if (peer_json_is(order, "little") || peer_json_is(order, "big"))
		return 0;
	return peer_json_refuse(
		fault, FRAME_FAULT_FORM, "header", name, "\"little\" or \"big\"", order);
}

static int read_type(struct frame *frame, const json_t *header, struct frame_fault *fault)
{
	static const char name[] = "content-encoding";
	const json_t *type = peer_json_string("header", header, "content-type", fault);
	const json_t *encoding = type != NULL ? peer_json_string("header", header, name, fault)
					      : NULL;

	if (encoding == NULL)
		return -1;
	frame->is_text = peer_json_is(type, text_type);
	if (!frame->is_text || is_utf8(encoding))
		return 0;
	return peer_json_refuse(
		fault, FRAME_FAULT_FORM, "header", name, "\"utf-8\" for text/json", encoding);
}

static int read_content_length(struct frame *frame, const json_t *header, struct frame_fault *fault)
{
	static const char name[] = "content-length";
	const json_t *length = json_object_get(header, name);
	json_int_t bytes = json_integer_value(length);
	char expected[64];

	if (json_is_integer(length) && bytes >= 0 &&
		(uint64_t)bytes <= frame->bounds.content_bytes) {
		frame->content_length = (size_t)bytes;
		return 0;
	}
	snprintf(
		expected, sizeof expected, "an integer from 0 to %zu", frame->bounds.content_bytes);
	return peer_json_refuse(fault,
		json_is_integer(length) ? FRAME_FAULT_CONTENT_LENGTH : FRAME_FAULT_FORM, "header",
		name, expected, length);
}

static int read_header(struct frame *frame, struct frame_fault *fault)
{
	json_t *header = peer_json_read("header", frame->bytes, frame->header_length, fault);

	if (header == NULL)
		return -1;
	int result = read_byteorder(header, fault) == 0 && read_type(frame, header, fault) == 0 &&
				     read_content_length(frame, header, fault) == 0
			     ? 0
			     : -1;
	json_decref(header);
	return result;
}

/* --- Bytes as they come ----------------------------------------------------------------------- */

/* How many bytes of header and content are to come before there is something to decide. */
static size_t missing(const struct frame *frame)
{
	size_t wanted = frame->header_length;

	if (frame->stage == FRAME_CONTENT)
		wanted += frame->content_length;
	return wanted - frame->length;
}

/*
 * Room for so many bytes more. It grows with what has come, not with what was announced.
 * Returns 0, or -1 with fault.
 */
static int make_room(struct frame *frame, size_t length, struct frame_fault *fault)
{
	size_t capacity = 2 * (frame->length + length), whole = frame->length + missing(frame);

	if (length <= frame->capacity - frame->length)
		return 0;
	if (capacity > whole)
		capacity = whole;
	if (capacity < CAPACITY_MIN_BYTES)
		capacity = CAPACITY_MIN_BYTES;
	char *grown = realloc(frame->bytes, capacity);
	if (grown == NULL)
		return frame_fault_set(
			fault, FRAME_FAULT_MEMORY, "message: no memory for %zu bytes", capacity);
	frame->bytes = grown;
	frame->capacity = capacity;
	return 0;
}

static int keep(struct frame *frame, const char *bytes, size_t length, struct frame_fault *fault)
{
	if (make_room(frame, length, fault) != 0)
		return -1;
	memcpy(frame->bytes + frame->length, bytes, length);
	frame->length += length;
	return 0;
}

static int take_prefix(struct frame *frame, unsigned char byte, struct frame_fault *fault)
{
	frame->prefix[frame->prefix_length++] = byte;
	if (frame->prefix_length < FRAME_PREFIX_BYTES)
		return 0;
	frame->header_length = (size_t)frame->prefix[0] << 8 | frame->prefix[1];
	if (frame->header_length == 0 || frame->header_length > frame->bounds.header_bytes)
		return frame_fault_set(fault, FRAME_FAULT_HEADER_LENGTH,
			"header: expected a length from 1 to %zu bytes, got %zu",
			frame->bounds.header_bytes, frame->header_length);
	frame->stage = FRAME_HEADER;
	return 0;
}

/* Goes on to the next part where one has come to its end. */
static int advance(struct frame *frame, struct frame_fault *fault)
{
	if (frame->stage == FRAME_HEADER && missing(frame) == 0) {
		if (read_header(frame, fault) != 0)
			return -1;
		frame->stage = FRAME_CONTENT;
	}
	if (frame->stage == FRAME_CONTENT && missing(frame) == 0)
		frame->stage = FRAME_WHOLE;
	return 0;
}

int frame_take(struct frame *frame, const char *bytes, size_t length, size_t *taken,
	struct frame_fault *fault)
{
	size_t at = 0;

	while (at < length && frame->stage != FRAME_WHOLE) {
		if (frame->stage == FRAME_PREFIX) {
			if (take_prefix(frame, (unsigned char)bytes[at++], fault) != 0)
				return -1;
			continue;
		}
		size_t wanted = missing(frame), there = length - at;
		size_t count = there < wanted ? there : wanted;

		if (keep(frame, bytes + at, count, fault) != 0 || advance(frame, fault) != 0)
			return -1;
		at += count;
	}
	*taken = at;
	return 0;
}

/* --- Our own messages ------------------------------------------------------------------------- */

static const struct {
	const char *type;
	const char *encoding;
} kinds[] = {
	[FRAME_TEXT] = {text_type, "utf-8"},
	[FRAME_CLIENT_BINARY] = {"binary/custom-client-binary-type", "binary"},
	[FRAME_SERVER_BINARY] = {"binary/custom-server-binary-type", "binary"},
};

static const char *const byteorder = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? "big" : "little";

char *frame_encode(enum frame_kind kind, const void *content, size_t length, size_t *message_length)
{
	char header[HEADER_BYTES];
	int written = snprintf(header, sizeof header,
		"{\"byteorder\": \"%s\", \"content-type\": \"%s\", \"content-encoding\": \"%s\", "
		"\"content-length\": %zu}",
		byteorder, kinds[kind].type, kinds[kind].encoding, length);

	CHECK(written > 0 && (size_t)written < sizeof header);
	size_t header_length = (size_t)written;
	char *message = malloc(FRAME_PREFIX_BYTES + header_length + length);
	if (message == NULL)
		return NULL;
	message[0] = (char)(header_length >> 8);
	message[1] = (char)(header_length & 0xff);
	memcpy(message + FRAME_PREFIX_BYTES, header, header_length);
	memcpy(message + FRAME_PREFIX_BYTES + header_length, content, length);
	*message_length = FRAME_PREFIX_BYTES + header_length + length;
	return message;
}

char *frame_encode_json(json_t *value, size_t *message_length)
{
	char *text = value != NULL ? json_dumps(value, 0) : NULL;
	char *message = NULL;

	if (text != NULL)
		message = frame_encode(FRAME_TEXT, text, strlen(text), message_length);
	free(text);
	json_decref(value);
	return message;
}
