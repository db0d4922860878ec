/* SPDX-License-Identifier: MIT */
#include "yodel/service/talk.h"

#include "yodel/base/clock.h"
#include "yodel/base/log.h"
#include "yodel/base/text.h"
#include "yodel/service/service.h"
#include "yodel/session/hub.h"

#include <stdio.h>
#include <string.h>

enum {
	ABSENT_TEXT_MAX_BYTES = 512,
	LINE_END_MAX_BYTES = 2, /* "\r\n" */
	DAY_MS = 86400 * 1000,
};

static bool check_absent_text(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "at most %d bytes", ABSENT_TEXT_MAX_BYTES);
	return strlen(text) <= ABSENT_TEXT_MAX_BYTES;
}

const struct option_row talk_options[] = {
	{.path = "max_line",
		.type = OPTION_SIZE,
		.offset = offsetof(struct talk_settings, max_line_bytes),
		.min = 16,
		.max = HUB_TEXT_BYTES,
		.default_value = "4k",
		.help = "The longest message of a client, without its line end; who says more at once is cut off"},
	{.path = "pause",
		.type = OPTION_DURATION,
		.offset = offsetof(struct talk_settings, pause_ms),
		.max = DAY_MS,
		.default_value = "100ms",
		.help = "Silence that ends a message without a line end; 0 waits for the line end"},
	{.path = "absent_text",
		.type = OPTION_STRING,
		.offset = offsetof(struct talk_settings, absent_text),
		.default_value = "Nobody is here to answer; please wait.",
		.check = check_absent_text,
		.help = "Sent to a client when there is no operator, with a line end; empty sends nothing"},
	OPTION_END,
};

/*
 * What has been read stays in `bytes` until the operator has taken it: first the message that is
 * offered, with its line end, then what has come behind it. Meanwhile nothing more is read.
 */
struct talk {
	struct connection *connection;
	const struct talk_settings *settings;
	struct talker_view view;
	size_t offered;          /* bytes of the message that waits to be taken, 0 without one */
	size_t length;           /* all bytes read, those included */
	int64_t silent_since_ms; /* the last word of either side, or its being heard */
	int64_t read_ms;         /* when the last bytes came */
	bool has_ended;          /* the client has ended its stream */
	bool has_left;           /* the same is known, though what came before may not be read */
	bool has_said_bye;
	bool knows_of_absence;
	struct talker talker;
	char bytes[HUB_TEXT_BYTES + LINE_END_MAX_BYTES];
};

/* --- The transcript --------------------------------------------------------------------------- */

static void SEPARATE_FRAME log_words(
	const struct talk *talk, const char *from, const char *text, size_t length)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_DEBUG, "talk");
	log_number(&line, "conn", talk->connection->number);
	log_text(&line, "from", from);
	log_bytes(&line, "text", text, length);
	log_end(&line);
}

static void SEPARATE_FRAME log_refusal(const struct talk *talk)
{
	struct log_line line;

	log_begin(&line, LOG_LEVEL_INFO, "talk");
	log_number(&line, "conn", talk->connection->number);
	log_text(&line, "message", "a line longer than max_line");
	log_number(&line, "max_line", (uint64_t)talk->settings->max_line_bytes);
	log_end(&line);
}

/* --- What the client says --------------------------------------------------------------------- */

/* A message at the front of what was read. */
struct found {
	size_t text;   /* bytes of it */
	size_t length; /* the same with its line end */
};

/* Whether what is there makes a message, now or because nothing more comes. */
static bool find_message(const struct talk *talk, struct found *found)
{
	const char *end = memchr(talk->bytes, '\n', talk->length);
	bool is_late = talk->settings->pause_ms != 0 &&
		       clock_monotonic_ms() - talk->read_ms >= talk->settings->pause_ms;

	*found = (struct found){talk->length, talk->length};
	if (end == NULL)
		return talk->length > 0 && (talk->has_ended || is_late);
	found->text = (size_t)(end - talk->bytes);
	found->length = found->text + 1;
	if (found->text > 0 && end[-1] == '\r')
		found->text--;
	return true;
}

