/* SPDX-License-Identifier: MIT */
/*
 * The peer that a proxy announces before anything else on a connection, with a header of the PROXY
 * protocol: it becomes the connection's. Whether a header comes is the listener's setting, never a
 * guess. Owns nothing. Threads: the client's own. Source: transport/proxy_header.h.
 */
#ifndef YODEL_SESSION_PROXY_PEER_H
#define YODEL_SESSION_PROXY_PEER_H

#include "yodel/base/attributes.h"
#include "yodel/base/log.h"
#include "yodel/session/connection.h"
#include "yodel/transport/proxy_header.h"

#include <stdbool.h>
#include <stdint.h>

struct proxy_peer {
	struct address proxy;       /* who has connected */
	struct proxy_header header; /* points into bytes; zero where none was good */
	const char *why;            /* what is wrong with it, or NULL */
	uint8_t bytes[PROXY_HEADER_MAX_BYTES];
};

/*
 * Reads the header, and no byte beyond, within timeouts.proxy_header; whom it announces is the
 * connection's peer from then on, and counts and is allowed as such. Who announces nobody checks the
 * daemon's health.
 * Returns CLOSE_NONE, CLOSE_PROXY_HEADER (peer->why is set), CLOSE_DENIED, CLOSE_LIMIT_PEER,
 * CLOSE_CLIENT_FIN or CLOSE_CLIENT_RESET (it said nothing), CLOSE_LIFETIME or CLOSE_ERROR.
 */
enum close_reason proxy_peer_receive(
	struct proxy_peer *peer, struct connection *connection) MUST_USE;

/* Whether this result means that the announced peer may not be here: then it is to be refused. */
bool proxy_peer_is_refused(enum close_reason reason) MUST_USE;

/* Adds what a line about the connection should tell of the proxy. */
void proxy_peer_log(const struct proxy_peer *peer, struct log_line *line);

#endif
