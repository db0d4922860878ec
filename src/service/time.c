/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"

#include <arpa/inet.h>
#include <time.h>

/* RFC 868: the Unix epoch is 2,208,988,800 seconds after the one of 1900. */
#define SECONDS_FROM_1900_TO_1970 2208988800u

enum close_reason service_time(struct connection *connection)
{
	uint32_t seconds = htonl((uint32_t)time(NULL) + SECONDS_FROM_1900_TO_1970);
	enum close_reason reason = connection_write(connection, &seconds, sizeof seconds);

	return reason == CLOSE_NONE ? CLOSE_DONE : reason;
}
