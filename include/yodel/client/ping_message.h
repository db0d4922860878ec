/* SPDX-License-Identifier: MIT */
/*
 * The messages of a pinger. Each has a number, and begins with letters that tell it, so that an answer
 * is known to belong to its round, to an earlier one, or to none.
 * Owns nothing. Threads: any.
 */
#ifndef YODEL_CLIENT_PING_MESSAGE_H
#define YODEL_CLIENT_PING_MESSAGE_H

#include "yodel/base/attributes.h"
#include "yodel/client/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes a message: letters, digits, '+' and '-', and a newline at its end for servers that answer
 * lines. One of one byte is the letter of its number, the same again after 64.
 *   message   size bytes, at least 1
 *   seed      what tells the messages of one pinger from those of another
 */
void ping_message_write(char *message, size_t size, uint64_t seed, uint64_t number);

/*
 * How many messages before the newest this one was, as its first letters tell; what is no message
 * tells anything.
 *   message   size bytes, at least 1
 *   newest    the number of the newest
 */
uint64_t ping_message_age(const char *message, size_t size, uint64_t newest);

/*
 * Whether a piece is what stands at this offset of the message, and ends with it or before.
 *   piece     length bytes
 *   failure   what came in place of what, where that is not so
 */
bool ping_message_matches(const char *message, size_t size, size_t offset, const char *piece,
	size_t length, struct failure *failure) MUST_USE;

#endif
