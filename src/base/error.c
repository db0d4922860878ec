/* SPDX-License-Identifier: MIT */
#include "yodel/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void PRINTF_LIKE(3, 0)
	fill(struct error *error, int exit_code, const char *format, va_list arguments)
{
	error->exit_code = exit_code;
	error->number = 0;
	vsnprintf(error->message, sizeof error->message, format, arguments);
}

int error_set(struct error *error, int exit_code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(error, exit_code, format, arguments);
	va_end(arguments);
	return -1;
}

int error_set_errno(struct error *error, int exit_code, int number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(error, exit_code, format, arguments);
	va_end(arguments);

	error->number = number;
	size_t used = strlen(error->message);

	snprintf(error->message + used, sizeof error->message - used, ": %s", error_text(number));
	return -1;
}

const char *error_text(int number)
{
#ifdef __GLIBC__
	const char *text = strerrordesc_np(number);

	return text != NULL ? text : "unknown error";
#else
	return strerror(number); /* musl: a constant string, safe in threads */
#endif
}
