/* SPDX-License-Identifier: MIT */
#include "yodel/session/connection.h"

#include "yodel/base/clock.h"
#include "yodel/base/error.h"
#include "yodel/base/log.h"
#include "yodel/session/proxy_peer.h"
#include "yodel/session/registry.h"
#include "yodel/session/stop_request.h"
#include "yodel/transport/tls_stream.h"

#include <pthread.h>
#include <stdio.h>

enum { THREAD_NAME_MAX = 15, NUMBER_SHOWN_MAX = 1000000000, DISCARD_BYTES = 4096 };

/* How long a wait may take (0: for ever), and what it means when that has passed. */
struct patience {
	int64_t timeout_ms;
	enum close_reason reason;
};

/*
 * No patience beyond a deadline, where there is one: otherwise nobody looks at the clock. Returns
 * false where it has passed.
 */
static bool has_time(int64_t deadline_ms, enum close_reason reason, struct patience *patience)
{
	if (deadline_ms == 0)
		return true;
	int64_t left_ms = deadline_ms - clock_monotonic_ms();
	if (patience->timeout_ms == 0 || left_ms < patience->timeout_ms)
		*patience = (struct patience){left_ms, reason};
	return left_ms > 0;
}

/*
 * Patience of limit_ms, but not beyond the connection's lifetime. Returns false where the lifetime
 * is over.
 */
static bool has_patience(const struct connection *connection, int64_t limit_ms,
	enum close_reason reason, struct patience *patience)
{
	*patience = (struct patience){limit_ms, reason};
	return has_time(connection->lifetime_deadline_ms, CLOSE_LIFETIME, patience);
}

/* What the outcome of a read or write means for the connection. */
static enum close_reason reason_of(enum io io, enum close_reason timeout_reason)
{
	switch (io) {
	case IO_OK:
		return CLOSE_NONE;
	case IO_EOF:
		return CLOSE_CLIENT_FIN;
	case IO_TIMEOUT:
		return timeout_reason;
	case IO_RESET:
		return CLOSE_CLIENT_RESET;
	case IO_TLS:
		return CLOSE_TLS;
	case IO_ERROR:
		return CLOSE_ERROR;
	}
	return CLOSE_ERROR;
}

/* The fields that all lines of a connection have in common. */
static void begin_line(struct log_line *line, const struct connection *connection,
	enum log_level level, const char *event)
{
	char peer[ADDRESS_TEXT_BYTES];

	log_begin(line, level, event);
	address_format(&connection->peer, peer);
	log_number(line, "conn", connection->number);
	log_text(line, "listener", connection->listener->name);
	log_text(line, "peer", peer);
}

static enum log_level level_of(const struct connection *connection)
{
	return connection->is_health_check ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
}

static void SEPARATE_FRAME log_stop_command(const struct connection *connection)
{
	struct log_line line;

	begin_line(&line, connection, LOG_LEVEL_INFO, "command");
	log_text(&line, "text", connection->listener->stop_command);
	log_end(&line);
}

static void ask_to_stop(struct connection *connection)
{
	connection->has_asked_to_stop = true;
	log_stop_command(connection);
	stop_request_make(connection->stop_request);
}

/* Every byte of the client comes along here. */
static void hear(struct connection *connection, const void *bytes, size_t length, size_t capacity)
{
	const char *stop = connection->listener->stop_command;

	connection->bytes_in += length;
	if (stop[0] != '\0' && stop_command_feed(&connection->stop_command, stop, bytes, length,
				       length < capacity))
		ask_to_stop(connection);
}

enum close_reason connection_read(
	struct connection *connection, void *dst, size_t capacity, size_t *got)
{
	return connection_read_before(connection, 0, CLOSE_NONE, dst, capacity, got);
}

enum close_reason connection_read_before(struct connection *connection, int64_t deadline_ms,
	enum close_reason late, void *dst, size_t capacity, size_t *got)
{
	const struct timeouts *timeouts = &connection->listener->timeouts;
	bool is_first = connection->bytes_in == 0 && timeouts->first_byte_ms != 0;
	struct patience patience;

	if (connection->has_asked_to_stop)
		return CLOSE_DONE;
	if (!has_patience(connection, is_first ? timeouts->first_byte_ms : timeouts->idle_ms,
		    is_first ? CLOSE_FIRST_BYTE : CLOSE_IDLE, &patience))
		return CLOSE_LIFETIME;
	if (!has_time(deadline_ms, late, &patience))
		return late;
	enum io io = stream_read_some(&connection->stream, dst, capacity, patience.timeout_ms, got);
	if (io == IO_OK) {
		hear(connection, dst, *got, capacity);
		placement_count(connection->placement, &connection->seat, connection->number,
			&connection->stream);
	}
	return reason_of(io, patience.reason);
}

/* When a client that goes on saying nothing is over, 0 for never; and the reason then. */
static int64_t silence_deadline_ms(const struct connection *connection,
	const struct connection_wait *wait, enum close_reason *reason)
{
	const struct timeouts *timeouts = &connection->listener->timeouts;

	if (connection->bytes_in == 0 && timeouts->first_byte_ms != 0) {
		*reason = CLOSE_FIRST_BYTE;
		return connection->ready_ms + timeouts->first_byte_ms;
	}
	*reason = CLOSE_IDLE;
	if (wait->silent_since_ms == 0 || timeouts->idle_ms == 0)
		return 0;
	return wait->silent_since_ms + timeouts->idle_ms;
}

