/* SPDX-License-Identifier: MIT */
#include "yodel/transport/frame_fault.h"

#include "yodel/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int frame_fault_set(struct frame_fault *fault, enum frame_fault_kind kind, const char *format, ...)
{
	va_list arguments;

	fault->kind = kind;
	va_start(arguments, format);
	vsnprintf(fault->text, sizeof fault->text, format, arguments);
	va_end(arguments);
	/* The cut may have gone through a character. */
	fault->text[text_whole_utf8(fault->text, strlen(fault->text))] = '\0';
	return -1;
}
