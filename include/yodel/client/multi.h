/* SPDX-License-Identifier: MIT */
/*
 * Several conversations side by side, and one of them: connecting, sending its messages, receiving
 * until the server ends its stream. All are in one epoll(7), each with its talk as data.
 * A talk owns its channel. Threads: one.
 */
#ifndef YODEL_CLIENT_MULTI_H
#define YODEL_CLIENT_MULTI_H

#include "yodel/base/attributes.h"
#include "yodel/client/channel.h"
#include "yodel/client/dial.h"
#include "yodel/client/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum talk_state {
	TALK_WAITING,
	TALK_CONNECTING,
	TALK_SECURING,
	TALK_OPEN,
	TALK_CLOSED,
	TALK_FAILED
};

/* One connection. */
struct talk {
	enum talk_state state;
	size_t number;          /* from 1 */
	struct channel channel; /* from connecting to open */
	uint32_t watched;       /* what epoll tells of */
	size_t address;
	size_t message;      /* the one that is under way; their count: all are sent */
	size_t message_sent; /* bytes of it */
	bool is_ended;       /* our FIN is sent, or the peer takes no more */
	uint64_t sent, received;
	int64_t moved_ms; /* monotonic: when something happened last */
	enum failure_kind kind;
	char *message_of_failure; /* owned */
};

struct multi {
	const struct request *request;
	struct target target;
	const char *const *messages;
	size_t message_count;
	struct talk *talks; /* owned */
	size_t count;
	size_t begun;          /* of count: not waiting any more */
	int64_t full_since_ms; /* of dial_may_retry */
	size_t connecting;
	size_t active; /* waiting, connecting or open */
	int epoll_fd;
	int interrupt_fd;
	int64_t begin_ns, end_ns;
	char escaped[4 * CHANNEL_PIECE_BYTES + 1];
};

/* The address that a talk is or was with, as lines and JSON have it. */
void multi_format_peer(
	const struct multi *multi, const struct talk *talk, char text[ADDRESS_TEXT_BYTES]);

/* Begins to connect. Returns false where that has to be done again: a full Unix socket. */
bool multi_connect(struct multi *multi, struct talk *talk) MUST_USE;

/* Whether the talk is on its way to be open. */
bool multi_is_connecting(const struct talk *talk);

/* Does what an event of epoll asks for. */
void multi_handle(struct multi *multi, struct talk *talk, uint32_t events);

/* Nothing has moved for the request's timeout: goes on with another address, or ends the talk. */
void multi_time_out(struct multi *multi, struct talk *talk);

#endif
