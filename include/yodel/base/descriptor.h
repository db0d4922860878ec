/* SPDX-License-Identifier: MIT */
/*
 * The three standard descriptors: what else is opened must never take their numbers.
 * Owns nothing. Threads: at the start of a program, before there are others.
 */
#ifndef YODEL_BASE_DESCRIPTOR_H
#define YODEL_BASE_DESCRIPTOR_H

/*
 * Opens /dev/null on each of 0, 1 and 2 that is closed, so that no socket or file gets a number that
 * others take for standard input, output or error. Aborts where /dev/null cannot be opened.
 */
void descriptor_fill_standard(void);

#endif
