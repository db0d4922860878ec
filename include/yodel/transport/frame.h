/* SPDX-License-Identifier: MIT */
/*
 * A message of the application protocol, as bytes and back: 2 bytes with the length of a header, the
 * header, which is JSON and tells the length of the content, and the content. No input or output here:
 * whoever has the connection hands over bytes as they come.
 * A struct frame owns what has come of its message; that never takes more than twice as many bytes
 * or 1 KiB, whatever lengths the peer announces. Threads: one per struct.
 * Source: docs/protocol.md.
 */
#ifndef YODEL_TRANSPORT_FRAME_H
#define YODEL_TRANSPORT_FRAME_H

#include "yodel/base/attributes.h"
#include "yodel/transport/frame_fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_PREFIX_BYTES = 2,
	FRAME_HEADER_MAX_BYTES = UINT16_MAX,
	FRAME_PROGRESS_BYTES = 80,
};

/* How long a message may be. */
struct frame_bounds {
	size_t header_bytes; /* 1 .. FRAME_HEADER_MAX_BYTES */
	size_t content_bytes;
};

/* The part of a message that comes next. */
enum frame_stage { FRAME_PREFIX, FRAME_HEADER, FRAME_CONTENT, FRAME_WHOLE };

struct frame {
	struct frame_bounds bounds;
	enum frame_stage stage;
	unsigned char prefix[FRAME_PREFIX_BYTES];
	size_t prefix_length;  /* of it, so far */
	size_t header_length;  /* behind the prefix */
	size_t content_length; /* behind the header */
	bool is_text;          /* JSON in UTF-8; otherwise bytes of any kind; behind the header */
	char *bytes;           /* header and content, owned */
	size_t length;         /* of them, so far */
	size_t capacity;
};

/* Makes a frame that waits for the first byte of a message. */
void frame_init(struct frame *frame, const struct frame_bounds *bounds);

/* Frees what has come; frame_init makes it good for the next message. */
void frame_fini(struct frame *frame);

/*
 * Takes the next bytes of the message, at most up to its end: then the stage is FRAME_WHOLE.
 *   bytes   length of them, copied
 *   taken   how many of them belong to the message, set on 0
 * Returns 0, or -1 with fault: then this is no message, and the frame is good for frame_fini alone.
 */
int frame_take(struct frame *frame, const char *bytes, size_t length, size_t *taken,
	struct frame_fault *fault) MUST_USE;

/* Whether nothing of the message has come yet. */
bool frame_is_empty(const struct frame *frame);

/*
 * Writes how far a message has come: "10 of 104 bytes of the header".
 *   text   FRAME_PROGRESS_BYTES bytes
 */
void frame_describe_progress(const struct frame *frame, char text[FRAME_PROGRESS_BYTES]);

/* The content of a whole message, content_length bytes; lent until frame_fini. */
const char *frame_content(const struct frame *frame);

/* What a content is, as the header says it. */
enum frame_kind {
	FRAME_TEXT,          /* text/json, utf-8 */
	FRAME_CLIENT_BINARY, /* binary/custom-client-binary-type, binary */
	FRAME_SERVER_BINARY, /* binary/custom-server-binary-type, binary */
};

/*
 * Makes a message.
 *   content          length bytes, copied
 *   message_length   set where there is a message
 * Returns the message, which the caller frees, or NULL without memory.
 */
char *frame_encode(
	enum frame_kind kind, const void *content, size_t length, size_t *message_length) MUST_USE;

/* The same with JSON as the content; drops the value. NULL as the value gives NULL. */
char *frame_encode_json(json_t *value, size_t *message_length) MUST_USE;

#endif