static bool has_passed(int64_t deadline_ms, int64_t now_ms)
{
	return deadline_ms != 0 && deadline_ms <= now_ms;
}

/* A lifetime ends also a client that has always something to say; the others end silence. */
enum close_reason connection_wait(
	struct connection *connection, const struct connection_wait *wait, bool *has_bytes)
{
	int64_t now_ms = clock_monotonic_ms(), lifetime_ms = connection->lifetime_deadline_ms;
	enum close_reason silence_reason;
	int64_t silence_ms = silence_deadline_ms(connection, wait, &silence_reason);
	int64_t wake_ms = clock_earlier_of(
		clock_earlier_of(lifetime_ms, silence_ms), wait->until_ms);

	if (has_passed(lifetime_ms, now_ms))
		return CLOSE_LIFETIME;
	*has_bytes = false;
	enum io io = stream_wait(&connection->stream, wait->interest, wait->wake_fd,
		clock_poll_timeout(wake_ms, now_ms), has_bytes);
	if (io != IO_TIMEOUT)
		return reason_of(io, CLOSE_NONE);
	now_ms = clock_monotonic_ms();
	if (has_passed(lifetime_ms, now_ms))
		return CLOSE_LIFETIME;
	return has_passed(silence_ms, now_ms) ? silence_reason : CLOSE_NONE;
}

enum close_reason connection_read_pending(
	struct connection *connection, void *dst, size_t capacity, size_t *got)
{
	*got = 0;
	if (connection->has_asked_to_stop)
		return CLOSE_DONE;
	enum io io = stream_read_pending(&connection->stream, dst, capacity, got);
	hear(connection, dst, *got, capacity);
	return reason_of(io, CLOSE_NONE);
}

enum close_reason connection_discard_pending(struct connection *connection)
{
	char waste[DISCARD_BYTES];
	size_t got;

	return connection_read_pending(connection, waste, sizeof waste, &got);
}

enum close_reason connection_write(struct connection *connection, const void *src, size_t length)
{
	struct patience patience;
	size_t sent;

	if (!has_patience(connection, connection->listener->timeouts.write_ms, CLOSE_WRITE_TIMEOUT,
		    &patience))
		return CLOSE_LIFETIME;
	enum io io = stream_write_all(&connection->stream, src, length, patience.timeout_ms, &sent);
	connection->bytes_out += sent;
	enum close_reason reason = reason_of(io, patience.reason);
	if (io == IO_TIMEOUT && !has_patience(connection, 0, CLOSE_NONE, &patience))
		reason = CLOSE_LIFETIME;
	connection->is_stuck = reason == CLOSE_WRITE_TIMEOUT;
	return reason;
}

/* "LISTENER/NUMBER" in the 15 characters that the kernel keeps; a long listener name is cut. */
static void name_thread(const struct connection *connection)
{
	unsigned number = (unsigned)(connection->number % NUMBER_SHOWN_MAX);
	int room = THREAD_NAME_MAX - snprintf(NULL, 0, "/%u", number);
	char name[64];

	snprintf(name, sizeof name, "%.*s/%u", room, connection->listener->name, number);
	(void)pthread_setname_np(pthread_self(), name);
}

/* proxy: NULL where there is none. */
static void SEPARATE_FRAME log_accept(
	const struct connection *connection, const struct proxy_peer *proxy)
{
	struct log_line line;

	begin_line(&line, connection, level_of(connection), "accept");
	log_number(&line, "active", connection->open_at_accept);
	if (proxy != NULL)
		proxy_peer_log(proxy, &line);
	log_end(&line);
}

static enum close_reason SEPARATE_FRAME open_proxied(struct connection *connection)
{
	struct proxy_peer proxy;
	enum close_reason reason = proxy_peer_receive(&proxy, connection);

	connection->ready_ms = clock_monotonic_ms();
	if (!proxy_peer_is_refused(reason))
		log_accept(connection, &proxy);
	return reason;
}

/*
 * A thread whose client says nothing keeps the pages of its stack that were touched: so no frame
 * with a line in it is entered where no line is wanted.
 */
enum close_reason connection_open(struct connection *connection)
{
	name_thread(connection);
	if (connection->listener->proxy_protocol != 0)
		return open_proxied(connection);
	if (log_is_wanted(LOG_LEVEL_INFO))
		log_accept(connection, NULL);
	return CLOSE_NONE;
}

static void log_if_there(struct log_line *line, const char *name, const char *value)
{
	if (value[0] != '\0')
		log_text(line, name, value);
}

