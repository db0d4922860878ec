/* SPDX-License-Identifier: MIT */
#include "yodel/server/handle_client.h"

#include "yodel/session/registry.h"

void handle_client(struct connection *connection)
{
	enum close_reason reason = connection_open(connection);

	if (reason == CLOSE_NONE)
		reason = connection_secure(connection);
	if (reason == CLOSE_NONE)
		reason = connection->run(connection);
	connection_close(connection, reason);
	registry_release(connection->registry, connection);
}
