/* SPDX-License-Identifier: MIT */
#include "yodel/session/registry.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"
#include "yodel/session/access.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { ALL_LISTENERS = -1 };

/* What is counted for one listener, and whom it lets in. */
struct listener_count {
	size_t taken;
	struct token_bucket bucket;
	struct access access;
	struct access proxies;
	struct access probes;
};

static void free_memory(struct registry *registry)
{
	for (size_t i = 0; registry->by_listener != NULL && i < registry->settings.listener_count;
		i++) {
		access_fini(&registry->by_listener[i].access);
		access_fini(&registry->by_listener[i].proxies);
		access_fini(&registry->by_listener[i].probes);
	}
	free(registry->slots);
	free(registry->by_listener);
	peer_table_fini(&registry->peers);
}

static int init_access(struct registry *registry)
{
	static const struct option_list nobody;

	for (size_t i = 0; i < registry->settings.listener_count; i++) {
		const struct listener_settings *listener = &registry->settings.listeners[i];

		if (access_init(&registry->by_listener[i].access, &listener->allow,
			    &listener->deny) != 0 ||
			access_init(&registry->by_listener[i].proxies, &listener->proxy_from,
				&nobody) != 0 ||
			access_init(&registry->by_listener[i].probes, &listener->probe_from,
				&nobody) != 0)
			return -1;
	}
	return 0;
}

int registry_init(struct registry *registry, const struct registry_settings *settings)
{
	*registry = (struct registry){
		.settings = *settings,
		.empty_since_ms = clock_monotonic_ms(),
	};
	registry->slots = calloc(settings->capacity, sizeof *registry->slots);
	registry->by_listener = calloc(settings->listener_count, sizeof *registry->by_listener);
	/* Each connection counts under two keys: its peer on its listener, and on all. */
	if (peer_table_init(&registry->peers, settings->capacity * 2) != 0 ||
		registry->slots == NULL || registry->by_listener == NULL ||
		init_access(registry) != 0) {
		free_memory(registry);
		return -1;
	}
	token_bucket_init(&registry->bucket, settings->limits.accept_rate, 0);
	for (size_t i = 0; i < settings->listener_count; i++)
		token_bucket_init(&registry->by_listener[i].bucket,
			settings->listeners[i].limits.accept_rate, 0);
	lock_init(&registry->lock);
	return 0;
}

void registry_fini(struct registry *registry)
{
	lock_take(&registry->lock);
	CHECK(registry->taken == 0);
	lock_give(&registry->lock);
	lock_fini(&registry->lock);
	free_memory(registry);
}

static struct peer_key key_of(
	const struct registry *registry, const struct address *peer, int32_t listener)
{
	return (struct peer_key){
		.prefix = address_prefix(peer, registry->settings.peer_prefix_v4_bits,
			registry->settings.peer_prefix_v6_bits),
		.listener = listener,
	};
}

/* Whether peers are known only once their proxies have announced them. */
static bool is_proxied(const struct registry *registry, size_t listener_index)
{
	return registry->settings.listeners[listener_index].proxy_protocol != 0;
}

static bool is_peer_full(const struct registry *registry, const struct address *peer,
	int32_t listener, int64_t limit) REQUIRES(registry->lock)
{
	struct peer_key key = key_of(registry, peer, listener);

	return limit != 0 && peer_table_count(&registry->peers, &key) >= limit;
}

/* Whether a limit of peers, the daemon's or the listener's own, is in the way of one more. */
static bool is_peer_over_limit(const struct registry *registry, const struct address *peer,
	size_t listener_index) REQUIRES(registry->lock)
{
	const struct limits *own = &registry->settings.listeners[listener_index].limits;

	return is_peer_full(
		       registry, peer, ALL_LISTENERS, registry->settings.limits.max_per_peer) ||
	       is_peer_full(registry, peer, (int32_t)listener_index, own->max_per_peer);
}

static bool is_proxy(const struct listener_count *count, const struct address *peer)
{
	return !address_is_internet(peer) || access_is_listed(&count->proxies, peer);
}