static void SEPARATE_FRAME log_tls(const struct connection *connection)
{
	struct tls_summary summary;
	struct log_line line;

	tls_summarize(connection->stream.tls, &summary);
	begin_line(&line, connection, level_of(connection), "tls");
	log_text(&line, "version", summary.version);
	log_text(&line, "cipher", summary.cipher);
	log_text(&line, "resumed", summary.is_resumed ? "yes" : "no");
	log_if_there(&line, "sni", summary.server_name);
	if (summary.protocol_length > 0)
		log_bytes(&line, "alpn", summary.protocol, summary.protocol_length);
	log_if_there(&line, "client_subject", summary.subject);
	log_if_there(&line, "client_sha256", summary.sha256);
	log_end(&line);
}

enum close_reason connection_secure(struct connection *connection)
{
	struct tls_context *contexts = connection->registry->settings.tls_contexts;
	struct patience patience;

	if (contexts == NULL || !contexts[connection->listener_index].is_loaded)
		return CLOSE_NONE;
	if (!has_patience(
		    connection, connection->listener->timeouts.handshake_ms, CLOSE_TLS, &patience))
		return CLOSE_LIFETIME;
	enum io io = stream_secure(
		&connection->stream, &contexts[connection->listener_index], patience.timeout_ms);
	if (io != IO_OK && !has_patience(connection, 0, CLOSE_NONE, &patience))
		return CLOSE_LIFETIME;
	connection->ready_ms = clock_monotonic_ms();
	if (io == IO_OK && log_is_wanted(LOG_LEVEL_INFO))
		log_tls(connection);
	return reason_of(io, CLOSE_TLS);
}

/*
 * After our FIN: reads on until the client's, so that unread bytes do not make the kernel send a
 * reset that overtakes our last words. One deadline for all of it, however the client trickles.
 */
static bool linger(struct connection *connection)
{
	int64_t linger_ms = connection->listener->timeouts.linger_ms;
	int64_t deadline_ms = clock_monotonic_ms() + linger_ms;
	char waste[DISCARD_BYTES];
	enum io io = IO_OK;
	size_t got;

	while (io == IO_OK) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();

		if (left_ms <= 0)
			return linger_ms == 0;
		io = stream_read_some(&connection->stream, waste, sizeof waste, left_ms, &got);
		if (io == IO_OK)
			connection->bytes_in += got;
	}
	return io != IO_TIMEOUT;
}

/* Returns whether the client has room for our end of stream. */
static bool finish(struct connection *connection)
{
	int64_t write_ms = connection->listener->timeouts.write_ms;

	connection->is_stuck = stream_finish(&connection->stream, write_ms) != IO_OK;
	return !connection->is_stuck;
}

/* Announces the end where the reason has it so. Returns the reason, or what has come between. */
static enum close_reason announce_end(struct connection *connection, enum close_reason reason)
{
	/* In the clear the close does what a client needs that has ended its own stream. */
	bool is_answered = connection->stream.tls != NULL && reason == CLOSE_CLIENT_FIN;

	if (!close_reason_is_announced(reason) && !is_answered)
		return reason;
	if (!finish(connection))
		return reason == CLOSE_DONE || is_answered ? CLOSE_WRITE_TIMEOUT : reason;
	if (is_answered || linger(connection))
		return reason;
	connection->is_stuck = stream_has_unsent(&connection->stream);
	return reason == CLOSE_DONE ? CLOSE_LINGER : reason;
}

/* What the reason leaves open, or NULL; a static text. */
static const char *failure_text(const struct connection *connection, enum close_reason reason)
{
	if (reason == CLOSE_ERROR)
		return error_text(connection->stream.error_number);
	return reason == CLOSE_TLS ? stream_tls_failure(&connection->stream) : NULL;
}

static void SEPARATE_FRAME log_close(const struct connection *connection, enum close_reason reason,
	const char *failure, size_t open)
{
	struct log_line line;

	begin_line(&line, connection, level_of(connection), "close");
	log_number(&line, "in", connection->bytes_in);
	log_number(&line, "out", connection->bytes_out);
	log_number(&line, "ms", (uint64_t)(clock_monotonic_ms() - connection->since_ms));
	log_number(&line, "active", open);
	log_text(&line, "reason", close_reason_word(reason));
	if (failure != NULL)
		log_text(&line, "error", failure);
	log_end(&line);
}

/* A health check that went well, or a client that has said and heard nothing. */
static bool is_probe(const struct connection *connection, enum close_reason reason)
{
	bool has_left = reason == CLOSE_CLIENT_FIN || reason == CLOSE_CLIENT_RESET;
	bool has_nothing = connection->bytes_in == 0 && connection->bytes_out == 0;

	return (has_left && (has_nothing || connection->is_health_check)) ||
	       (reason == CLOSE_DONE && connection->is_health_check);
}

void connection_close(struct connection *connection, enum close_reason reason)
{
	placement_leave(connection->placement, &connection->seat);
	reason = announce_end(connection, reason);
	if (is_probe(connection, reason))
		reason = CLOSE_PROBE;
	size_t open = registry_unlist(connection->registry, connection, &reason);
	const char *failure = failure_text(connection, reason);
	if (connection->is_stuck)
		stream_abort(&connection->stream);
	else
		stream_close(&connection->stream, connection->listener->timeouts.write_ms);
	if (log_is_wanted(LOG_LEVEL_INFO))
		log_close(connection, reason, failure, open);
}
