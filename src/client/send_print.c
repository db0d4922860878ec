/* SPDX-License-Identifier: MIT */
#include "yodel/client/send_print.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"
#include "yodel/client/print.h"

#include <inttypes.h>
#include <stdio.h>

void send_print_sums(const struct request *request, const struct send_result *result)
{
	char elapsed[PRINT_TEXT_BYTES];

	if (!request->is_verbose)
		return;
	format_ms(elapsed, (double)result->elapsed_ns);
	fprintf(stderr, "sent %" PRIu64 " bytes, received %" PRIu64 " bytes in %s ms\n",
		result->sent_bytes, result->received_bytes, elapsed);
}

void send_print_json(const struct request *request, const struct send_result *result)
{
	bool is_cut = result->received_bytes > result->answer_bytes;
	size_t length = result->answer_bytes;

	if (!request->is_json)
		return;
	json_t *object = json_pack("{ss ss sI sI sf sb sb sb}", "command", request->command,
		"target", request->target, "sent_bytes", (json_int_t)result->sent_bytes,
		"received_bytes", (json_int_t)result->received_bytes, "elapsed_ms",
		(double)result->elapsed_ns / 1e6, "is_interrupted", result->is_interrupted,
		"input_is_cut", result->is_input_cut, "answer_is_cut", is_cut);

	CHECK(object != NULL);
	/* A cut must not make binary of a text. */
	if (is_cut)
		length = text_whole_utf8(result->answer, length);
	print_set_bytes(object, "answer", result->answer, length);
	print_json(object);
}
