/* SPDX-License-Identifier: MIT */
#include "yodel/transport/crc32c.h"

#define POLYNOMIAL_REFLECTED UINT32_C(0x82f63b78)

/* Bit by bit: a header is short. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	crc = ~crc;
	for (size_t i = 0; i < length; i++) {
		crc ^= at[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL_REFLECTED : 0);
	}
	return ~crc;
}
