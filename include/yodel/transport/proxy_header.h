/* SPDX-License-Identifier: MIT */
/*
 * The header of the PROXY protocol, by which a proxy announces whom it speaks for: from bytes, and to
 * bytes. Owns nothing: a header read points into the bytes that it was read from. Threads: any.
 * Source: "The PROXY protocol, Versions 1 & 2", HAProxy Technologies, 2.1 and 2.2.
 */
#ifndef YODEL_TRANSPORT_PROXY_HEADER_H
#define YODEL_TRANSPORT_PROXY_HEADER_H

#include "yodel/base/attributes.h"
#include "yodel/transport/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROXY_V1_MAX_BYTES = 107,
	PROXY_HEADER_MAX_BYTES = 4096, /* ours; the form allows 65,551 */
	PROXY_V2_SIGNATURE_BYTES = 12,
};

/* How every header of version 2 begins. */
extern const uint8_t proxy_v2_signature[PROXY_V2_SIGNATURE_BYTES];

/* Which versions may come; values are bits. */
enum proxy_versions { PROXY_V1 = 1, PROXY_V2 = 2, PROXY_ANY = PROXY_V1 | PROXY_V2 };

/* Types of the values behind the addresses. Source: 2.2.1 to 2.2.9. */
enum proxy_type {
	PROXY_TYPE_ALPN = 0x01,
	PROXY_TYPE_AUTHORITY = 0x02,
	PROXY_TYPE_CRC32C = 0x03,
	PROXY_TYPE_NOOP = 0x04,
	PROXY_TYPE_UNIQUE_ID = 0x05,
	PROXY_TYPE_SSL = 0x20,
	PROXY_TYPE_SSL_VERSION = 0x21,
	PROXY_TYPE_SSL_CN = 0x22,
	PROXY_TYPE_SSL_CIPHER = 0x23,
	PROXY_TYPE_SSL_SIG_ALG = 0x24,
	PROXY_TYPE_SSL_KEY_ALG = 0x25,
	PROXY_TYPE_NETNS = 0x30,
};

/* Bytes from the proxy, to be escaped where they are shown; NULL where it sent none. */
struct proxy_value {
	const uint8_t *bytes;
	size_t length;
};

struct proxy_header {
	unsigned version;
	bool is_local; /* a health check, or it does not say whom it speaks for: no addresses */
	struct address source;
	struct address destination;
	struct proxy_value alpn;
	struct proxy_value authority;
	struct proxy_value unique_id;
	struct proxy_value ssl_version;
	struct proxy_value ssl_cn;
	bool is_ssl_verified; /* the certificate with ssl_cn, by the proxy's word */
	struct proxy_value ssl_cipher;
	struct proxy_value netns;
};

enum proxy_result {
	PROXY_WHOLE, /* header is set */
	PROXY_MORE,  /* good so far; *missing is set */
	PROXY_BAD,   /* *why is set */
};

/*
 * Reads a header that may not have come whole yet.
 *   bytes     length bytes, all that has come, and nothing beyond the header's end
 *   allowed   the versions that may come
 *   header    lent bytes
 *   missing   how many bytes are surely part of the header, at least 1
 *   why       what was expected and what came instead, a constant text
 */
enum proxy_result proxy_header_read(const uint8_t *bytes, size_t length,
	enum proxy_versions allowed, struct proxy_header *header, size_t *missing,
	const char **why) MUST_USE;

/* A value to send. */
struct proxy_tlv {
	uint8_t type;
	const void *bytes;
	size_t length;
};

/*
 * Writes a header of version 1: for addresses of one family, else UNKNOWN, as for NULL.
 *   dst   PROXY_V1_MAX_BYTES bytes, and one for the NUL behind
 * Returns its length.
 */
size_t proxy_header_write_v1(
	char *dst, const struct address *source, const struct address *destination);

/*
 * Writes a header of version 2: for addresses of one family, else UNSPEC; LOCAL for NULL. A PROXY_TYPE_CRC32C among
 * the values stands for the checksum, whatever its bytes.
 *   dst    capacity bytes
 *   tlvs   count values
 * Returns its length, or 0 where it does not fit.
 */
size_t proxy_header_write_v2(uint8_t *dst, size_t capacity, const struct address *source,
	const struct address *destination, const struct proxy_tlv *tlvs, size_t count);

#endif
