/* SPDX-License-Identifier: MIT */
#include "yodel/server/refusals.h"

#include "yodel/base/clock.h"
#include "yodel/base/log.h"

enum { SILENCE_MS = 1000 };

/* Adds how many were counted since the last line of this reason, and starts the next silence. */
static void end_line(struct log_line *line, struct refusal *refusal, int64_t now_ms)
{
	if (refusal->suppressed != 0)
		log_number(line, "suppressed", refusal->suppressed);
	log_end(line);
	*refusal = (struct refusal){.silent_until_ms = now_ms + SILENCE_MS};
}

void refusals_log(struct refusals *refusals, const char *listener, const struct address *peer,
	enum close_reason reason, int error_number, int64_t now_ms)
{
	struct refusal *refusal = &refusals->by_reason[reason];
	char text[ADDRESS_TEXT_BYTES];
	struct log_line line;

	if (now_ms < refusal->silent_until_ms) {
		refusal->suppressed++;
		return;
	}
	log_begin(&line, LOG_LEVEL_WARN, "refuse");
	log_text(&line, "listener", listener);
	if (peer != NULL) {
		address_format(peer, text);
		log_text(&line, "peer", text);
	}
	log_text(&line, "reason", close_reason_word(reason));
	if (error_number != 0)
		log_text(&line, "error", error_text(error_number));
	end_line(&line, refusal, now_ms);
}

static void tell_suppressed(struct refusals *refusals, enum close_reason reason, int64_t now_ms)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_WARN, "refuse");
	log_text(&line, "reason", close_reason_word(reason));
	end_line(&line, &refusals->by_reason[reason], now_ms);
}

void refusals_flush(struct refusals *refusals, int64_t now_ms)
{
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++) {
		const struct refusal *refusal = &refusals->by_reason[reason];

		if (refusal->suppressed != 0 && refusal->silent_until_ms <= now_ms)
			tell_suppressed(refusals, (enum close_reason)reason, now_ms);
	}
}

void refusals_end(struct refusals *refusals, int64_t now_ms)
{
	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++)
		if (refusals->by_reason[reason].suppressed != 0)
			tell_suppressed(refusals, (enum close_reason)reason, now_ms);
}

int64_t refusals_deadline_ms(const struct refusals *refusals)
{
	int64_t deadline_ms = 0;

	for (int reason = 0; reason < CLOSE_REASON_COUNT; reason++)
		if (refusals->by_reason[reason].suppressed != 0)
			deadline_ms = clock_earlier_of(
				deadline_ms, refusals->by_reason[reason].silent_until_ms);
	return deadline_ms;
}