/* The first limit in the client's way, or CLOSE_NONE; the rates come last, for they are used up. */
static enum close_reason find_obstacle(struct registry *registry, const struct admission *admission)
	REQUIRES(registry->lock)
{
	size_t index = admission->listener_index;
	const struct limits *own = &registry->settings.listeners[index].limits;
	struct listener_count *count = &registry->by_listener[index];
	bool has_proxies = is_proxied(registry, index);

	if (has_proxies && !is_proxy(count, &admission->peer))
		return CLOSE_PROXY_HEADER;
	if (!access_is_allowed(&count->access, &admission->peer))
		return CLOSE_DENIED;
	if (registry->taken == registry->settings.capacity)
		return CLOSE_LIMIT_TOTAL;
	if (own->max_connections != 0 && count->taken >= (size_t)own->max_connections)
		return CLOSE_LIMIT_LISTENER;
	if (!has_proxies && is_peer_over_limit(registry, &admission->peer, index))
		return CLOSE_LIMIT_PEER;
	if (!token_bucket_has(&registry->bucket, admission->now_ms) ||
		!token_bucket_has(&count->bucket, admission->now_ms))
		return CLOSE_RATE;
	token_bucket_take(&registry->bucket);
	token_bucket_take(&count->bucket);
	return CLOSE_NONE;
}

static void count_peer(struct registry *registry, const struct connection *connection,
	void (*count)(struct peer_table *table, const struct peer_key *key))
	REQUIRES(registry->lock)
{
	struct peer_key everywhere = key_of(registry, &connection->peer, ALL_LISTENERS);
	struct peer_key here = key_of(
		registry, &connection->peer, (int32_t)connection->listener_index);

	count(&registry->peers, &everywhere);
	count(&registry->peers, &here);
}

static void add_peer(struct registry *registry, struct connection *connection)
	REQUIRES(registry->lock)
{
	count_peer(registry, connection, peer_table_add);
	connection->is_peer_counted = true;
}

/* Released slots first; a slot that was never used is not even touched in memory. */
static struct connection *next_slot(struct registry *registry) REQUIRES(registry->lock)
{
	struct connection *slot = registry->free_slots;

	if (slot == NULL)
		return &registry->slots[registry->used_slots++];
	registry->free_slots = slot->next_free;
	return slot;
}

static bool is_health_check(
	const struct registry *registry, size_t listener_index, const struct address *peer)
{
	return access_is_listed(&registry->by_listener[listener_index].probes, peer);
}

static struct connection *take_slot(struct registry *registry, const struct admission *admission)
	REQUIRES(registry->lock)
{
	struct connection *connection = next_slot(registry);
	const struct listener_settings *listener = &registry->settings
							    .listeners[admission->listener_index];
	int64_t lifetime_ms = listener->timeouts.lifetime_ms;

	registry->taken++;
	registry->open++;
	registry->by_listener[admission->listener_index].taken++;
	registry->totals.accepted++;
	*connection = (struct connection){
		.number = ++registry->last_number,
		.registry = registry,
		.buffers = registry->settings.buffers,
		.placement = registry->settings.placement,
		.stop_request = registry->settings.stop_request,
		.hub = registry->settings.hub,
		.listener = listener,
		.listener_index = admission->listener_index,
		.run = admission->run,
		.peer = admission->peer,
		.since_ms = admission->now_ms,
		.ready_ms = admission->now_ms,
		.lifetime_deadline_ms = lifetime_ms == 0 ? 0 : admission->now_ms + lifetime_ms,
		.open_at_accept = registry->open,
		.is_health_check = is_health_check(
			registry, admission->listener_index, &admission->peer),
		.is_listed = true,
	};
	stream_init(&connection->stream, admission->fd);
	connection->stream.write_deadline_ms = connection->lifetime_deadline_ms;
	if (!is_proxied(registry, admission->listener_index))
		add_peer(registry, connection);
	return connection;
}

static void count_refusal(struct registry *registry, enum close_reason reason)
	REQUIRES(registry->lock)
{
	registry->totals.refused++;
	registry->totals.by_reason[reason]++;
}

enum close_reason registry_admit(struct registry *registry, const struct admission *admission,
	struct connection **connection)
{
	lock_take(&registry->lock);
	enum close_reason obstacle = find_obstacle(registry, admission);
	if (obstacle == CLOSE_NONE)
		*connection = take_slot(registry, admission);
	else
		count_refusal(registry, obstacle);
	lock_give(&registry->lock);
	return obstacle;
}

