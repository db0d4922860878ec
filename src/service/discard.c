/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"

enum { BUFFER_BYTES = 16 * 1024 };

enum close_reason service_discard(struct connection *connection)
{
	char buffer[BUFFER_BYTES];
	enum close_reason reason;
	size_t got;

	do
		reason = connection_read(connection, buffer, sizeof buffer, &got);
	while (reason == CLOSE_NONE);
	return reason;
}
