/* SPDX-License-Identifier: MIT */
/*
 * A second load generator, as plain as can be and with no line in common with `yodel load`: a thread
 * for each connection, blocking calls, every byte compared. If both find the same ratios, neither
 * has made them up.
 *
 *   blocking round-trips|stream PORT CONNECTIONS SIZE WARMUP_MS MEASURED_MS
 *
 * round-trips: each thread sends a message of SIZE bytes and awaits it, again and again.
 * stream: each connection has a second thread, which sends messages without waiting for anything.
 * Prints one JSON object on a line. Exit status 1: something went wrong, or other bytes came back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS ((int64_t)1000 * 1000)

enum {
	PERIOD = 65521, /* a prime: no message and no buffer divides it */
	SIZE_LIMIT = 1024 * 1024,
	CONNECTIONS_LIMIT = 10000,
	MS_LIMIT = 3600 * 1000,
	FIRST_LATENCIES = 1024,
	TIMEOUT_S = 10,
};

/* Set before the threads start, and read only then. */
static struct {
	bool is_stream;
	in_port_t port;
	size_t connection_count, size_bytes;
	int64_t warmup_ns, measured_ns, record_ns, stop_ns;
	unsigned char pattern[PERIOD + SIZE_LIMIT]; /* the byte at offset n is that at n % PERIOD */
	pthread_barrier_t start;
} run;

/* A connection belongs to its thread; in a stream, the sender only uses the first three. */
struct connection {
	int fd;
	uint64_t streamed_bytes;
	uint64_t first; /* where in the pattern its stream begins */
	uint64_t completed, measured, received_bytes, measured_bytes;
	int64_t *latencies_ns;
	size_t latency_capacity;
	pthread_t thread, sender;
};

