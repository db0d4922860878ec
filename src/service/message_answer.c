/* SPDX-License-Identifier: MIT */
#include "yodel/base/check.h"
#include "yodel/service/message.h"
#include "yodel/transport/peer_json.h"

#include <stdlib.h>
#include <string.h>

enum { ECHOED_BYTES = 10 };

static json_t *result_of(json_t *text)
{
	return json_pack("{so}", "result", text);
}

/* A string of text between two others; it may hold NUL. Returns NULL without memory. */
static json_t *quote(const char *before, const json_t *text, const char *after)
{
	size_t front = strlen(before), middle = json_string_length(text), back = strlen(after);
	char *joined = malloc(front + middle + back + 1);

	if (joined == NULL)
		return NULL;
	memcpy(joined, before, front);
	memcpy(joined + front, json_string_value(text), middle);
	memcpy(joined + front + middle, after, back);
	json_t *string = json_stringn(joined, front + middle + back);
	free(joined);
	return string;
}

static const char *find_entry(const struct message_settings *settings, const json_t *value)
{
	const struct message_entry *entries = settings->entries.items;

	for (size_t i = 0; i < settings->entries.count; i++)
		if (peer_json_is(value, entries[i].key))
			return entries[i].value;
	return NULL;
}

/* What the action comes to, or NULL: with fault, or without memory. */
static json_t *act(
	const struct message_settings *settings, const json_t *request, struct frame_fault *fault)
{
	const json_t *action = peer_json_string("request", request, "action", fault);

	if (action == NULL)
		return NULL;
	if (!peer_json_is(action, "search"))
		return quote("Error: invalid action '", action, "'.");
	const json_t *value = peer_json_string("request", request, "value", fault);
	if (value == NULL)
		return NULL;
	const char *text = find_entry(settings, value);
	return text != NULL ? json_string(text) : quote("No match for '", value, "'.");
}

static char *answer_text(const struct message_settings *settings, const struct frame *request,
	size_t *answer_length, struct frame_fault *fault)
{
	json_t *content = peer_json_read(
		"request", frame_content(request), request->content_length, fault);

	if (content == NULL)
		return NULL;
	json_t *text = act(settings, content, fault);
	json_decref(content);
	return text != NULL ? frame_encode_json(result_of(text), answer_length) : NULL;
}

static char *answer_binary(const struct frame *request, size_t *answer_length)
{
	static const char before[] = "First 10 bytes of request: ";
	char content[sizeof before - 1 + ECHOED_BYTES];
	size_t count = request->content_length < ECHOED_BYTES ? request->content_length
							      : ECHOED_BYTES;

	memcpy(content, before, sizeof before - 1);
	memcpy(content + sizeof before - 1, frame_content(request), count);
	return frame_encode(FRAME_SERVER_BINARY, content, sizeof before - 1 + count, answer_length);
}

char *message_answer(const struct message_settings *settings, const struct frame *request,
	size_t *answer_length, struct frame_fault *fault)
{
	CHECK(request->stage == FRAME_WHOLE);
	/* What nobody else finds wrong is a lack of memory. */
	frame_fault_set(fault, FRAME_FAULT_MEMORY, "request: no memory for the answer");
	return request->is_text ? answer_text(settings, request, answer_length, fault)
				: answer_binary(request, answer_length);
}

char *message_refusal(const char *problem, size_t *answer_length)
{
	return frame_encode_json(result_of(json_sprintf("Error: %s.", problem)), answer_length);
}
