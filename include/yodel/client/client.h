/* SPDX-License-Identifier: MIT */
/*
 * The client's commands and what they share. A command is one file and one row in the table of
 * yodel.c. Owns nothing. Threads: one.
 */
#ifndef YODEL_CLIENT_CLIENT_H
#define YODEL_CLIENT_CLIENT_H

#include <stdint.h>

/* Exit codes. */
enum { CLIENT_OK = 0, CLIENT_NETWORK = 1, CLIENT_USAGE = 2 };

/* What the command line says, for every command. */
struct request {
	const char *host;
	const char *port;
	const char *text;   /* NULL: standard input */
	int family;         /* AF_INET, AF_INET6 or AF_UNSPEC */
	int64_t timeout_ms; /* for connecting, and for an answer; 0 waits for ever */
};

/*
 * Sends text or standard input, ends its side of the stream, and prints the answer until its end.
 * Both directions flow at once, in constant memory. Returns an exit code.
 */
int client_send(const struct request *request);

/*
 * Converses line by line: what is typed goes out, what comes in is printed as "Received from
 * server: ...". Ends on the line "bye", at the end of input, or when the server closes. Returns an
 * exit code.
 */
int client_connect(const struct request *request);

#endif
