/* SPDX-License-Identifier: MIT */
#include "yodel/service/service.h"
#include "yodel/session/buffer_pool.h"

#include <string.h>

/* On the stack: most messages fit, and idle clients cost little. */
enum { SMALL_BYTES = 2 * 1024 };

/*
 * More has come than the small buffer holds: goes on with a large one, as long as that is so.
 *   begun   the length bytes that were read and not yet answered
 */
static enum close_reason echo_stream(
	struct connection *connection, const char *begun, size_t length)
{
	char *buffer = buffer_pool_borrow(connection->buffers);
	enum close_reason end, reason;
	size_t got;

	if (buffer == NULL)
		return connection_write(connection, begun, length);
	memcpy(buffer, begun, length);
	do {
		end = connection_read_pending(
			connection, buffer + length, BUFFER_POOL_BUFFER_BYTES - length, &got);
		length += got;
		reason = length > 0 ? connection_write(connection, buffer, length) : CLOSE_NONE;
		length = 0;
	} while (reason == CLOSE_NONE && end == CLOSE_NONE && got >= SMALL_BYTES);
	buffer_pool_return(connection->buffers, buffer);
	return reason != CLOSE_NONE ? reason : end;
}

enum close_reason service_echo(struct connection *connection)
{
	char buffer[SMALL_BYTES];
	enum close_reason reason;
	size_t got;

	do {
		reason = connection_read(connection, buffer, sizeof buffer, &got);
		if (reason == CLOSE_NONE && got == sizeof buffer)
			reason = echo_stream(connection, buffer, got);
		else if (reason == CLOSE_NONE)
			reason = connection_write(connection, buffer, got);
	} while (reason == CLOSE_NONE);
	return reason;
}
