/* SPDX-License-Identifier: MIT */
/* The headers that a proxy sends. */
#include "yodel/transport/proxy_header.h"

#include "yodel/transport/crc32c.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { V2_FIXED_BYTES = 16, CRC_BYTES = 4, COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };

static bool is_family(const struct address *source, const struct address *destination, int family)
{
	return source != NULL && destination != NULL && source->any.sa_family == family &&
	       destination->any.sa_family == family;
}

static const void *host_of(const struct address *address)
{
	return address->any.sa_family == AF_INET ? (const void *)&address->v4.sin_addr
						 : (const void *)&address->v6.sin6_addr;
}

size_t proxy_header_write_v1(
	char *dst, const struct address *source, const struct address *destination)
{
	bool is_v4 = is_family(source, destination, AF_INET);
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	int family = is_v4 ? AF_INET : AF_INET6;

	if (!is_v4 && !is_family(source, destination, AF_INET6))
		return (size_t)snprintf(dst, PROXY_V1_MAX_BYTES + 1, "PROXY UNKNOWN\r\n");
	inet_ntop(family, host_of(source), from, sizeof from);
	inet_ntop(family, host_of(destination), to, sizeof to);
	return (size_t)snprintf(dst, PROXY_V1_MAX_BYTES + 1, "PROXY %s %s %s %u %u\r\n",
		is_v4 ? "TCP4" : "TCP6", from, to, address_port(source), address_port(destination));
}

/* Bytes that are added one after the other; once they do not fit, no more are. */
struct writing {
	uint8_t *dst;
	size_t capacity;
	size_t used;
	bool is_full;
};

static void put(struct writing *writing, const void *bytes, size_t length)
{
	if (writing->is_full || length > writing->capacity - writing->used) {
		writing->is_full = true;
		return;
	}
	memcpy(writing->dst + writing->used, bytes, length);
	writing->used += length;
}

static void put_byte(struct writing *writing, uint8_t byte)
{
	put(writing, &byte, 1);
}

static void put_16(struct writing *writing, size_t number)
{
	uint16_t big = htons((uint16_t)number);

	put(writing, &big, sizeof big);
}

static void put_addresses(
	struct writing *writing, const struct address *source, const struct address *destination)
{
	bool is_v4 = is_family(source, destination, AF_INET);
	size_t host_bytes = is_v4 ? 4 : 16;

	if (!is_v4 && !is_family(source, destination, AF_INET6))
		return;
	put(writing, host_of(source), host_bytes);
	put(writing, host_of(destination), host_bytes);
	put_16(writing, address_port(source));
	put_16(writing, address_port(destination));
}

static uint8_t family_byte(const struct address *source, const struct address *destination)
{
	if (is_family(source, destination, AF_INET))
		return 0x11;
	return is_family(source, destination, AF_INET6) ? 0x21 : 0x00;
}

/* Returns where the checksum goes, or NULL where none is wanted. */
static uint8_t *put_values(struct writing *writing, const struct proxy_tlv *tlvs, size_t count)
{
	static const uint8_t zeroes[CRC_BYTES];
	uint8_t *checksum = NULL;

	for (size_t i = 0; i < count; i++) {
		bool is_checksum = tlvs[i].type == PROXY_TYPE_CRC32C;
		size_t length = is_checksum ? sizeof zeroes : tlvs[i].length;

		put_byte(writing, tlvs[i].type);
		put_16(writing, length);
		if (is_checksum)
			checksum = writing->dst + writing->used;
		put(writing, is_checksum ? zeroes : tlvs[i].bytes, length);
	}
	return checksum;
}

size_t proxy_header_write_v2(uint8_t *dst, size_t capacity, const struct address *source,
	const struct address *destination, const struct proxy_tlv *tlvs, size_t count)
{
	struct writing writing = {.dst = dst, .capacity = capacity};

	put(&writing, proxy_v2_signature, sizeof proxy_v2_signature);
	put_byte(&writing, source != NULL ? COMMAND_PROXY : COMMAND_LOCAL);
	put_byte(&writing, family_byte(source, destination));
	put_16(&writing, 0); /* the length, below */
	put_addresses(&writing, source, destination);
	uint8_t *checksum = put_values(&writing, tlvs, count);
	size_t body = writing.used - V2_FIXED_BYTES;
	if (writing.is_full || body > UINT16_MAX)
		return 0;
	dst[14] = (uint8_t)(body >> 8);
	dst[15] = (uint8_t)body;
	if (checksum != NULL) {
		uint32_t crc = htonl(crc32c(0, dst, writing.used));

		memcpy(checksum, &crc, sizeof crc);
	}
	return writing.used;
}
