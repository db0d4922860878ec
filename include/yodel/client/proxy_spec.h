/* SPDX-License-Identifier: MIT */
/*
 * What --send-proxy says: the header of the PROXY protocol that goes before all else on each
 * connection. Points into the text that it was read from. Threads: any, for reading.
 */
#ifndef YODEL_CLIENT_PROXY_SPEC_H
#define YODEL_CLIENT_PROXY_SPEC_H

#include "yodel/base/attributes.h"
#include "yodel/base/option.h"
#include "yodel/transport/proxy_header.h"

#include <stdbool.h>
#include <stddef.h>

enum { PROXY_SPEC_VALUES_MAX = 8 };

struct proxy_spec {
	unsigned version;                   /* 0: no header */
	bool is_local;                      /* LOCAL, or UNKNOWN in version 1 */
	struct address source, destination; /* .length 0: those of the connection */
	struct proxy_tlv values[PROXY_SPEC_VALUES_MAX];
	size_t value_count;
};

/* Whether text is a good --send-proxy, as the rows of options ask. */
bool proxy_spec_check(const char *text, char why[OPTION_WHY_BYTES]);

/*
 * Reads "v1" or "v2" and what follows, each behind a comma: local, source=ADDR:PORT,
 * destination=ADDR:PORT, and in v2 authority=, alpn=, unique-id=, netns= and crc32c.
 *   text   lent as long as the spec is used; "" for no header
 * Returns false where it is something else.
 */
bool proxy_spec_parse(const char *text, struct proxy_spec *spec) MUST_USE;

/* Sends the header on a new connection. Returns 0 or an errno value. */
int proxy_spec_send(const struct proxy_spec *spec, int fd) MUST_USE;

#endif