static bool is_full(const struct talk *talk)
{
	return talk->length == (size_t)talk->settings->max_line_bytes + LINE_END_MAX_BYTES;
}

static enum close_reason offer_message(struct talk *talk)
{
	struct found found;
	bool is_whole = find_message(talk, &found);

	if (!is_whole && !is_full(talk))
		return CLOSE_NONE;
	if (!is_whole || found.text > (size_t)talk->settings->max_line_bytes) {
		if (log_is_wanted(LOG_LEVEL_INFO))
			log_refusal(talk);
		return CLOSE_PROTOCOL;
	}
	if (log_is_wanted(LOG_LEVEL_DEBUG))
		log_words(talk, "client", talk->bytes, found.text);
	talk->offered = found.length;
	talk->has_said_bye = text_is_word(talk->bytes, found.text, "bye");
	hub_offer(talk->connection->hub, &talk->talker, talk->bytes, found.text,
		talk->bytes[found.length - 1] == '\n', talk->has_said_bye);
	return CLOSE_NONE;
}

/*
 * The operator has taken the message: what has come behind it moves to the front. Its pause begins
 * now, for nobody has read on meanwhile.
 */
static void drop_message(struct talk *talk)
{
	talk->length -= talk->offered;
	memmove(talk->bytes, talk->bytes + talk->offered, talk->length);
	talk->offered = 0;
	talk->read_ms = talk->silent_since_ms = clock_monotonic_ms();
}

static bool is_idle(const struct talk *talk)
{
	int64_t idle_ms = talk->connection->listener->timeouts.idle_ms;

	return idle_ms != 0 && clock_monotonic_ms() - talk->silent_since_ms >= idle_ms;
}

static enum close_reason read_more(struct talk *talk)
{
	size_t room = (size_t)talk->settings->max_line_bytes + LINE_END_MAX_BYTES - talk->length;
	size_t got;
	enum close_reason reason = connection_read_pending(
		talk->connection, talk->bytes + talk->length, room, &got);

	talk->length += got;
	if (got > 0)
		talk->read_ms = talk->silent_since_ms = clock_monotonic_ms();
	else if (reason == CLOSE_NONE && is_idle(talk))
		return CLOSE_IDLE; /* something came that held no bytes for us */
	talk->has_ended = reason == CLOSE_CLIENT_FIN;
	return talk->has_ended ? CLOSE_NONE : reason;
}

/* Whether one of both has said bye. */
static bool is_over(const struct talk *talk)
{
	return talk->has_said_bye || talk->view.is_over;
}

/* --- What the client is told ------------------------------------------------------------------ */

static enum close_reason send_answers(struct talk *talk)
{
	const char *out = talk->view.out;
	size_t length = talk->view.out_length;
	enum close_reason reason = connection_write(talk->connection, out, length);

	if (reason != CLOSE_NONE)
		return reason;
	if (log_is_wanted(LOG_LEVEL_DEBUG))
		log_words(talk, "operator", out, out[length - 1] == '\n' ? length - 1 : length);
	hub_sent(talk->connection->hub, &talk->talker, length);
	talk->silent_since_ms = clock_monotonic_ms();
	return CLOSE_NONE;
}

static enum close_reason SEPARATE_FRAME send_absent_text(struct talk *talk)
{
	char text[ABSENT_TEXT_MAX_BYTES + 2];
	int length = snprintf(text, sizeof text, "%s%s", talk->settings->absent_text,
		talk->view.has_line_ends ? "\n" : "");

	return connection_write(talk->connection, text, (size_t)length);
}

/* Once for each absence, and only who may wait for its end. */
static enum close_reason tell_of_absence(struct talk *talk)
{
	bool is_news = !talk->view.has_operator && !talk->knows_of_absence && !is_over(talk);

