/* SPDX-License-Identifier: MIT */
/*
 * What became of something that was sent, over a connection or as a datagram, in figures.
 * Owns nothing. Threads: one.
 */
#ifndef YODEL_CLIENT_SEND_PRINT_H
#define YODEL_CLIENT_SEND_PRINT_H

#include "yodel/client/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct send_result {
	uint64_t sent_bytes, received_bytes;
	int64_t elapsed_ns;
	bool is_interrupted;
	bool is_input_cut;   /* not all of it was sent */
	const char *answer;  /* its beginning; NULL: it was not kept */
	size_t answer_bytes; /* of that beginning */
};

/* With --verbose, writes the sums on stderr. */
void send_print_sums(const struct request *request, const struct send_result *result);

/* With --json, writes all as one object; there must be an answer. */
void send_print_json(const struct request *request, const struct send_result *result);

#endif
