/* SPDX-License-Identifier: MIT */
/*
 * Bytes made visible, and UTF-8 and C escapes read. The first byte of the input is the room that
 * there is for the visible text.
 */
#include "fuzz.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <stdlib.h>
#include <string.h>

typedef size_t make_visible(char *dst, size_t capacity, const void *bytes, size_t length);

/* What a terminal gets is text, ends where it says, and has no control character. */
static void try_visible(make_visible *make, size_t capacity, const uint8_t *bytes, size_t length)
{
	char *dst = malloc(capacity);

	CHECK(dst != NULL);
	size_t written = make(dst, capacity, bytes, length);
	CHECK(written < capacity && strlen(dst) == written);
	CHECK(text_is_utf8(dst, written));
	for (size_t i = 0; i < written; i++)
		CHECK((unsigned char)dst[i] >= ' ' && dst[i] != 0x7f);
	free(dst);
}

static bool is_utf8_by_characters(const uint8_t *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		uint32_t code = 0;
		size_t taken = text_read_utf8(bytes + at, length - at, &code);

		if (taken == 0)
			return false;
		CHECK(taken <= 4 && taken <= length - at);
		CHECK(code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
		at += taken;
	}
	return true;
}

static void try_utf8(const uint8_t *bytes, size_t length)
{
	bool is_utf8 = text_is_utf8(bytes, length);
	size_t whole = text_whole_utf8(bytes, length);

	CHECK(is_utf8 == is_utf8_by_characters(bytes, length));
	CHECK(whole <= length && length - whole < 4);
	CHECK(!is_utf8 || whole == length);
}

/* Words for the distance are the two parts of the text around a blank. */
static void try_string(char *text)
{
	unsigned char byte = 0;
	char *blank = strchr(text, ' ');

	CHECK(text_read_escape(text, &byte) <= strlen(text));
	if (blank == NULL)
		return;
	*blank = '\0';
	CHECK(text_distance(text, blank + 1) == text_distance(blank + 1, text));
	CHECK(text_distance(text, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t capacity = (size_t)data[0] + 1;
	char *text = strndup((const char *)data + 1, size - 1);

	CHECK(text != NULL);
	try_visible(text_escape, capacity, data + 1, size - 1);
	try_visible(text_show, capacity, data + 1, size - 1);
	try_utf8(data + 1, size - 1);
	try_string(text);
	free(text);
	return 0;
}
