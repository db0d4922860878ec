/* SPDX-License-Identifier: MIT */
#include "yodel/service/greeting.h"
#include "yodel/service/service.h"

enum close_reason service_greet(struct connection *connection)
{
	const struct greet_settings *settings = connection->listener->service_settings;
	char greeting[GREETING_MAX_BYTES];
	size_t length = greeting_fill(settings->text, connection, greeting);
	enum close_reason reason = CLOSE_NONE;

	if (length > 0)
		reason = connection_write(connection, greeting, length);
	return reason == CLOSE_NONE ? CLOSE_DONE : reason;
}
