/* SPDX-License-Identifier: MIT */
#include "yodel/server/handle_client.h"

#include "yodel/session/registry.h"

void handle_client(struct connection *connection)
{
	connection_open(connection);
	connection_close(connection, connection->run(connection));
	registry_release(connection->registry, connection);
}
