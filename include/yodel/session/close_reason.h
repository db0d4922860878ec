/* SPDX-License-Identifier: MIT */
/*
 * Why a connection ended, a client was not let in, or a datagram was not answered: one word each, in
 * the log and the statistics.
 * Threads: any; constant.
 */
#ifndef YODEL_SESSION_CLOSE_REASON_H
#define YODEL_SESSION_CLOSE_REASON_H

#include <stdbool.h>

/* X(CONSTANT, word, is the end of stream still announced with a FIN and a linger-read) */
#define CLOSE_REASONS(X)                                                                           \
	X(CLOSE_NONE, "none", false)                 /* goes on */                                 \
	X(CLOSE_DONE, "done", true)                  /* the service has said all it had to say */  \
	X(CLOSE_CLIENT_FIN, "client_fin", false)     /* the client has ended its stream */         \
	X(CLOSE_CLIENT_RESET, "client_reset", false) /* the client has cut the connection */       \
	X(CLOSE_PROBE, "probe", false)          /* the client left without a byte either way */    \
	X(CLOSE_IDLE, "idle", true)             /* timeouts.idle */                                \
	X(CLOSE_FIRST_BYTE, "first_byte", true) /* timeouts.first_byte */                          \
	X(CLOSE_WRITE_TIMEOUT, "write_timeout", false)   /* timeouts.write */                      \
	X(CLOSE_LIFETIME, "lifetime", true)              /* timeouts.lifetime */                   \
	X(CLOSE_LINGER, "linger", false)                 /* done, but the client did not close */  \
	X(CLOSE_PROTOCOL, "protocol", true)              /* not what the service asks for */       \
	X(CLOSE_HEADER_LENGTH, "header_length", true)    /* service message: max_header */         \
	X(CLOSE_HEADER_TIME, "header_time", true)        /* service message: header_time */        \
	X(CLOSE_CONTENT_LENGTH, "content_length", true)  /* service message: max_content */        \
	X(CLOSE_JSON_DEPTH, "json_depth", true)          /* JSON nested too deeply */              \
	X(CLOSE_ENCODING, "encoding", true)              /* text that is no UTF-8 */               \
	X(CLOSE_LIMIT_TOTAL, "limit_total", false)       /* limits.max_connections */              \
	X(CLOSE_LIMIT_LISTENER, "limit_listener", false) /* the same, of the listener alone */     \
	X(CLOSE_LIMIT_PEER, "limit_peer", false)         /* limits.max_per_peer */                 \
	X(CLOSE_RATE, "rate", false)                     /* limits.accept_rate */                  \
	X(CLOSE_PROXY_HEADER, "proxy_header", false) /* none, a bad one, or not from proxy_from */ \
	X(CLOSE_DENIED, "denied", false)             /* allow, deny */                             \
	X(CLOSE_RESOURCES, "resources", false)       /* no thread or descriptor to be had */       \
	X(CLOSE_TLS, "tls", true)                    /* TLS has failed; the log line says how */   \
	X(CLOSE_LOOP, "loop", false)           /* a datagram from where one is answered, too */    \
	X(CLOSE_MULTICAST, "multicast", false) /* a datagram to or from many */                    \
	X(CLOSE_NO_REPLY, "no_reply", false)   /* a datagram without an address to answer to */    \
	X(CLOSE_OVERSIZE, "oversize", false)   /* a datagram that is too long to be sent back */   \
	X(CLOSE_DRAIN, "drain", false)         /* the daemon stops and the drain is over */        \
	X(CLOSE_ERROR, "error", false)         /* anything else; the log line has the errno */

#define CLOSE_REASON_CONSTANT(constant, word, is_announced) constant,
enum close_reason { CLOSE_REASONS(CLOSE_REASON_CONSTANT) CLOSE_REASON_COUNT };
#undef CLOSE_REASON_CONSTANT

/* The word of a reason. */
const char *close_reason_word(enum close_reason reason);

/* Whether a connection that ends for this reason says so with a FIN and waits for the client's. */
bool close_reason_is_announced(enum close_reason reason);

#endif
