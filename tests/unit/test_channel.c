/* SPDX-License-Identifier: MIT */
/* What is rare on a channel with TLS; the rest is in tests/system/test_client_tls.py. */
#include "tls_support.h"

#include "yodel/client/channel.h"
#include "yodel/transport/tls_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILLING_BYTES = 8000, TICKET_BYTES = 20000, FRAGMENT_BYTES = 512 };

struct ends {
	char folder[64], path[TLS_PATH_BYTES];
	struct request request;
	struct channel channel;
	int peer;
	SSL *ssl; /* the peer's, non-blocking */
};

static struct tls_client *make_client(const char *ca)
{
	char none[] = "";
	struct tls_client_settings settings = {
		.name = none,
		.ca = ca, /* those of the system take long to read */
		.alpn = none,
		.files = {none, none},
		.is_insecure = true,
	};
	struct error error;
	struct tls_client *client = tls_client_new(&settings, &error);

	assert_non_null(client);
	return client;
}

/* Makes tickets as large as they may be, so that one takes several records. */
static int enlarge_ticket(SSL *ssl, void *argument)
{
	static const char bytes[TICKET_BYTES];

	(void)argument;
	return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), bytes, sizeof bytes);
}

static SSL *make_peer(int fd, const char *path)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, path), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1);
	assert_int_equal(SSL_CTX_set_session_ticket_cb(ctx, enlarge_ticket, NULL, NULL), 1);
	assert_int_equal(SSL_CTX_set_max_send_fragment(ctx, FRAGMENT_BYTES), 1);
	SSL *ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	return ssl;
}

