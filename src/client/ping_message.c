/* SPDX-License-Identifier: MIT */
#include "yodel/client/ping_message.h"

#include "yodel/base/text.h"

#include <string.h>

enum {
	NUMBER_LETTERS = 6,
	SHOWN_BYTES = 24,
	SHOWN_TEXT_BYTES = 4 * SHOWN_BYTES + 1,
};

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";

/* Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* How many letters of a message tell its number, the lowest digit of it first. */
static size_t number_letters(size_t size)
{
	size_t room = size > 1 ? size - 1 : 1;

	return room < NUMBER_LETTERS ? room : NUMBER_LETTERS;
}

void ping_message_write(char *message, size_t size, uint64_t seed, uint64_t number)
{
	uint64_t state = seed + number, bits = 0;

	for (size_t i = 0; i < size; i++, bits >>= 6) {
		if (i % 8 == 0)
			bits = next_random(&state);
		message[i] = letters[bits % 64];
	}
	for (size_t i = 0; i < number_letters(size); i++, number >>= 6)
		message[i] = letters[number % 64];
	if (size > 1)
		message[size - 1] = '\n';
}

uint64_t ping_message_age(const char *message, size_t size, uint64_t newest)
{
	size_t count = number_letters(size);
	uint64_t number = 0, modulus = UINT64_C(1) << 6 * count;

	for (size_t i = count; i > 0; i--) {
		const char *letter = memchr(letters, message[i - 1], sizeof letters - 1);

		number = number << 6 | (letter != NULL ? (uint64_t)(letter - letters) : 0);
	}
	return (newest - number) % modulus;
}

static void show_bytes(char text[SHOWN_TEXT_BYTES], const char *bytes, size_t length)
{
	text_escape(text, SHOWN_TEXT_BYTES, bytes, length < SHOWN_BYTES ? length : SHOWN_BYTES);
}

bool ping_message_matches(const char *message, size_t size, size_t offset, const char *piece,
	size_t length, struct failure *failure)
{
	size_t left = size - offset, common = 0;
	const char *expected = message + offset;
	char got_text[SHOWN_TEXT_BYTES], expected_text[SHOWN_TEXT_BYTES];

	if (length <= left && memcmp(piece, expected, length) == 0)
		return true;
	while (common < left && piece[common] == expected[common])
		common++;
	show_bytes(got_text, piece + common, length - common);
	if (common == left) {
		failure_set(failure, FAILURE_OTHER,
			"expected the message back, got more behind its %zu bytes: \"%s\"", size,
			got_text);
		return false;
	}
	show_bytes(expected_text, expected + common, (length < left ? length : left) - common);
	failure_set(failure, FAILURE_OTHER,
		"expected the message back, got \"%s\" in place of \"%s\" at byte %zu of %zu",
		got_text, expected_text, offset + common, size);
	return false;
}