static void fail(const char *what)
{
	fprintf(stderr, "blocking: %s: %s\n", what, strerrordesc_np(errno));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

static int64_t number(const char *text, int64_t min, int64_t max)
{
	char *end;
	long long value = strtoll(text, &end, 10);

	if (end == text || *end != '\0' || value < min || value > max) {
		fprintf(stderr, "blocking: expected a number from %lld to %lld, got %s\n",
			(long long)min, (long long)max, text);
		exit(2);
	}
	return value;
}

/* --- One connection -------------------------------------------------------------------------- */

static int connected_socket(void)
{
	struct sockaddr_in peer = {.sin_family = AF_INET,
		.sin_port = htons(run.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval timeout = {.tv_sec = TIMEOUT_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) != 0 ||
		connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0)
		fail("connect");
	return fd;
}

static void send_message(const struct connection *connection, uint64_t offset)
{
	const unsigned char *message = run.pattern + (connection->first + offset) % PERIOD;

	for (size_t sent = 0; sent < run.size_bytes;) {
		ssize_t count = send(
			connection->fd, message + sent, run.size_bytes - sent, MSG_NOSIGNAL);

		if (count < 0)
			fail("send");
		sent += (size_t)count;
	}
}

/* Receives up to limit bytes and compares them. Returns how many, 0 at the end of the stream. */
static size_t receive_some(struct connection *connection, unsigned char *buffer, size_t limit)
{
	uint64_t place = (connection->first + connection->received_bytes) % PERIOD;
	ssize_t count = recv(connection->fd, buffer, limit, 0);

	if (count < 0)
		fail("recv");
	if (memcmp(buffer, run.pattern + place, (size_t)count) != 0) {
		errno = EBADMSG;
		fail("other bytes came back");
	}
	connection->received_bytes += (uint64_t)count;
	return (size_t)count;
}

static void receive_message(struct connection *connection, unsigned char *buffer)
{
	for (size_t received = 0; received < run.size_bytes;) {
		size_t count = receive_some(connection, buffer, run.size_bytes - received);

		if (count == 0) {
			errno = ENODATA;
			fail("the server ended the stream");
		}
		received += count;
	}
}

static void keep_latency(struct connection *connection, int64_t latency_ns)
{
	if (connection->measured == connection->latency_capacity) {
		connection->latency_capacity = connection->measured > 0 ? 2 * connection->measured
									: FIRST_LATENCIES;
		connection->latencies_ns = reallocarray(connection->latencies_ns,
			connection->latency_capacity, sizeof *connection->latencies_ns);
		if (connection->latencies_ns == NULL)
			fail("memory");
	}
	connection->latencies_ns[connection->measured++] = latency_ns;
}

/* --- The threads ----------------------------------------------------------------------------- */

static void *run_round_trips(void *argument)
{
	struct connection *connection = argument;
	unsigned char *buffer = malloc(run.size_bytes);
	int64_t began_ns, ended_ns = 0;

	if (buffer == NULL)
		fail("memory");
	pthread_barrier_wait(&run.start);
	while ((began_ns = now_ns()) < run.stop_ns) {
		send_message(connection, connection->received_bytes);
		receive_message(connection, buffer);
		ended_ns = now_ns();
		connection->completed++;
		if (began_ns >= run.record_ns && ended_ns <= run.stop_ns)
			keep_latency(connection, ended_ns - began_ns);
	}
	connection->measured_bytes = connection->measured * run.size_bytes;
	free(buffer);
	return NULL;
}

static void *run_sender(void *argument)
{
	struct connection *connection = argument;

	pthread_barrier_wait(&run.start);
	for (; now_ns() < run.stop_ns; connection->streamed_bytes += run.size_bytes)
		send_message(connection, connection->streamed_bytes);
	if (shutdown(connection->fd, SHUT_WR) != 0)
		fail("shutdown");
	return NULL;
}

static void *run_receiver(void *argument)
{
	struct connection *connection = argument;
	unsigned char *buffer = malloc(run.size_bytes);
	size_t count;

	if (buffer == NULL)
		fail("memory");
	pthread_barrier_wait(&run.start);
	while ((count = receive_some(connection, buffer, run.size_bytes)) > 0) {
		int64_t moment_ns = now_ns();

		if (moment_ns >= run.record_ns && moment_ns < run.stop_ns)
			connection->measured_bytes += count;
	}
	connection->completed = connection->received_bytes / run.size_bytes;
	free(buffer);
	return NULL;
}

static void start_thread(pthread_t *thread, void *(*function)(void *argument), void *argument)
{
	errno = pthread_create(thread, NULL, function, argument);
	if (errno != 0)
		fail("thread");
}

/* Whatever was sent has to be back. */
static void finish_stream(struct connection *connection)
{
	pthread_join(connection->sender, NULL);
	if (connection->received_bytes != connection->streamed_bytes) {
		errno = ENODATA;
		fail("the server ended the stream");
	}
}

/* Runs all connections to their end. */
static void run_all(struct connection *connections)
{
	size_t threads_each = run.is_stream ? 2 : 1;

	pthread_barrier_init(&run.start, NULL, (unsigned)(run.connection_count * threads_each + 1));
	for (size_t i = 0; i < run.connection_count; i++) {
		struct connection *connection = &connections[i];

		connection->first = i * 7919;
		connection->fd = connected_socket();
		start_thread(&connection->thread, run.is_stream ? run_receiver : run_round_trips,
			connection);
		if (run.is_stream)
			start_thread(&connection->sender, run_sender, connection);
	}
	run.record_ns = now_ns() + run.warmup_ns;
	run.stop_ns = run.record_ns + run.measured_ns;
	pthread_barrier_wait(&run.start);
	for (size_t i = 0; i < run.connection_count; i++) {
		pthread_join(connections[i].thread, NULL);
		if (run.is_stream)
			finish_stream(&connections[i]);
		close(connections[i].fd);
	}
}

/* --- The result ------------------------------------------------------------------------------ */

static int compare_latencies(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static double quantile_ms(const int64_t *sorted_ns, uint64_t count, double quantile)
{
	if (count == 0)
		return 0;
	return (double)sorted_ns[(uint64_t)(quantile * (double)(count - 1))] / (double)NS_PER_MS;
}

/* The latencies of all connections in one; the caller frees it. */
static int64_t *gathered(const struct connection *connections, uint64_t count)
{
	int64_t *all = calloc(count + 1, sizeof *all);
	size_t used = 0;

	if (all == NULL)
		fail("memory");
	for (size_t i = 0; i < run.connection_count; i++)
		for (uint64_t k = 0; k < connections[i].measured; k++)
			all[used++] = connections[i].latencies_ns[k];
	qsort(all, used, sizeof *all, compare_latencies);
	return all;
}

static void print_round_trips(
	const struct connection *connections, uint64_t measured, double seconds)
{
	int64_t *latencies_ns = gathered(connections, measured);

	printf(",\"round_trips_per_s\":%.1f,\"latency_ms\":{\"median\":%.6f,\"p99\":%.6f}",
		(double)measured / seconds, quantile_ms(latencies_ns, measured, 0.5),
		quantile_ms(latencies_ns, measured, 0.99));
	free(latencies_ns);
}

static void print_result(const struct connection *connections)
{
	uint64_t completed = 0, measured = 0, measured_bytes = 0;
	double seconds = (double)run.measured_ns / 1e9;

	for (size_t i = 0; i < run.connection_count; i++) {
		completed += connections[i].completed;
		measured += connections[i].measured;
		measured_bytes += connections[i].measured_bytes;
	}
	printf("{\"generator\":\"blocking\",\"elapsed_ms\":%.3f,\"completed\":%llu,\"bytes_per_s\":%.1f",
		seconds * 1e3, (unsigned long long)completed, (double)measured_bytes / seconds);
	if (!run.is_stream)
		print_round_trips(connections, measured, seconds);
	puts("}");
}

int main(int argc, char **argv)
{
	if (argc != 7 || (strcmp(argv[1], "round-trips") != 0 && strcmp(argv[1], "stream") != 0)) {
		fputs("Usage: blocking round-trips|stream PORT CONNECTIONS SIZE WARMUP_MS "
		      "MEASURED_MS\n",
			stderr);
		return 2;
	}
	run.is_stream = strcmp(argv[1], "stream") == 0;
	run.port = (in_port_t)number(argv[2], 1, UINT16_MAX);
	run.connection_count = (size_t)number(argv[3], 1, CONNECTIONS_LIMIT);
	run.size_bytes = (size_t)number(argv[4], 1, SIZE_LIMIT);
	run.warmup_ns = number(argv[5], 0, MS_LIMIT) * NS_PER_MS;
	run.measured_ns = number(argv[6], 1, MS_LIMIT) * NS_PER_MS;
	for (size_t i = 0; i < sizeof run.pattern; i++)
		run.pattern[i] = (unsigned char)((i % PERIOD * 2654435761U) >> 13);

	struct connection *connections = calloc(run.connection_count, sizeof *connections);

	if (connections == NULL)
		fail("memory");
	run_all(connections);
	print_result(connections);
	for (size_t i = 0; i < run.connection_count; i++)
		free(connections[i].latencies_ns);
	free(connections);
	return 0;
}
