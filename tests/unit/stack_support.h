/* SPDX-License-Identifier: MIT */
/*
 * How much of their stacks threads really touch: those that are made get painted ones. For a test that
 * wraps pthread_create.
 */
#ifndef YODEL_TESTS_UNIT_STACK_SUPPORT_H
#define YODEL_TESTS_UNIT_STACK_SUPPORT_H

#include "support.h"

/* Begins: threads from now on get stacks that nobody has touched, and stderr goes to /dev/null. */
void stack_paint(void);

/* Ends it; the most bytes of a stack that were written to since then. */
size_t stack_touched(void);

/* The default of thread_stack. */
size_t stack_default(void);

#endif
