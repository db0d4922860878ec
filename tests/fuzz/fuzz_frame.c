/* SPDX-License-Identifier: MIT */
/*
 * What a peer sends where messages are expected. The first byte is how many of the others come at
 * once: whatever that is, what they are must not depend on it.
 */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"
#include "yodel/transport/frame.h"

#include <string.h>

static const struct frame_bounds bounds = {4096, 65536};

struct outcome {
	size_t messages;
	size_t taken; /* of all; where there is a fault: up to the piece that it was found in */
	bool has_fault;
	struct frame_fault fault;
};

static void check_fault(const struct frame_fault *fault)
{
	size_t length = strlen(fault->text);

	CHECK(length > 0 && length < sizeof fault->text);
	CHECK(text_is_utf8(fault->text, length));
	for (size_t i = 0; i < length; i++)
		CHECK((unsigned char)fault->text[i] >= ' ' && fault->text[i] != 0x7f);
}

static void check_frame(const struct frame *frame)
{
	char progress[FRAME_PROGRESS_BYTES];

	CHECK(frame->length <= frame->capacity);
	CHECK(frame->capacity <= 1024 || frame->capacity <= 2 * frame->length);
	frame_describe_progress(frame, progress);
	CHECK(strlen(progress) < sizeof progress - 1);
	if (frame->stage == FRAME_WHOLE)
		CHECK(frame->length == frame->header_length + frame->content_length &&
			frame_content(frame) + frame->content_length ==
				frame->bytes + frame->length);
}

/* Reads one message. Returns whether it is whole. */
static bool read_one(struct frame *frame, const char *bytes, size_t length, size_t piece,
	struct outcome *outcome)
{
	while (outcome->taken < length && frame->stage != FRAME_WHOLE) {
		size_t left = length - outcome->taken, count = left < piece ? left : piece, taken;

		if (frame_take(frame, bytes + outcome->taken, count, &taken, &outcome->fault) !=
			0) {
			check_fault(&outcome->fault);
			outcome->has_fault = true;
			return false;
		}
		CHECK(taken <= count && (taken == count || frame->stage == FRAME_WHOLE));
		outcome->taken += taken;
		check_frame(frame);
	}
	return frame->stage == FRAME_WHOLE;
}

static struct outcome read_all(const char *bytes, size_t length, size_t piece)
{
	struct outcome outcome = {.messages = 0};
	bool is_whole = true;

	while (is_whole && outcome.taken < length) {
		struct frame frame;

		frame_init(&frame, &bounds);
		is_whole = read_one(&frame, bytes, length, piece, &outcome);
		outcome.messages += is_whole;
		frame_fini(&frame);
	}
	return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	const char *bytes = (const char *)data + 1;
	struct outcome one = read_all(bytes, size - 1, size);
	struct outcome other = read_all(bytes, size - 1, (size_t)data[0] + 1);

	CHECK(one.messages == other.messages && one.has_fault == other.has_fault);
	CHECK(!one.has_fault || (one.fault.kind == other.fault.kind &&
					strcmp(one.fault.text, other.fault.text) == 0));
	CHECK(one.has_fault || one.taken == other.taken);
	return 0;
}
