/* SPDX-License-Identifier: MIT */
/*
 * A line that a person types at the terminal, with editing and history, beside which text may be
 * printed at any time: the half-typed line is hidden, the text printed, the line shown again.
 * Owns the modes of the terminal between open and close, and the signals of a resize, a stop and a
 * quit; the terminal is that of standard input and standard output.
 * Threads: one; at most one editor in a program. Source: editline(3), termios(3), signalfd(2).
 */
#ifndef YODEL_CLIENT_EDITOR_H
#define YODEL_CLIENT_EDITOR_H

#include "yodel/base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>
#include <wchar.h>

enum { EDITOR_PROMPT_BYTES = 16 };

enum editor_event {
	EDITOR_TYPING, /* the line is not done yet */
	EDITOR_LINE,   /* it is */
	EDITOR_END,    /* Ctrl-D at the beginning of a line, or the terminal is gone */
};

/* The caller's storage; all zeros is an editor that is closed. */
struct editor {
	struct editline *library;
	struct history *history;
	char prompt[EDITOR_PROMPT_BYTES];
	struct termios before; /* the modes of the terminal as they were found */
	int signal_fd;
	bool is_gone; /* the terminal */
	bool is_hidden;
	wchar_t *text; /* the hidden line */
	size_t cursor;
	char *line; /* the last whole one */
};

/*
 * Whether both ends are terminals that an editor can work on; "dumb" ones cannot move a cursor.
 * Sets the locale, so that the characters of the terminal are known.
 */
bool editor_is_possible(void);

/*
 * Shows the prompt and begins to edit.
 *   prompt   shorter than EDITOR_PROMPT_BYTES
 * Returns 0, or -1 where the library does not take this terminal.
 */
int editor_open(struct editor *editor, const char *prompt) MUST_USE;

/*
 * Takes what was typed, a key or a part of a pasted text; to be called when standard input is
 * readable. A key that comes in parts is waited for, half a second at most.
 *   line, length   of EDITOR_LINE: the line with its newline, lent until the next call; the prompt for
 *                  the next is shown
 */
enum editor_event editor_read(struct editor *editor, const char **line, size_t *length) MUST_USE;

/* Hides prompt and line; the cursor is at the beginning of a free line. May be repeated. */
void editor_hide(struct editor *editor);

/* Shows them again, where the cursor is. May be repeated. */
void editor_show(struct editor *editor);

/* Obeys signals that have come; to be called now and then. */
void editor_handle_signals(struct editor *editor);

/* Leaves the terminal as it was found. May be repeated. */
void editor_close(struct editor *editor);

#endif
