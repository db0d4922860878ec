/* SPDX-License-Identifier: MIT */
#include "yodel/transport/cidr.h"

#include "yodel/base/parse.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_BITS = 32, V6_BITS = 128 };

/* The address with a mask of that many bits; both families may be asked for, one is looked at. */
static struct address_prefix cut(const struct address *address, unsigned bits)
{
	return address_prefix(address, bits < V4_BITS ? bits : V4_BITS, bits);
}

static bool is_equal(const struct address_prefix *one, const struct address_prefix *other)
{
	return memcmp(one, other, sizeof *one) == 0;
}

static bool read_host(const char *host, struct address *address, unsigned *max_bits)
{
	*address = (struct address){.any.sa_family = AF_INET};
	*max_bits = V4_BITS;
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1)
		return true;
	*address = (struct address){.any.sa_family = AF_INET6};
	*max_bits = V6_BITS;
	return inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1 &&
	       !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr);
}

/* Digits alone: no sign, no needless zero. */
static bool read_bits(const char *text, unsigned max, unsigned *bits)
{
	int64_t number;

	if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && text[1] != '\0') ||
		!parse_integer(text, &number) || number > max)
		return false;
	*bits = (unsigned)number;
	return true;
}

bool cidr_parse(const char *text, struct cidr *cidr)
{
	char host[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "/");
	struct address address;
	unsigned max, bits;

	if (length >= sizeof host)
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!read_host(host, &address, &max))
		return false;
	bits = max;
	if (text[length] == '/' && !read_bits(text + length + 1, max, &bits))
		return false;
	struct address_prefix prefix = cut(&address, bits), whole = cut(&address, max);
	if (!is_equal(&prefix, &whole))
		return false;
	*cidr = (struct cidr){.prefix = prefix, .bits = bits};
	return true;
}

bool cidr_contains(const struct cidr *cidr, const struct address *address)
{
	struct address_prefix prefix = cut(address, cidr->bits);

	return is_equal(&prefix, &cidr->prefix);
}