static int set_up(void **state)
{
	struct ends *ends = calloc(1, sizeof *ends);
	int fds[2], number;

	assert_non_null(ends);
	*state = ends;
	support_make_folder(ends->folder);
	tls_make_pair(ends->folder, "server.pem", "ec", ends->path);
	/* Of a Unix socket's room nothing comes back before the peer reads. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	ends->request.tls = make_client(ends->path);
	ends->peer = fds[1];
	ends->ssl = make_peer(fds[1], ends->path);
	channel_open(&ends->channel, fds[0], &ends->request);
	while ((number = channel_secure(&ends->channel)) == EAGAIN)
		(void)SSL_accept(ends->ssl);
	assert_int_equal(number, 0);
	assert_int_equal(SSL_accept(ends->ssl), 1);
	return 0;
}

static int tear_down(void **state)
{
	struct ends *ends = *state;

	channel_close(&ends->channel);
	tls_client_free(ends->request.tls);
	SSL_free(ends->ssl);
	close(ends->peer);
	support_remove_folder(ends->folder);
	free(ends);
	return 0;
}

/* From now on the kernel takes nothing more, until the peer has read. */
static void fill(struct ends *ends)
{
	static const char bytes[FILLING_BYTES];
	int least = 1;

	assert_int_equal(channel_send(&ends->channel, bytes, sizeof bytes), sizeof bytes);
	assert_int_equal(
		setsockopt(ends->channel.fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
}

static void drain(struct ends *ends)
{
	char bytes[2 * FILLING_BYTES];

	assert_int_equal(SSL_read(ends->ssl, bytes, sizeof bytes), FILLING_BYTES);
}

static void have_peer_update_keys(struct ends *ends)
{
	assert_int_equal(SSL_key_update(ends->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
	assert_int_equal(SSL_write(ends->ssl, "news", 4), 4);
}

static bool is_writable(const struct channel *channel)
{
	struct pollfd wait = {.fd = channel->fd, .events = POLLOUT};

	return poll(&wait, 1, 0) == 1;
}

/* Past what is the protocol's own, as far as it gets. */
static ssize_t take(struct ends *ends, char bytes[CHANNEL_PIECE_BYTES])
{
	ssize_t count;

	do
		count = channel_receive(&ends->channel, bytes, CHANNEL_PIECE_BYTES);
	while (count < 0 && errno == EAGAIN && channel_wants(&ends->channel, POLLIN) == POLLIN &&
		wait_readable(ends->channel.fd, 0));
	return count;
}

static void assert_news(struct ends *ends)
{
	char bytes[CHANNEL_PIECE_BYTES];

	assert_int_equal(take(ends, bytes), 4);
	assert_memory_equal(bytes, "news", 4);
}

static void an_end_without_room_for_it_is_said_later(void **state)
{
	struct ends *ends = *state;
	char byte;

	fill(ends);
	assert_false(channel_finish(&ends->channel));
	assert_false(is_writable(&ends->channel));
	drain(ends);
	assert_true(is_writable(&ends->channel));
	assert_true(channel_finish(&ends->channel));
	assert_int_equal(SSL_read(ends->ssl, &byte, 1), 0);
	assert_int_equal(SSL_get_shutdown(ends->ssl), SSL_RECEIVED_SHUTDOWN);
	assert_int_equal(recv(ends->peer, &byte, 1, 0), 0);
}

static void an_end_is_said_once_and_receiving_goes_on(void **state)
{
	struct ends *ends = *state;

	assert_true(channel_finish(&ends->channel));
	assert_int_equal(SSL_write(ends->ssl, "news", 4), 4);
	assert_true(channel_finish(&ends->channel));
	assert_news(ends);
	assert_false(channel_is_ended(&ends->channel));
	assert_int_equal(SSL_shutdown(ends->ssl), 0);
	assert_true(channel_is_ended(&ends->channel));
}

/*
 * New keys are answered with the next write, or when there are newer ones: then receiving has to send.
 * Waiting for POLLIN would end at once, again and again, without a step forward.
 */
static void an_answer_that_is_stuck_is_waited_for(void **state)
{
	struct ends *ends = *state;
	char bytes[CHANNEL_PIECE_BYTES];

	fill(ends);
	assert_int_equal(channel_wants(&ends->channel, POLLIN), POLLIN);
	have_peer_update_keys(ends);
	have_peer_update_keys(ends);
	assert_news(ends);
	assert_int_equal(take(ends, bytes), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(channel_wants(&ends->channel, POLLIN), POLLOUT);
	assert_false(is_writable(&ends->channel));
	drain(ends);
	assert_true(is_writable(&ends->channel));
	assert_true((channel_ready(&ends->channel, POLLOUT) & POLLIN) != 0);
	assert_news(ends);
	assert_int_equal(channel_wants(&ends->channel, POLLIN), POLLIN);
	assert_int_equal(channel_ready(&ends->channel, POLLOUT), POLLOUT);
}

static void keys_may_change_between_pieces(void **state)
{
	struct ends *ends = *state;
	char bytes[16];

	for (int i = 0; i < 3; i++)
		have_peer_update_keys(ends);
	for (int i = 0; i < 3; i++)
		assert_news(ends);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), 6);
	assert_int_equal(SSL_read(ends->ssl, bytes, sizeof bytes), 6);
	fill(ends);
	have_peer_update_keys(ends);
	assert_news(ends);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(channel_wants(&ends->channel, POLLIN | POLLOUT), POLLIN | POLLOUT);
	drain(ends);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), 6);
	assert_int_equal(SSL_read(ends->ssl, bytes, sizeof bytes), 6);
}

static void keys_may_change_behind_our_end(void **state)
{
	struct ends *ends = *state;

	assert_true(channel_finish(&ends->channel));
	for (int i = 0; i < 3; i++)
		have_peer_update_keys(ends);
	for (int i = 0; i < 3; i++)
		assert_news(ends);
}

/* Receives the records of a ticket, as many as there is room for; those of older ones before. */
static void receive_half_a_ticket(struct ends *ends)
{
	char bytes[CHANNEL_PIECE_BYTES];
	int least = 1;

	assert_int_equal(take(ends, bytes), -1);
	assert_int_equal(setsockopt(ends->peer, SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
	assert_int_equal(SSL_new_session_ticket(ends->ssl), 1);
	assert_int_equal(SSL_do_handshake(ends->ssl), -1);
	assert_int_equal(SSL_get_error(ends->ssl, -1), SSL_ERROR_WANT_WRITE);
	assert_int_equal(take(ends, bytes), -1);
	assert_int_equal(errno, EAGAIN);
}

static void have_peer_end_the_ticket(struct ends *ends)
{
	char bytes[CHANNEL_PIECE_BYTES];

	while (SSL_do_handshake(ends->ssl) != 1) {
		assert_int_equal(take(ends, bytes), -1);
		assert_int_equal(errno, EAGAIN);
	}
}

/* Waiting for POLLOUT would end at once, again and again. */
static void half_a_message_holds_sending_up_until_the_rest_comes(void **state)
{
	struct ends *ends = *state;
	char bytes[CHANNEL_PIECE_BYTES];

	receive_half_a_ticket(ends);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(channel_wants(&ends->channel, POLLOUT), POLLIN);
	assert_int_equal(channel_ready(&ends->channel, POLLIN), POLLIN | POLLOUT);
	have_peer_end_the_ticket(ends);
	assert_int_equal(take(ends, bytes), -1);
	assert_int_equal(channel_wants(&ends->channel, POLLIN | POLLOUT), POLLIN | POLLOUT);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), 6);
	assert_int_equal(channel_wants(&ends->channel, POLLOUT), POLLOUT);
	assert_int_equal(SSL_read(ends->ssl, bytes, sizeof bytes), 6);
}

static void half_a_message_holds_our_end_up_and_loses_no_answer(void **state)
{
	struct ends *ends = *state;
	char bytes[CHANNEL_PIECE_BYTES];

	receive_half_a_ticket(ends);
	assert_false(channel_finish(&ends->channel));
	assert_int_equal(channel_wants(&ends->channel, POLLIN | POLLOUT), POLLIN);
	have_peer_end_the_ticket(ends);
	assert_int_equal(SSL_write(ends->ssl, "news", 4), 4);
	assert_true(channel_finish(&ends->channel));
	assert_int_equal(SSL_read(ends->ssl, bytes, 1), 0);
	assert_int_equal(SSL_get_error(ends->ssl, 0), SSL_ERROR_ZERO_RETURN);
	assert_news(ends);
}

static void a_record_stays_stuck_behind_half_a_message(void **state)
{
	struct ends *ends = *state;

	fill(ends);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), -1);
	assert_int_equal(channel_wants(&ends->channel, POLLOUT), POLLOUT);
	receive_half_a_ticket(ends);
	assert_int_equal(channel_send(&ends->channel, "answer", 6), -1);
	assert_int_equal(channel_wants(&ends->channel, POLLOUT), POLLIN);
	assert_true(channel_finish(&ends->channel));
	have_peer_end_the_ticket(ends);
	assert_int_equal(SSL_write(ends->ssl, "news", 4), 4);
	assert_news(ends);
}

