/* SPDX-License-Identifier: MIT */
/*
 * Finds the line that ends the server in what a client sends, in whatever pieces it comes.
 * Owns nothing. Threads: one for each client.
 */
#ifndef YODEL_SESSION_STOP_COMMAND_H
#define YODEL_SESSION_STOP_COMMAND_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the client's line stands; zeroed before its first byte. */
struct stop_command {
	size_t matched;       /* bytes that agree with the command */
	bool is_another_line; /* something in it does not */
};

/*
 * Looks at the next bytes of a client.
 *   text     the command, without a line end, not empty
 *   bytes    length bytes, any values
 *   is_all   nothing more has come yet
 * Returns whether a line is the command: up to "\n" or "\r\n", or to the end of all that has come,
 * since many clients send a line without its end.
 */
bool stop_command_feed(struct stop_command *command, const char *text, const char *bytes,
	size_t length, bool is_all) MUST_USE;

#endif
