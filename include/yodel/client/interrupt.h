/* SPDX-License-Identifier: MIT */
/*
 * Ctrl-C as an event: the first ends the work in order, so that its summary can be printed; the next
 * one, unless it comes right behind, ends the program, also where it waits for standard output.
 * Owns one descriptor for the life of the program.
 * Threads: interrupt_open in the first, before there are others; the rest any.
 * Source: sigaction(2), eventfd(2), signal-safety(7).
 */
#ifndef YODEL_CLIENT_INTERRUPT_H
#define YODEL_CLIENT_INTERRUPT_H

#include <stdbool.h>

/*
 * Catches SIGINT and SIGTERM from now on; once in a program.
 * Returns a descriptor that is readable once one came, lent for ever.
 */
int interrupt_open(void);

/* Whether one came since it was asked the last time. */
bool interrupt_is_pending(int fd);

/* Whether one came, without taking note of it; false for the descriptor -1. */
bool interrupt_is_waiting(int fd);

#endif
