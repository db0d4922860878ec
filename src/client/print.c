/* SPDX-License-Identifier: MIT */
#include "yodel/client/print.h"

#include "yodel/base/check.h"
#include "yodel/base/error.h"
#include "yodel/base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void print_json(json_t *value)
{
	CHECK(value != NULL);
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9));
	putchar('\n');
	json_decref(value);
}

/* Returns a string on the heap. */
static char *to_base64(const unsigned char *bytes, size_t length)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = malloc((length + 2) / 3 * 4 + 1), *at = text;

	CHECK(text != NULL);
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		unsigned group = (unsigned)bytes[i] << 16;

		group |= left > 1 ? (unsigned)bytes[i + 1] << 8 : 0;
		group |= left > 2 ? (unsigned)bytes[i + 2] : 0;
		*at++ = digits[group >> 18];
		*at++ = digits[group >> 12 & 63];
		*at++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*at++ = left > 2 ? digits[group & 63] : '=';
	}
	*at = '\0';
	return text;
}

void print_set_bytes(json_t *object, const char *name, const char *bytes, size_t length)
{
	if (memchr(bytes, '\0', length) == NULL && text_is_utf8(bytes, length)) {
		CHECK(json_object_set_new(object, name, json_stringn(bytes, length)) == 0);
		return;
	}
	char name_base64[48], *text = to_base64((const unsigned char *)bytes, length);
	snprintf(name_base64, sizeof name_base64, "%s_base64", name);
	CHECK(json_object_set_new(object, name_base64, json_string(text)) == 0);
	free(text);
}

int print_bytes(const char *bytes, size_t length, struct failure *failure)
{
	struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};

	while (length > 0) {
		ssize_t count = write(STDOUT_FILENO, bytes, length);

		if (count > 0) {
			bytes += count;
			length -= (size_t)count;
		} else if (errno == EAGAIN) {
			(void)poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return failure_set(failure, FAILURE_OTHER,
				"cannot write to standard output: %s", error_text(errno));
		}
	}
	return 0;
}

void format_ms(char text[PRINT_TEXT_BYTES], double ns)
{
	double ms = ns / 1e6;
	int digits = ms < 10 ? 3 : ms < 100 ? 2 : ms < 1000 ? 1 : 0;

	snprintf(text, PRINT_TEXT_BYTES, "%.*f", digits, ms);
}

void format_bytes(char text[PRINT_TEXT_BYTES], double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	size_t unit = 0;

	while (bytes >= 1024 && unit + 1 < sizeof units / sizeof *units) {
		bytes /= 1024;
		unit++;
	}
	snprintf(text, PRINT_TEXT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}
