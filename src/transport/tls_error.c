/* SPDX-License-Identifier: MIT */
#include "yodel/transport/tls_error.h"

#include "yodel/base/error.h"

#include <openssl/err.h>

const char *tls_error_take(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(code);

	ERR_clear_error();
	if (ERR_SYSTEM_ERROR(code))
		return error_text(ERR_GET_REASON(code));
	return text != NULL ? text : "unknown error";
}
