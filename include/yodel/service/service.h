/* SPDX-License-Identifier: MIT */
/*
 * Services: what a listener does with a client. A service is one file and one row in the table.
 * It runs in the client's thread, keeps no state outside its connection, and ends by returning why.
 * Threads: any number of connections at once; the table is constant.
 */
#ifndef YODEL_SERVICE_SERVICE_H
#define YODEL_SERVICE_SERVICE_H

#include "yodel/config/settings.h"
#include "yodel/session/connection.h"

/* Serves one client from its first byte to its last. */
typedef enum close_reason service_run(struct connection *connection);

/* The schemas of all services, for the configuration; in the order of the table. */
extern const struct service_schema service_schemas[];

/* The function of a service that config_build accepted. name: one of service_schemas. */
service_run *service_find(const char *name);

/* Every byte back, unchanged and in order, until the client closes. Source: RFC 862. */
service_run service_echo;

/* Sends the greeting and closes. */
service_run service_greet;

/* Reads and drops, never answers. Source: RFC 863. */
service_run service_discard;

/* Sends rotating lines of 72 characters until the client leaves; drops what it sends. Source: RFC
 * 864. */
service_run service_chargen;

/* Sends one line with the date and time in UTC and closes. Source: RFC 867. */
service_run service_daytime;

/* Sends the seconds since 1900 as 32 bits, most significant byte first, and closes. Source: RFC
 * 868. */
service_run service_time;

/* Answers framed requests: by default one, then closes. Source: docs/protocol.md. */
service_run service_message;

/* Passes on what the client says to the operator, and the operator's answers to the client. */
service_run service_talk;

#endif
