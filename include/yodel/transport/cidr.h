/* SPDX-License-Identifier: MIT */
/*
 * Networks: "10.0.0.0/8", "2001:db8::/32", or one address. Plain values. Threads: any.
 * Source: RFC 4632 3.1, RFC 4291 2.3.
 */
#ifndef YODEL_TRANSPORT_CIDR_H
#define YODEL_TRANSPORT_CIDR_H

#include "yodel/base/attributes.h"
#include "yodel/transport/address.h"

#include <stdbool.h>

struct cidr {
	struct address_prefix prefix; /* of an IPv4 or IPv6 address */
	unsigned bits;                /* 0 .. 32 or 128: how many of them count */
};

/*
 * Reads a network; without "/BITS" it is one address. An IPv4 network may be written in IPv4 only,
 * not mapped into IPv6. Returns false, and leaves cidr alone, where text is none, or where the
 * address has bits behind those that count.
 */
bool cidr_parse(const char *text, struct cidr *cidr) MUST_USE;

/* Whether an address, as address_normalize leaves it, is of this network. */
bool cidr_contains(const struct cidr *cidr, const struct address *address);

#endif
