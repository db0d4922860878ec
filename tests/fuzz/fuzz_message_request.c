/* SPDX-License-Identifier: MIT */
/*
 * The content of a request: whatever it is, there is an answer that a client can read, or a fault
 * that can be told. The first byte chooses between text and binary.
 */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/service/message.h"
#include "yodel/transport/peer_json.h"

#include <stdlib.h>
#include <string.h>

static const struct frame_bounds bounds = {FRAME_HEADER_MAX_BYTES, (size_t)1 << 30};

/* Reads a message that must be one. */
static void read_whole(struct frame *frame, const char *message, size_t length)
{
	struct frame_fault fault;
	size_t taken;

	frame_init(frame, &bounds);
	CHECK(frame_take(frame, message, length, &taken, &fault) == 0);
	CHECK(taken == length && frame->stage == FRAME_WHOLE);
}

/* Frees the answer. */
static void check_answer(char *answer, size_t length, bool is_text)
{
	struct frame_fault fault;
	struct frame frame;

	CHECK(answer != NULL);
	read_whole(&frame, answer, length);
	free(answer);
	CHECK(frame.is_text == is_text);
	if (is_text) {
		json_t *content = peer_json_read(
			"content", frame_content(&frame), frame.content_length, &fault);

		CHECK(content != NULL);
		CHECK(peer_json_string("content", content, "result", &fault) != NULL);
		json_decref(content);
	}
	frame_fini(&frame);
}

static void answer(const struct message_settings *settings, enum frame_kind kind,
	const uint8_t *content, size_t length)
{
	struct frame_fault fault;
	struct frame request;
	size_t message_length, answer_length;
	char *message = frame_encode(kind, content, length, &message_length);

	CHECK(message != NULL);
	read_whole(&request, message, message_length);
	free(message);
	message = message_answer(settings, &request, &answer_length, &fault);
	frame_fini(&request);
	if (message != NULL) {
		check_answer(message, answer_length, kind == FRAME_TEXT);
		return;
	}
	CHECK(fault.kind != FRAME_FAULT_MEMORY);
	message = message_refusal(fault.text, &answer_length);
	check_answer(message, answer_length, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char key[] = "ring", value[] = "In the caves \xf0\x9f\x92\x8d";
	static struct message_entry entries[] = {{key, value}};
	static const struct message_settings settings = {.entries = {entries, 1}};

	if (size < 1)
		return 0;
	answer(&settings, data[0] % 2 == 0 ? FRAME_TEXT : FRAME_CLIENT_BINARY, data + 1, size - 1);
	return 0;
}