	talk->knows_of_absence = !talk->view.has_operator;
	if (!is_news || *talk->settings->absent_text == '\0')
		return CLOSE_NONE;
	return send_absent_text(talk);
}

/* --- The conversation ------------------------------------------------------------------------- */

/* Nothing more is read while a message waits to be taken; whether its client stays is still of interest. */
static enum stream_interest interest_of(const struct talk *talk)
{
	if (talk->offered == 0 && !talk->has_ended)
		return STREAM_BYTES;
	return talk->has_left ? STREAM_CUT : STREAM_END;
}

/*
 * Waits for what concerns this talk next. Silence counts against the client only where it is heard, or
 * has left.
 */
static enum close_reason wait_for_news(struct talk *talk)
{
	bool is_unheard = talk->offered > 0 && talk->view.has_operator;
	bool is_unfinished = talk->offered == 0 && talk->length > 0 &&
			     talk->settings->pause_ms != 0;
	struct connection_wait wait = {
		.wake_fd = talk->talker.wake_fd,
		.interest = interest_of(talk),
		.silent_since_ms = is_unheard && !talk->has_left ? 0 : talk->silent_since_ms,
		.until_ms = is_unfinished ? talk->read_ms + talk->settings->pause_ms : 0,
	};
	bool has_bytes;
	enum close_reason reason = connection_wait(talk->connection, &wait, &has_bytes);

	if (reason == CLOSE_CLIENT_FIN) {
		talk->has_left = true;
		talk->silent_since_ms = clock_monotonic_ms();
		return CLOSE_NONE;
	}
	return reason == CLOSE_NONE && has_bytes ? read_more(talk) : reason;
}

/*
 * Whether all is said. A bye is heard first, if somebody is there to hear it. A client that has ended its
 * stream stays until its last message is answered, for it may still read.
 */
static enum close_reason find_end(const struct talk *talk)
{
	bool is_unheard = talk->offered > 0;

	if (talk->view.is_ended || (talk->connection->has_asked_to_stop && !is_unheard))
		return CLOSE_DONE;
	if (is_over(talk))
		return is_unheard && talk->view.has_operator ? CLOSE_NONE : CLOSE_DONE;
	if (talk->has_ended && !is_unheard && talk->length == 0 && !talk->view.is_waiting)
		return CLOSE_CLIENT_FIN;
	return CLOSE_NONE;
}

static enum close_reason listen_to(struct talk *talk)
{
	enum close_reason reason = tell_of_absence(talk);

	if (reason == CLOSE_NONE && talk->offered == 0 && !is_over(talk))
		reason = offer_message(talk);
	return reason;
}

/* Deals with all that the hub has for the client, and with what the client has for the hub. */
static enum close_reason exchange(struct talk *talk)
{
	enum close_reason reason = CLOSE_NONE;

	talk->view = hub_look(talk->connection->hub, &talk->talker);
	if (talk->offered > 0 && !talk->view.has_message)
		drop_message(talk);
	if (talk->view.out_length > 0)
		reason = send_answers(talk);
	if (reason == CLOSE_NONE && !talk->connection->has_asked_to_stop)
		reason = listen_to(talk);
	return reason == CLOSE_NONE ? find_end(talk) : reason;
}

enum close_reason service_talk(struct connection *connection)
{
	enum close_reason reason;
	struct talk talk; /* filled member by member: what is not used is not touched */

	memset(&talk, 0, offsetof(struct talk, talker));
	talk.connection = connection;
	talk.settings = connection->listener->service_settings;
	talk.silent_since_ms = connection->ready_ms;
	if (hub_join(connection->hub, &talk.talker, connection->number) != 0)
		return CLOSE_RESOURCES;
	do {
		reason = exchange(&talk);
		if (reason == CLOSE_NONE)
			reason = wait_for_news(&talk);
	} while (reason == CLOSE_NONE);
	hub_leave(connection->hub, &talk.talker);
	return reason;
}
