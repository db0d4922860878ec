/* SPDX-License-Identifier: MIT */
/*
 * Finds integer literals that libconfig 1.5 would silently change: outside 32 bits without the
 * suffix L (4294967303 becomes 7), outside 64 bits with it, and a leading zero (010 looks octal and
 * is read as 10). Owns nothing. Threads: any. Source: libconfig 1.5 lib/scanner.l.
 */
#ifndef YODEL_CONFIG_LITERALS_H
#define YODEL_CONFIG_LITERALS_H

#include "yodel/config/problems.h"

/*
 * Adds a problem "name:line: SETTING: ..." for each such literal.
 *   name   the file, for messages
 *   text   its whole content, NUL-terminated
 */
void literals_check(const char *name, const char *text, struct problems *problems);

#endif
