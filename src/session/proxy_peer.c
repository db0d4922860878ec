/* SPDX-License-Identifier: MIT */
#include "yodel/session/proxy_peer.h"

#include "yodel/base/clock.h"
#include "yodel/session/registry.h"

static enum close_reason fail(struct proxy_peer *peer, const char *why)
{
	peer->header = (struct proxy_header){
		.is_local = true}; /* half of it would look like facts */
	peer->why = why;
	return CLOSE_PROXY_HEADER;
}

/* The stream has ended or failed before the header was whole. */
static enum close_reason fail_with(struct proxy_peer *peer, enum io io, size_t length)
{
	switch (io) {
	case IO_EOF:
		return length == 0 ? CLOSE_CLIENT_FIN
				   : fail(peer, "expected more, got the end of the stream");
	case IO_TIMEOUT:
		return fail(peer, "expected a header within timeouts.proxy_header");
	case IO_RESET:
		return length == 0 ? CLOSE_CLIENT_RESET : fail(peer, "expected more, got a reset");
	default:
		return CLOSE_ERROR;
	}
}

static enum close_reason read_header(struct proxy_peer *peer, struct connection *connection)
{
	const struct listener_settings *listener = connection->listener;
	int64_t deadline_ms = clock_earlier_of(
		clock_monotonic_ms() + listener->timeouts.proxy_header_ms,
		connection->lifetime_deadline_ms);
	size_t length = 0, missing, got;
	enum proxy_result result;
	const char *why;

	while ((result = proxy_header_read(peer->bytes, length,
			(enum proxy_versions)listener->proxy_protocol, &peer->header, &missing,
			&why)) == PROXY_MORE) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		enum io io = left_ms <= 0 ? IO_TIMEOUT
					  : stream_read_some(&connection->stream,
						    peer->bytes + length, missing, left_ms, &got);

		if (io == IO_TIMEOUT && deadline_ms == connection->lifetime_deadline_ms)
			return CLOSE_LIFETIME;
		if (io != IO_OK)
			return fail_with(peer, io, length);
		length += got;
	}
	return result == PROXY_BAD ? fail(peer, why) : CLOSE_NONE;
}

enum close_reason proxy_peer_receive(struct proxy_peer *peer, struct connection *connection)
{
	peer->proxy = connection->peer;
	peer->header = (struct proxy_header){.is_local = true};
	peer->why = NULL;
	enum close_reason reason = read_header(peer, connection);
	if (reason != CLOSE_NONE)
		return reason;
	if (!peer->header.is_local)
		return registry_announce(connection->registry, connection, &peer->header.source);
	connection->is_health_check = true;
	return CLOSE_NONE;
}

bool proxy_peer_is_refused(enum close_reason reason)
{
	return reason == CLOSE_DENIED || reason == CLOSE_LIMIT_PEER;
}

static void log_address(struct log_line *line, const char *name, const struct address *address)
{
	char text[ADDRESS_TEXT_BYTES];

	address_format(address, text);
	log_text(line, name, text);
}

void proxy_peer_log(const struct proxy_peer *peer, struct log_line *line)
{
	const struct proxy_header *header = &peer->header;
	const struct {
		const char *name;
		const struct proxy_value *value;
	} values[] = {
		{"alpn", &header->alpn},
		{"authority", &header->authority},
		{"unique_id", &header->unique_id},
		{"ssl_version", &header->ssl_version},
		{"ssl_cn", &header->ssl_cn},
		{"ssl_cipher", &header->ssl_cipher},
		{"netns", &header->netns},
	};

	log_address(line, "proxy", &peer->proxy);
	if (!header->is_local)
		log_address(line, "destination", &header->destination);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		if (values[i].value->bytes != NULL)
			log_bytes(line, values[i].name, values[i].value->bytes,
				values[i].value->length);
	if (header->ssl_cn.bytes != NULL)
		log_text(line, "ssl_verified", header->is_ssl_verified ? "yes" : "no");
	if (peer->why != NULL)
		log_text(line, "error", peer->why);
}
