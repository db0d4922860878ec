/* SPDX-License-Identifier: MIT */
/*
 * Connects to many ports of one host side by side, to learn which are open; over and over, where it
 * is to wait for them. With TLS, open means that its handshake works, too. A connection is closed in
 * order as soon as it is there.
 * A scan owns its descriptors, which are at most SCAN_AT_ONCE and leave room below RLIMIT_NOFILE.
 * Threads: one per struct.
 */
#ifndef YODEL_CLIENT_SCAN_H
#define YODEL_CLIENT_SCAN_H

#include "yodel/base/attributes.h"
#include "yodel/client/channel.h"
#include "yodel/client/dial.h"
#include "yodel/client/failure.h"
#include "yodel/client/request.h"
#include "yodel/client/terminal.h"
#include "yodel/transport/tls_stream.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SCAN_AT_ONCE = 256,
	SCAN_RETRY_MS = 200, /* between two tries of a port that is waited for */
};

/* What a handshake of TLS has told. */
struct scan_tls {
	bool is_agreed; /* or else it has failed, and there is the peer alone */
	int64_t handshake_ns;
	struct tls_summary summary;
	struct tls_peer peer;
};

struct scan_port {
	unsigned number; /* 0: a Unix socket */
	bool is_open;
	struct address address; /* where it is open */
	int64_t connect_ns;     /* how long that took */
	struct scan_tls *tls;   /* of the last handshake; owned; NULL: there was none */
	enum failure_kind kind; /* where it is not open */
	char *message;          /* what was tried last, and what came of it; owned */

	/* The try under way. */
	size_t turn;                  /* which of the addresses */
	int64_t begun_ns;             /* the connect to it; 0: not begun */
	int64_t due_ms;               /* not before */
	enum failure_kind tried_kind; /* what came of the addresses before; FAILURE_KIND_COUNT */
	char *tried;                  /* the same in words, or NULL; owned */
};

struct scan {
	const struct request *request;
	int64_t until_ms; /* monotonic: tries again until then; 0: one try */
	struct scan_port *ports;
	size_t count, open_count;
	size_t tried_count; /* once it has run: those that a connect was begun to, or no address known */
	bool is_interrupted;

	/* Its own. */
	int interrupt_fd;
	struct target target; /* without addresses: see unresolved */
	struct failure unresolved;
	int64_t resolved_ms;
	size_t *queue; /* a ring of the ports to be tried, that due first in front */
	size_t queue_head, queue_count;
	size_t bound, active;
	size_t busy[SCAN_AT_ONCE];             /* the ports that are being connected to */
	struct channel channels[SCAN_AT_ONCE]; /* theirs */
	struct pollfd polled[SCAN_AT_ONCE + 1];
	uint64_t serial;
	struct progress progress;
};

/*
 * Prepares to look at these ports of the request's host, or at its path.
 *   numbers   count of them; for a path NULL, with a count of 1
 *   wait_ms   how long to try again; 0: not
 */
void scan_init(struct scan *scan, const struct request *request, const uint16_t *numbers,
	size_t count, int64_t wait_ms);

/* Runs until all is known, all ports are open, the wait is over, or Ctrl-C. */
void scan_run(struct scan *scan);

/* Frees the ports with their messages. */
void scan_fini(struct scan *scan);

#endif
