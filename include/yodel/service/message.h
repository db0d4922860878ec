/* SPDX-License-Identifier: MIT */
/*
 * What service message answers, and its settings. A request that is text asks for an entry of the
 * configuration; of any other the first bytes come back.
 * Owns nothing but what its functions return. Threads: any. Source: docs/protocol.md.
 */
#ifndef YODEL_SERVICE_MESSAGE_H
#define YODEL_SERVICE_MESSAGE_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"
#include "yodel/transport/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct message_entry {
	char *key;
	char *value;
};

struct message_settings {
	struct option_list entries; /* struct message_entry */
	int64_t max_header_bytes;
	int64_t max_content_bytes;
	int64_t header_time_ms; /* 0 = none */
	bool keep;
};

extern const struct option_row message_options[];

/*
 * Makes the answer to a request.
 *   request         whole
 *   answer_length   set where there is an answer
 * Returns the answer as a message, which the caller frees, or NULL with fault.
 */
char *message_answer(const struct message_settings *settings, const struct frame *request,
	size_t *answer_length, struct frame_fault *fault) MUST_USE;

/*
 * Makes the answer to what is no request: "Error: PROBLEM.".
 *   problem   UTF-8
 * Returns it as message_answer does, or NULL without memory.
 */
char *message_refusal(const char *problem, size_t *answer_length) MUST_USE;

#endif
