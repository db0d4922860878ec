/* SPDX-License-Identifier: MIT */
/*
 * What commands that send datagrams have in common: how large one may be, and why one came to nothing.
 * Owns nothing. Threads: any. Source: RFC 768, RFC 791, udp(7).
 */
#ifndef YODEL_CLIENT_DATAGRAM_H
#define YODEL_CLIENT_DATAGRAM_H

#include "yodel/client/failure.h"
#include "yodel/client/request.h"
#include "yodel/transport/address.h"

/* Of payload: 65535 less the headers of IPv4 and UDP. IPv6 would take 20 more. */
enum { DATAGRAM_MAX_BYTES = 65507 };

/*
 * Fills failure with what the kernel has told on a connected socket: an errno value, which may stem
 * from an ICMP message. Returns -1.
 */
int datagram_fail(const struct request *request, const struct address *peer, int number,
	struct failure *failure);

#endif
