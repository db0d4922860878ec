/* SPDX-License-Identifier: MIT */
/*
 * Why something did not work, in one line whose first word tells the kind, the same for all commands:
 *   REFUSED: cannot connect to localhost port 7: 127.0.0.1:7 Connection refused; ...
 * The struct is the caller's storage. Threads: one per struct.
 */
#ifndef YODEL_CLIENT_FAILURE_H
#define YODEL_CLIENT_FAILURE_H

#include "yodel/base/attributes.h"
#include "yodel/client/request.h"

/* The kinds and their words, that which says most about the other end first. */
#define FAILURE_KINDS(ROW)                                                                         \
	ROW(FAILURE_REFUSED, "REFUSED")         /* nothing listens there */                        \
	ROW(FAILURE_RESET, "RESET")             /* the connection was cut */                       \
	ROW(FAILURE_TLS, "TLS")                 /* no agreement, or no trust */                    \
	ROW(FAILURE_TIMEOUT, "TIMEOUT")         /* no connection or no answer in time */           \
	ROW(FAILURE_UNREACHABLE, "UNREACHABLE") /* no way to that network or host */               \
	ROW(FAILURE_DNS, "DNS")                 /* no such host or service */                      \
	ROW(FAILURE_OTHER, "OTHER")             /* everything else, such as a full disk */

enum failure_kind {
#define FAILURE_CONSTANT(constant, word) constant,
	FAILURE_KINDS(FAILURE_CONSTANT)
#undef FAILURE_CONSTANT
		FAILURE_KIND_COUNT
};

enum { FAILURE_MESSAGE_BYTES = 2048 };

struct failure {
	enum failure_kind kind;
	char message[FAILURE_MESSAGE_BYTES]; /* without the word */
};

/* The word of a kind. */
const char *failure_word(enum failure_kind kind);

/* The kind that an errno value of a socket stands for. */
enum failure_kind failure_kind_of(int number);

/* Fills failure; an over-long message is cut. Returns -1. */
int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* The same with the kind and the text of an errno value; the text is appended behind ": ". */
int failure_set_errno(struct failure *failure, int number, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* The same with a text of one's own in place of the errno value's. */
int failure_set_why(struct failure *failure, int number, const char *why, const char *format, ...)
	PRINTF_LIKE(4, 5);

/* Prints the line on stderr, for a command that has the failure in its own JSON. */
void failure_print(const struct request *request, const struct failure *failure);

/*
 * Prints the line on stderr; with --json, an object on stdout, too: "command", "target", "error", "message".
 * Returns CLIENT_NETWORK.
 */
int failure_report(const struct request *request, const struct failure *failure);

#endif
