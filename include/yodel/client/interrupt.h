/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C as an event: the first ends the work in order, so that its summary can be printed; the next
 * one ends the program. Owns one descriptor for the life of the program.
 * Threads: interrupt_open in the first, before there are others; the rest any. Source: signalfd(2).
 */
#ifndef YODEL_CLIENT_INTERRUPT_H
#define YODEL_CLIENT_INTERRUPT_H

#include <stdbool.h>

/* Catches SIGINT and SIGTERM from now on. Returns a descriptor that is readable once one came. */
int interrupt_open(void);

/* Whether one came; from the first time that it says so the next signal ends the program. */
bool interrupt_is_pending(int fd);

#endif
