/* SPDX-License-Identifier: MIT */
/*
 * The checksum CRC32C (Castagnoli). Owns nothing. Threads: any. Source: RFC 9260, appendix A.
 */
#ifndef YODEL_TRANSPORT_CRC32C_H
#define YODEL_TRANSPORT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on with a checksum; 0 begins one. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);

#endif
