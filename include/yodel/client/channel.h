/* SPDX-License-Identifier: MIT */
/*
 * A connection of the client as bytes in both directions, in the clear or with TLS; who sends and
 * receives need not know. Nothing waits: the calls are as those of a non-blocking socket, and who
 * waits for a channel asks poll(2) or epoll(7) for channel_wants, and acts on channel_ready.
 * Owns its descriptor. Threads: one per channel.
 * Source: recv(2), send(2), RFC 9293 3.6, RFC 8446 6.1.
 */
#ifndef YODEL_CLIENT_CHANNEL_H
#define YODEL_CLIENT_CHANNEL_H

#include "yodel/base/attributes.h"
#include "yodel/client/failure.h"
#include "yodel/client/request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A receive with so much room leaves nothing behind that poll(2) would not tell of. */
enum { CHANNEL_PIECE_BYTES = 16 * 1024 };

struct tls;

struct channel {
	int fd;          /* -1: closed */
	struct tls *tls; /* NULL in the clear */
	bool is_secured; /* the handshake is over; in the clear there is none */
	bool is_ended;   /* our stream has, or nothing more can be sent */
	bool is_stuck;   /* the kernel took a part of a record */
	int cut_number;  /* an errno value that sending has met, for receiving to tell; 0: none */
	/* What each waits for behind EAGAIN: with TLS it may be the other direction's turn. */
	uint32_t receive_waits_for, send_waits_for;
};

/*
 * Takes a non-blocking descriptor that is connected or connecting. Where the request asks for TLS,
 * channel_secure comes before all else. -1 makes a closed channel.
 */
void channel_open(struct channel *channel, int fd, const struct request *request);

/*
 * Closes the descriptor; a closed channel is fine. With TLS it says so before, if it can without
 * waiting.
 */
void channel_close(struct channel *channel);

/*
 * Goes on with the handshake of TLS, once connected.
 * Returns 0 when it is over, and in the clear; EAGAIN where it has to go on when the channel is ready
 * for what channel_wants says; or another errno value, for channel_error.
 */
int channel_secure(struct channel *channel) MUST_USE;

/*
 * The handshake from its beginning to its end, within the request's timeout.
 *   interrupt_fd   of interrupt.h: gives up once it is readable; -1: none
 * Returns 0, or -1 with failure, which is of no use after an interrupt.
 */
int channel_establish(struct channel *channel, const struct request *request, int interrupt_fd,
	struct failure *failure) MUST_USE;

/*
 * Connects to the request's target, for a command with one connection, and establishes the channel.
 * Returns 0, or -1 with failure, and then the channel is closed.
 */
int channel_dial(
	struct channel *channel, const struct request *request, struct failure *failure) MUST_USE;

/*
 * As recv(2) of a non-blocking socket; errno is EAGAIN also for EINTR, and EPROTO where TLS has failed
 * or has ended without close_notify. Of a connection that was cut this tells, also where sending has
 * met it before: the kernel says it once, to whoever asks first.
 */
ssize_t channel_receive(struct channel *channel, void *dst, size_t capacity) MUST_USE;

/*
 * As send(2) of a non-blocking socket, with errno as above. After EAGAIN the next one must be for the
 * same bytes, or more behind them. Behind another error receiving goes on: there may be an answer.
 */
ssize_t channel_send(struct channel *channel, const void *src, size_t length) MUST_USE;

/*
 * Ends our stream: with TLS by close_notify, then by FIN. Bytes go on coming.
 * Returns false where that has to be called again when the channel is ready for POLLOUT.
 */
bool channel_finish(struct channel *channel) MUST_USE;

/* Whether the peer has ended its stream, or the connection is cut, and nothing came before that. */
bool channel_is_ended(struct channel *channel) MUST_USE;

/* What to wait for in order to be able to do what events say: POLLIN, POLLOUT or both. */
uint32_t channel_wants(const struct channel *channel, uint32_t events) MUST_USE;

/* What can be done behind such a wait, by what it has returned. */
uint32_t channel_ready(const struct channel *channel, uint32_t happened) MUST_USE;

/* What an errno value of the functions above means: a static text. */
const char *channel_error(const struct channel *channel, int number);

#endif
