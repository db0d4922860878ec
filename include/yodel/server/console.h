/* SPDX-License-Identifier: MIT */
/*
 * The operator at standard input and output: the terminal that started the daemon, a pipe or a file.
 * Shows what clients say, a prompt behind each message, and says what is typed; console_line.h has
 * the forms.
 * On a terminal messages are shown as they come and a line may be typed at any time. From a pipe or a file
 * each prompt takes one line, and the next message is shown behind it. The end of the input is the
 * operator's leaving; the daemon goes on.
 * Owns its thread and two descriptors. Threads: the functions are main's; one thread of its own does the
 * rest, and alone waits for a terminal that is slow or stopped.
 */
#ifndef YODEL_SERVER_CONSOLE_H
#define YODEL_SERVER_CONSOLE_H

#include "yodel/base/attributes.h"
#include "yodel/base/error.h"
#include "yodel/session/hub.h"

#include <stdbool.h>

struct console;

enum { CONSOLE_DESCRIPTORS = 2 /* that it opens */ };

/*
 * Makes a console with its thread, which waits for console_begin.
 *   hub   not used before console_begin; lent until console_stop returns true
 * Returns NULL with error (EX_OSERR) where there is no descriptor or thread to be had.
 */
struct console *console_new(struct hub *hub, struct error *error) MUST_USE;

/* Becomes the operator of the hub, which must have none. */
void console_begin(struct console *console);

/*
 * Ends it and frees it; NULL is fine.
 * Returns false where it has begun and does not end in half a second, because nobody takes its output:
 * then it and the hub stay as they are.
 */
bool console_stop(struct console *console) MUST_USE;

#endif
