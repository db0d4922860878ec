/* SPDX-License-Identifier: MIT */
/*
 * Finds what libconfig 1.5 would silently change: an integer outside 32 bits without the suffix L
 * (4294967303 becomes 7), outside 64 bits with it, a leading zero (010 looks octal and is read as
 * 10), and \x00 in a string (dropped). Names the included files, which are to be checked as well.
 * Owns nothing. Threads: any. Source: libconfig 1.5 lib/scanner.l.
 */
#ifndef YODEL_CONFIG_LITERALS_H
#define YODEL_CONFIG_LITERALS_H

#include "yodel/config/problems.h"

/* What is done with a line `@include "name"`. */
struct literals_visitor {
	/* place: "file:line"; both texts are lent until it returns */
	void (*visit_include)(void *context, const char *place, const char *name);
	void *context;
};

/*
 * Adds a problem "file:line: SETTING: ..." for each such literal, and for what would make libconfig
 * see other literals than we do: a string or comment without its end, an @include with more in its
 * line than a comment.
 *   file   for messages
 *   text   its whole content, NUL-terminated
 */
void literals_check(const char *file, const char *text, struct problems *problems,
	const struct literals_visitor *visitor);

#endif
