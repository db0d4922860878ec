/* SPDX-License-Identifier: MIT */
#include "yodel/session/close_reason.h"

#include "yodel/base/check.h"

#define CLOSE_REASON_ROW(constant, word, is_announced) [constant] = {word, is_announced},

static const struct row {
	const char *word;
	bool is_announced;
} rows[] = {CLOSE_REASONS(CLOSE_REASON_ROW)};

const char *close_reason_word(enum close_reason reason)
{
	CHECK(reason < CLOSE_REASON_COUNT);
	return rows[reason].word;
}

bool close_reason_is_announced(enum close_reason reason)
{
	CHECK(reason < CLOSE_REASON_COUNT);
	return rows[reason].is_announced;
}
