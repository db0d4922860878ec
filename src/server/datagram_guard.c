/* SPDX-License-Identifier: MIT */
#include "yodel/server/datagram_guard.h"

#include <string.h>

void datagram_guard_init(struct datagram_guard *guard)
{
	static const unsigned simple_services[] = {7, 13, 17, 19, 37};

	memset(guard, 0, sizeof *guard);
	for (size_t i = 0; i < sizeof simple_services / sizeof *simple_services; i++)
		datagram_guard_add_port(guard, simple_services[i]);
}

void datagram_guard_add_port(struct datagram_guard *guard, unsigned port)
{
	guard->ports[port / 8] |= (uint8_t)(1u << port % 8);
}

static bool answers(const struct datagram_guard *guard, unsigned port)
{
	return (guard->ports[port / 8] >> port % 8 & 1) != 0;
}

/* Multicast, or the broadcast address of every network; that of a single one the kernel knows. */
static bool is_many(const struct address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_MULTICAST(&address->v6.sin6_addr);
	uint32_t v4 = ntohl(address->v4.sin_addr.s_addr);
	return IN_MULTICAST(v4) || v4 == INADDR_BROADCAST;
}

static bool is_unspecified(const struct address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
	return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

enum close_reason datagram_guard_check(
	const struct datagram_guard *guard, const struct datagram *datagram)
{
	unsigned port = address_port(&datagram->source);

	if (datagram->is_cut)
		return CLOSE_OVERSIZE;
	if (datagram->is_for_many || is_many(&datagram->source))
		return CLOSE_MULTICAST;
	if (port == 0 || is_unspecified(&datagram->source))
		return CLOSE_NO_REPLY;
	return answers(guard, port) ? CLOSE_LOOP : CLOSE_NONE;
}
