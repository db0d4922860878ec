/* SPDX-License-Identifier: MIT */
#include "yodel/client/failure.h"

#include "yodel/base/check.h"
#include "yodel/base/error.h"
#include "yodel/client/print.h"
#include "yodel/client/terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *failure_word(enum failure_kind kind)
{
	static const char *const words[] = {
#define FAILURE_WORD(constant, word) [constant] = (word),
		FAILURE_KINDS(FAILURE_WORD)
#undef FAILURE_WORD
	};

	return words[kind];
}

enum failure_kind failure_kind_of(int number)
{
	switch (number) {
	case ECONNREFUSED:
		return FAILURE_REFUSED;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return FAILURE_RESET;
	case EPROTO: /* as channel.h has it */
		return FAILURE_TLS;
	case ETIMEDOUT:
		return FAILURE_TIMEOUT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return FAILURE_UNREACHABLE;
	default:
		return FAILURE_OTHER;
	}
}

int failure_set(struct failure *failure, enum failure_kind kind, const char *format, ...)
{
	va_list arguments;

	failure->kind = kind;
	va_start(arguments, format);
	vsnprintf(failure->message, sizeof failure->message, format, arguments);
	va_end(arguments);
	return -1;
}

static void PRINTF_LIKE(4, 0) set_why(
	struct failure *failure, int number, const char *why, const char *format, va_list arguments)
{
	failure->kind = failure_kind_of(number);
	vsnprintf(failure->message, sizeof failure->message, format, arguments);
	size_t used = strlen(failure->message);
	snprintf(failure->message + used, sizeof failure->message - used, ": %s", why);
}

int failure_set_errno(struct failure *failure, int number, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_why(failure, number, error_text(number), format, arguments);
	va_end(arguments);
	return -1;
}

int failure_set_why(struct failure *failure, int number, const char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	set_why(failure, number, why, format, arguments);
	va_end(arguments);
	return -1;
}

void failure_print(const struct request *request, const struct failure *failure)
{
	terminal_paint(request, stderr, COLOR_BAD, "%s", failure_word(failure->kind));
	fprintf(stderr, ": %s\n", failure->message);
}

int failure_report(const struct request *request, const struct failure *failure)
{
	failure_print(request, failure);
	if (request->is_json) {
		json_t *object = json_pack("{ss ss ss}", "command", request->command, "target",
			request->target, "error", failure_word(failure->kind));

		CHECK(object != NULL);

		print_set_bytes(object, "message", failure->message, strlen(failure->message));
		print_json(object);
	}
	return CLIENT_NETWORK;
}
