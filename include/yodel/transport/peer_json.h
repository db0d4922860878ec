/* SPDX-License-Identifier: MIT */
/*
 * JSON that a peer has sent, read without trusting it: what would cost much stack or memory, or is no
 * text, is refused before the parser sees it.
 * Owns nothing. Threads: any. Source: RFC 8259, RFC 3629, jansson.
 */
#ifndef YODEL_TRANSPORT_PEER_JSON_H
#define YODEL_TRANSPORT_PEER_JSON_H

#include "yodel/base/attributes.h"
#include "yodel/transport/frame_fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	PEER_JSON_DEPTH_MAX = 32, /* arrays and objects within each other: the parser recurses */
	PEER_JSON_VALUES_MAX =
		1000, /* in all: each costs many times the byte or two it is sent as */
};

/*
 * Reads one JSON object: UTF-8 without NUL bytes, no member twice, nothing behind it.
 *   what    names it in the fault: "header"
 *   bytes   length of them, any values; borrowed
 * Returns the object, which the caller drops with json_decref, or NULL with fault. Strings may hold
 * \u0000: see json_string_length.
 */
json_t *peer_json_read(
	const char *what, const char *bytes, size_t length, struct frame_fault *fault) MUST_USE;

/*
 * Finds a member that must be a string.
 *   what, name   as the fault has them: "header", "byteorder"
 * Returns the string, lent by the object, or NULL with fault.
 */
const json_t *peer_json_string(const char *what, const json_t *object, const char *name,
	struct frame_fault *fault) MUST_USE;

/* Whether a string that may hold NUL is this text. */
bool peer_json_is(const json_t *string, const char *text);

/*
 * Says that a member is not what it should be.
 *   expected   "\"little\" or \"big\""
 *   seen       the member; NULL: it is missing
 * Returns -1.
 */
int peer_json_refuse(struct frame_fault *fault, enum frame_fault_kind kind, const char *what,
	const char *name, const char *expected, const json_t *seen);

#endif