/* A proxy's word for a Unix socket is no file's mode. */
static bool may_be_announced(const struct access *access, const struct address *peer)
{
	return access_is_allowed(access, peer) &&
	       (address_is_internet(peer) || !access->has_allowed);
}

enum close_reason registry_announce(
	struct registry *registry, struct connection *connection, const struct address *peer)
{
	size_t index = connection->listener_index;
	enum close_reason reason = CLOSE_NONE;

	lock_take(&registry->lock);
	connection->peer = *peer;
	address_normalize(&connection->peer);
	connection->is_health_check = is_health_check(registry, index, &connection->peer);
	if (!may_be_announced(&registry->by_listener[index].access, &connection->peer))
		reason = CLOSE_DENIED;
	else if (is_peer_over_limit(registry, &connection->peer, index))
		reason = CLOSE_LIMIT_PEER;
	else
		add_peer(registry, connection);
	lock_give(&registry->lock);
	return reason;
}

static void unlist(struct registry *registry, struct connection *connection)
	REQUIRES(registry->lock)
{
	CHECK(connection->is_listed);
	connection->is_listed = false;
	registry->open--;
}

static void give_slot(struct registry *registry, struct connection *connection)
	REQUIRES(registry->lock)
{
	CHECK(!connection->is_listed && registry->taken > 0);
	if (connection->is_peer_counted)
		count_peer(registry, connection, peer_table_remove);
	registry->by_listener[connection->listener_index].taken--;
	registry->taken--;
	if (registry->taken == 0)
		registry->empty_since_ms = clock_monotonic_ms();
	connection->next_free = registry->free_slots;
	registry->free_slots = connection;
}

void registry_retract(
	struct registry *registry, struct connection *connection, enum close_reason reason)
{
	lock_take(&registry->lock);
	unlist(registry, connection);
	give_slot(registry, connection);
	token_bucket_return(&registry->bucket);
	token_bucket_return(&registry->by_listener[connection->listener_index].bucket);
	registry->totals.accepted--;
	count_refusal(registry, reason);
	lock_give(&registry->lock);
}

void registry_count_refusal(struct registry *registry, enum close_reason reason)
{
	lock_take(&registry->lock);
	count_refusal(registry, reason);
	lock_give(&registry->lock);
}

size_t registry_unlist(
	struct registry *registry, struct connection *connection, enum close_reason *reason)
{
	lock_take(&registry->lock);
	unlist(registry, connection);
	if (connection->shut_reason != CLOSE_NONE)
		*reason = connection->shut_reason;
	registry->totals.bytes_in += connection->bytes_in;
	registry->totals.bytes_out += connection->bytes_out;
	registry->totals.by_reason[*reason]++;
	size_t open = registry->open;
	lock_give(&registry->lock);
	return open;
}

void registry_release(struct registry *registry, struct connection *connection)
{
	lock_take(&registry->lock);
	give_slot(registry, connection);
	lock_give(&registry->lock);
}

void registry_shut_all(struct registry *registry, int how, enum close_reason reason)
{
	lock_take(&registry->lock);
	for (size_t i = 0; i < registry->used_slots; i++) {
		struct connection *connection = &registry->slots[i];

		if (!connection->is_listed)
			continue;
		connection->shut_reason = reason;
		/* Fails only where the client has already cut the connection. */
		(void)shutdown(connection->stream.fd, how);
	}
	lock_give(&registry->lock);
}

size_t registry_open_count(struct registry *registry)
{
	lock_take(&registry->lock);
	size_t open = registry->open;
	lock_give(&registry->lock);
	return open;
}

int64_t registry_empty_since_ms(struct registry *registry)
{
	lock_take(&registry->lock);
	int64_t since_ms = registry->taken == 0 ? registry->empty_since_ms : 0;
	lock_give(&registry->lock);
	return since_ms;
}

bool registry_is_empty(struct registry *registry)
{
	lock_take(&registry->lock);
	bool is_empty = registry->taken == 0;
	lock_give(&registry->lock);
	return is_empty;
}

struct totals registry_totals(struct registry *registry)
{
	lock_take(&registry->lock);
	struct totals totals = registry->totals;
	lock_give(&registry->lock);
	return totals;
}
