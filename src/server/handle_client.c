/* SPDX-License-Identifier: MIT */
#include "yodel/server/handle_client.h"

#include "yodel/session/registry.h"

static void *handle_client(void *argument)
{
	struct connection *connection = argument;

	connection_open(connection);
	connection_close(connection, connection->run(connection));
	registry_release(connection->registry, connection);
	return NULL;
}

int handle_client_start(struct connection *connection, const pthread_attr_t *attributes)
{
	pthread_t thread;

	return pthread_create(&thread, attributes, handle_client, connection);
}
