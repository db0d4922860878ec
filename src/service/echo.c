/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"

enum close_reason service_echo(struct connection *connection)
{
	char buffer[SERVICE_BUFFER_BYTES];
	enum close_reason reason;
	size_t got;

	do {
		reason = connection_read(connection, buffer, sizeof buffer, &got);
		if (reason == CLOSE_NONE)
			reason = connection_write(connection, buffer, got);
	} while (reason == CLOSE_NONE);
	return reason;
}