static void an_answer_is_not_lost_with_what_could_not_be_sent(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(SSL_write(ends->ssl, "news", 4), 4);
	assert_int_equal(SSL_shutdown(ends->ssl), 0);
	assert_int_equal(shutdown(ends->peer, SHUT_RDWR), 0);
	assert_int_equal(channel_send(&ends->channel, "more", 4), -1);
	assert_int_equal(errno, EPIPE);
	assert_true(channel_finish(&ends->channel));
	assert_news(ends);
	assert_true(channel_is_ended(&ends->channel));
}

static void a_look_leaves_the_bytes_where_they_are(void **state)
{
	struct ends *ends = *state;

	assert_false(channel_is_ended(&ends->channel));
	assert_int_equal(SSL_write(ends->ssl, "news", 4), 4);
	assert_false(channel_is_ended(&ends->channel));
	assert_news(ends);
}

static void a_cut_is_told_by_receiving(void **state)
{
	struct ends *ends = *state;
	char bytes[CHANNEL_PIECE_BYTES];

	assert_int_equal(shutdown(ends->peer, SHUT_WR), 0);
	assert_int_equal(take(ends, bytes), -1);
	assert_int_equal(errno, EPROTO);
	assert_string_equal(
		channel_error(&ends->channel, EPROTO), "the stream has ended without close_notify");
	assert_int_equal(take(ends, bytes), -1);
	assert_int_equal(errno, EPROTO);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(an_end_without_room_for_it_is_said_later),
		ROW(an_end_is_said_once_and_receiving_goes_on),
		ROW(an_answer_that_is_stuck_is_waited_for),
		ROW(keys_may_change_between_pieces),
		ROW(keys_may_change_behind_our_end),
		ROW(half_a_message_holds_sending_up_until_the_rest_comes),
		ROW(half_a_message_holds_our_end_up_and_loses_no_answer),
		ROW(a_record_stays_stuck_behind_half_a_message),
		ROW(an_answer_is_not_lost_with_what_could_not_be_sent),
		ROW(a_look_leaves_the_bytes_where_they_are),
		ROW(a_cut_is_told_by_receiving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
