/* SPDX-License-Identifier: MIT */
/*
 * What a listener is set to: plain values that floors above may be handed one by one.
 * Owned by struct config, constant once built. Threads: any, for reading.
 */
#ifndef YODEL_CONFIG_SETTINGS_H
#define YODEL_CONFIG_SETTINGS_H

#include "yodel/base/option.h"
#include "yodel/base/parse.h"
#include "yodel/transport/socket_options.h"
#include "yodel/transport/tls_settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds; 0 is off. */
struct timeouts {
	int64_t first_byte_ms;   /* from the beginning of the service to the client's first byte */
	int64_t idle_ms;         /* silence of the client */
	int64_t write_ms;        /* for the client to take one piece that we send */
	int64_t lifetime_ms;     /* of the whole connection */
	int64_t linger_ms;       /* from our FIN to the client's */
	int64_t proxy_header_ms; /* for the whole header of the PROXY protocol */
	int64_t handshake_ms;    /* of TLS, as a whole */
};

/* How many clients are taken in; 0 is no limit. At the top for the daemon, in a listener for it
 * alone. */
struct limits {
	int64_t max_connections;
	int64_t max_per_peer;
	struct rate accept_rate;
};

/* How and where clients' threads run: see session/placement.h. */
enum scheduling { SCHEDULING_BATCH, SCHEDULING_NORMAL };
enum affinity { AFFINITY_AUTO, AFFINITY_FOLLOW, AFFINITY_NONE };

/* Their words, in the same order and ended by NULL; and those of enum protocol. */
extern const char *const protocol_names[];
extern const char *const scheduling_names[];
extern const char *const affinity_names[];

/* What a service brings to the configuration. A table of them ends with a row without a name. */
struct service_schema {
	const char *name;
	const struct option_row *options; /* rows of its own; offsets into its settings */
	size_t settings_bytes;            /* of the struct the rows are stored in, 0 without rows */
	bool has_lines; /* its clients send lines, or anything: stop_command may be among them */
};

struct listener_settings {
	char *name;
	char *service;
	int protocol; /* enum protocol */
	char *host;
	char *port;
	int64_t backlog;
	struct timeouts timeouts;
	struct limits limits;
	struct rate datagram_rate; /* of each peer */
	char *refuse_text;
	struct option_list allow; /* of char *: networks, as transport/cidr.h reads them */
	struct option_list deny;
	int proxy_protocol;            /* enum proxy_versions, 0 for none */
	struct option_list proxy_from; /* networks of proxies, as in allow */
	struct option_list probe_from; /* networks of health checks, as in allow */
	char *stop_command;            /* a client's line that stops the daemon; empty for none */
	struct socket_options socket;
	struct tls_settings tls;
	const struct service_schema *schema; /* of the service */
	void *service_settings;              /* schema->settings_bytes, NULL if 0 */
};

#endif
