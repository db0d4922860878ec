/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"

#include <time.h>

/* RFC 867 prescribes no syntax; this is the first of the two that it calls popular. */
enum close_reason service_daytime(struct connection *connection)
{
	time_t now = time(NULL);
	struct tm utc;
	char line[64];

	gmtime_r(&now, &utc);
	size_t length = strftime(line, sizeof line, "%A, %B %d, %Y %H:%M:%S-UTC\r\n", &utc);
	enum close_reason reason = connection_write(connection, line, length);
	return reason == CLOSE_NONE ? CLOSE_DONE : reason;
}
