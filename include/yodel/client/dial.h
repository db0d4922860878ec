/* SPDX-License-Identifier: MIT */
/*
 * Finds the addresses of a target and connects to them. A datagram socket is connected at once, to
 * any address: whether somebody is there, its datagrams tell.
 * The caller owns descriptors that come back; all are non-blocking, and TCP ones do not delay small
 * messages. Threads: any; a struct belongs to one, or is constant.
 * Source: connect(2) on EINPROGRESS, RFC 6724 for the order of addresses, getrlimit(2).
 */
#ifndef YODEL_CLIENT_DIAL_H
#define YODEL_CLIENT_DIAL_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"
#include "yodel/client/failure.h"
#include "yodel/client/proxy_spec.h"
#include "yodel/client/request.h"
#include "yodel/transport/address.h"

#include <stddef.h>

enum {
	TARGET_ADDRESSES_MAX = 16,
	DIAL_PATH_MS = 50, /* connecting to a Unix socket blocks: not for longer */
	DIAL_AT_ONCE = 64, /* connects under way that the queue of a listener should take */
};

/* Where to, and where from. */
struct target {
	int type;                                       /* SOCK_STREAM or SOCK_DGRAM */
	struct address addresses[TARGET_ADDRESSES_MAX]; /* in the order to try */
	size_t count;
	struct address source;   /* .length 0: whatever the kernel chooses */
	uint64_t source_count;   /* connections take turns with so many addresses from source on */
	int64_t timeout_ms;      /* the request's */
	struct proxy_spec proxy; /* lent the request's text */
};

/*
 * Sees to it that so many connections may be open at once, and so many other descriptors beside the
 * usual ones: raises the limit on open files as far as it goes. Returns 0, or -1 with failure where
 * that is not far enough.
 */
int dial_reserve(size_t connections, size_t others, struct failure *failure) MUST_USE;

/* Whether text is a good --source, as the rows of options ask. */
bool dial_check_source(const char *text, char why[OPTION_WHY_BYTES]);

/*
 * Resolves the request's host and port, or its path, and its source.
 *   port   in place of the request's; the same for most; NULL: the addresses alone, with port 0
 * Returns 0, or -1 with failure.
 */
int target_resolve(const struct request *request, const char *port, struct target *target,
	struct failure *failure) MUST_USE;

/*
 * Begins to connect to one address.
 *   turn   which of the sources: any number, a different one for each connection
 *   fd     the descriptor; it is connected when it becomes writable and dial_end returns 0
 * Returns 0, or an errno value and no descriptor; EAGAIN: the queue of a Unix socket is full, and was
 * for DIAL_PATH_MS.
 */
int dial_begin(const struct target *target, const struct address *address, uint64_t turn,
	int *fd) MUST_USE;

/*
 * Whether to begin the same connect again: the queue of a Unix socket is full (EAGAIN), and the target's
 * timeout leaves time for room in it.
 *   number          what dial_begin has returned
 *   full_since_ms   kept from call to call, 0 at first: since when, monotonic; 0 where it is not
 */
bool dial_may_retry(const struct target *target, int number, int64_t *full_since_ms);

/*
 * How a connect that was begun and is not under way any more has ended: 0 or an errno value. A socket
 * that has met itself was refused: nobody listens there. Where the target wants a header of the PROXY
 * protocol, it is sent now.
 */
int dial_end(const struct target *target, int fd) MUST_USE;

/*
 * Connects, trying the addresses in turn, each for at most the request's timeout.
 *   peer   the address that answered; may be NULL
 * Returns the descriptor, or -1 with failure, which names all that was tried.
 */
int dial(const struct request *request, const struct target *target, struct address *peer,
	struct failure *failure) MUST_USE;

/* What a connect tells. */
struct dialed {
	size_t index;        /* among the addresses of the target: that which answered */
	struct address peer; /* the address itself */
	int64_t connect_ns;  /* how long it took to */
};

/*
 * Connects as dial does, and measures it.
 *   turn           which of the sources: any number, a different one for each call
 *   interrupt_fd   of interrupt.h: gives up once it is readable; -1: none
 *   dialed         filled where there is a descriptor
 * Returns the descriptor, or -1 with failure, which is of no use after an interrupt.
 */
int dial_measured(const struct request *request, const struct target *target, uint64_t turn,
	int interrupt_fd, struct dialed *dialed, struct failure *failure) MUST_USE;

/* target_resolve and dial in one, for a command with one connection. */
int dial_target(
	const struct request *request, struct address *peer, struct failure *failure) MUST_USE;

/* What to look at where a connection was refused; to be appended to a message. Static text. */
const char *dial_refused_hint(const struct request *request);

#endif
