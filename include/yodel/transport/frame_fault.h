/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a framed message that a peer has sent: which rule it breaks, and a sentence for
 * the log and for the peer. The struct is the caller's storage. Threads: one per struct.
 */
#ifndef YODEL_TRANSPORT_FRAME_FAULT_H
#define YODEL_TRANSPORT_FRAME_FAULT_H

#include "yodel/base/attributes.h"

enum frame_fault_kind {
	FRAME_FAULT_FORM,           /* not what the protocol asks for */
	FRAME_FAULT_HEADER_LENGTH,  /* a header that is empty or longer than allowed */
	FRAME_FAULT_CONTENT_LENGTH, /* a content length that is negative or more than allowed */
	FRAME_FAULT_DEPTH,          /* JSON that is nested too deeply */
	FRAME_FAULT_UTF8,           /* text that is no UTF-8 */
	FRAME_FAULT_MEMORY,         /* nothing of the peer's: there is no memory for it */
};

enum { FRAME_FAULT_TEXT_BYTES = 256 };

struct frame_fault {
	enum frame_fault_kind kind;
	/* What it is about, what was seen and what is allowed; UTF-8 without control characters and
	   without a full stop. */
	char text[FRAME_FAULT_TEXT_BYTES];
};

/*
 * Fills fault; an over-long text is cut. What the peer has sent goes through text_show before.
 * Returns -1, so that a failing function can end with `return frame_fault_set(...)`.
 */
int frame_fault_set(struct frame_fault *fault, enum frame_fault_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
