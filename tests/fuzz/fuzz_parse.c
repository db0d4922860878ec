/* SPDX-License-Identifier: MIT */
/* Numbers with units: what is accepted is in its bounds, and is read back as it was written. */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/base/parse.h"

#include <stdlib.h>
#include <string.h>

static void try_integer(const char *text)
{
	int64_t value = 0;

	if (parse_integer(text, &value))
		CHECK(strpbrk(text, " \t\n+.") == NULL);
}

static void try_milliseconds(const char *text)
{
	int64_t value_ns = 0;

	if (parse_milliseconds(text, &value_ns))
		CHECK(value_ns >= 0);
}

static void try_duration(const char *text)
{
	char written[PARSE_TEXT_BYTES];
	int64_t value_ms, again_ms;

	if (!parse_duration(text, &value_ms))
		return;
	CHECK(value_ms >= 0);
	format_duration(written, value_ms);
	CHECK(parse_duration(written, &again_ms) && again_ms == value_ms);
}

static void try_size(const char *text)
{
	char written[PARSE_TEXT_BYTES];
	int64_t value, again;

	if (!parse_size(text, &value))
		return;
	CHECK(value >= 0);
	format_size(written, value);
	CHECK(parse_size(written, &again) && again == value);
}

static void try_rate(const char *text)
{
	char written[PARSE_TEXT_BYTES];
	struct rate value, again;

	if (!parse_rate(text, &value))
		return;
	CHECK(value.count >= 0 && value.period_ms > 0);
	format_rate(written, value);
	CHECK(parse_rate(written, &again) && again.count == value.count);
	CHECK(again.period_ms == value.period_ms || value.count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	CHECK(text != NULL);
	try_integer(text);
	try_milliseconds(text);
	try_duration(text);
	try_size(text);
	try_rate(text);
	free(text);
	return 0;
}
