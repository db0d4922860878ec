/* SPDX-License-Identifier: MIT */
/*
 * The hub: conversations between clients that talk and the one operator who answers, wherever that
 * one sits. A talker is a client's end of it, in its own thread. It has room for one message that the
 * operator has not taken yet, and for a few answers that the client has not taken yet. So memory is
 * bounded, and who does not read or answer holds up only itself: its client is not read any further,
 * or gets no more answers.
 *
 * Talkers take turns: the operator takes the message that has waited longest.
 *
 * Owns nothing but its numbers: a talker is its thread's and lent to the hub from hub_join to
 * hub_leave; the operator's descriptor is lent from hub_attach to hub_detach.
 * Threads: any; one lock guards all, and nothing blocks under it: waking somebody is a write to an
 * eventfd. Source: eventfd(2).
 */
#ifndef YODEL_SESSION_HUB_H
#define YODEL_SESSION_HUB_H

#include "yodel/base/attributes.h"
#include "yodel/base/lock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HUB_TEXT_BYTES = 4096,       /* the longest message or answer */
	HUB_OUTBOX_BYTES = 8 * 1024, /* answers that the client has not taken yet */
	HUB_LEFT_MAX = 64, /* clients that have left and of whom the operator is to be told */
};

struct talker {
	uint64_t number; /* the connection's */
	int wake_fd;     /* an eventfd: readable when hub_look has something new to tell */

	/* Guarded by the hub's lock. */
	struct talker *previous, *next;
	const char *message; /* lent until the operator takes it; NULL: there is none */
	size_t message_length;
	uint64_t turn;      /* of the message */
	bool is_bye;        /* the message ends the conversation */
	bool has_line_ends; /* its last message came with a line end */
	bool is_known;      /* the operator has heard of it */
	bool is_waiting;    /* the operator has not answered the last message taken */
	bool is_over;       /* one of both has said bye; nothing more is said to the client */
	size_t out_length;  /* of what the client has still to get */
	char outbox[HUB_OUTBOX_BYTES]; /* last: what is not used is not touched */
};

struct hub {
	struct lock lock;
	/* Guarded by lock. */
	struct talker *talkers;
	size_t talker_count;
	size_t message_count;
	uint64_t last_turn;
	int operator_fd; /* -1: there is no operator */
	bool is_ended;   /* hub_end */
	uint64_t left[HUB_LEFT_MAX];
	size_t left_count;
};

/* Makes a hub without talkers and without an operator. */
void hub_init(struct hub *hub);

/* Has all talkers leave, whatever they wait for. */
void hub_end(struct hub *hub) EXCLUDES(hub->lock);

/* Frees a hub that everybody has left. */
void hub_fini(struct hub *hub) EXCLUDES(hub->lock);

/* --- A client's thread ------------------------------------------------------------------------ */

/*
 * Takes part.
 *   talker   the caller's storage, lent until hub_leave
 *   number   the connection's
 * Returns 0, or -1 where there is no descriptor to be had.
 */
int hub_join(struct hub *hub, struct talker *talker, uint64_t number) EXCLUDES(hub->lock) MUST_USE;

/* Leaves. A message that the operator has not taken is taken back. */
void hub_leave(struct hub *hub, struct talker *talker) EXCLUDES(hub->lock);

/* What a talker's thread has to know; constant until it looks again, but for what others add. */
struct talker_view {
	bool has_operator;
	bool has_message;   /* the last one is not taken yet */
	bool is_waiting;    /* for an answer to it, since it was taken */
	bool is_over;       /* nothing more will be said, once `out` is sent */
	bool is_ended;      /* all are to leave at once */
	bool has_line_ends; /* as answers have */
	const char *out;    /* lent until hub_sent */
	size_t out_length;
};

/* Looks at what has changed, and clears wake_fd. */
struct talker_view hub_look(struct hub *hub, struct talker *talker) EXCLUDES(hub->lock) MUST_USE;

/*
 * Says something to the operator.
 *   text            length bytes, at most HUB_TEXT_BYTES, without a line end; lent until hub_look
 *                   tells that the operator has taken it, or until hub_leave
 *   has_line_end    whether it had one: answers will have what it had
 *   is_bye          whether it ends the conversation
 * The message before it must have been taken.
 */
void hub_offer(struct hub *hub, struct talker *talker, const char *text, size_t length,
	bool has_line_end, bool is_bye) EXCLUDES(hub->lock);

/* The first bytes of what hub_look lent are sent. */
void hub_sent(struct hub *hub, struct talker *talker, size_t length) EXCLUDES(hub->lock);

/* --- The operator ----------------------------------------------------------------------------- */

/*
 * Becomes the operator. What waits can be taken from now on.
 *   operator_fd   an eventfd, lent until hub_detach: readable when there is something to take
 * Returns false where there is an operator already.
 */
bool hub_attach(struct hub *hub, int operator_fd) EXCLUDES(hub->lock) MUST_USE;

/* Leaves; clients are told that nobody is there. */
void hub_detach(struct hub *hub) EXCLUDES(hub->lock);

enum hub_news {
	HUB_MESSAGE,
	HUB_BYE,  /* the last message of a conversation: one of both has said bye */
	HUB_LEFT, /* without a word; only of those that have said something before */
};

struct hub_message {
	enum hub_news news;
	uint64_t number;
	size_t talkers; /* all of them now, with this one */
	size_t length;
	char text[HUB_TEXT_BYTES]; /* any bytes, without a line end */
};

/* Takes what has waited longest; false where nothing waits. */
bool hub_take(struct hub *hub, struct hub_message *message) EXCLUDES(hub->lock) MUST_USE;

enum hub_say {
	HUB_SAID,
	HUB_NOBODY,  /* no such client, or one whose conversation is over */
	HUB_NO_ROOM, /* it does not read: nothing was said */
};

/*
 * Says something to one client. A line end is added if the client's last message had one, or where
 * it has not said anything yet. "bye" ends the conversation.
 *   text   length bytes, at most HUB_TEXT_BYTES, without a line end
 */
enum hub_say hub_say(struct hub *hub, uint64_t number, const char *text, size_t length)
	EXCLUDES(hub->lock) MUST_USE;

/*
 * Says something to all.
 *   unheard   set: how many of them do not read
 * Returns how many there are.
 */
size_t hub_say_all(struct hub *hub, const char *text, size_t length, size_t *unheard)
	EXCLUDES(hub->lock);

#endif
