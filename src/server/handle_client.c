/* SPDX-License-Identifier: MIT */
#include "yodel/server/handle_client.h"

#include "yodel/session/proxy_peer.h"
#include "yodel/session/registry.h"

bool handle_client(struct connection *connection, struct late_refusals *late)
{
	enum close_reason reason = connection_open(connection);

	if (proxy_peer_is_refused(reason)) {
		late_refusals_add(late, connection, reason);
		return false;
	}
	if (reason == CLOSE_NONE)
		reason = connection_secure(connection);
	if (reason == CLOSE_NONE)
		reason = connection->run(connection);
	connection_close(connection, reason);
	registry_release(connection->registry, connection);
	return true;
}
