/* SPDX-License-Identifier: MIT */
/* server_run from start to end, each time in a child that the test talks to and sends signals. */
#include "server_support.h"

#include "yodel/base/log.h"
#include "yodel/server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

static int clients_until_broken; /* 0: the listening socket stays whole */

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	int client = __real_accept4(fd, address, length, flags);

	if (client < 0 || clients_until_broken == 0 || --clients_until_broken > 0)
		return client;
	close(client);
	errno = EBADF;
	return -1;
}

struct daemon {
	pid_t pid;
	unsigned port;
};

/* Starts it and waits for its ready line. */
static struct daemon start(struct config *config)
{
	struct daemon daemon;
	struct error error;
	char line[64] = "";
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	daemon.pid = fork();
	assert_true(daemon.pid >= 0);
	if (daemon.pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
		const struct server_start start = {.has_ready_lines = true};
		int result = server_run(config, &start, &error);
		if (result == 0)
			support_outlast_threads();
		_exit(result < 0 ? error.exit_code : result);
	}
	config_free(config);
	close(ends[1]);
	FILE *out = fdopen(ends[0], "r");
	assert_non_null(out);
	assert_non_null(fgets(line, sizeof line, out));
	assert_int_equal(sscanf(line, "127.0.0.1:%u\n", &daemon.port), 1);
	assert_null(fgets(line, sizeof line, out));
	fclose(out);
	return daemon;
}

static int end_of(struct daemon daemon)
{
	int status;

	assert_int_equal(waitpid(daemon.pid, &status, 0), daemon.pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void it_serves_and_ends_at_once_when_nobody_is_there(void **state)
{
	struct daemon daemon = start(CONFIG("-oport=0", "-otimeouts.drain=1h"));
	int client = tcp_connect(daemon.port);

	(void)state;
	expect_echo(client);
	close(client);
	kill(daemon.pid, SIGTERM);
	assert_int_equal(end_of(daemon), 0);
}

static void a_drain_lets_a_client_finish(void **state)
{
	struct daemon daemon = start(CONFIG("-oport=0", "-otimeouts.drain=1h"));
	int client = tcp_connect(daemon.port);

	(void)state;
	expect_echo(client);
	kill(daemon.pid, SIGINT);
	expect_echo(client);
	shutdown(client, SHUT_WR);
	assert_eof(client);
	close(client);
	assert_int_equal(end_of(daemon), 0);
}

static void a_drain_of_0_ends_clients_and_answers_what_they_have_sent(void **state)
{
	struct daemon daemon = start(CONFIG("-oport=0", "-otimeouts.drain=0"));
	int client = tcp_connect(daemon.port);

	(void)state;
	expect_echo(client);
	kill(daemon.pid, SIGTERM);
	assert_eof(client);
	close(client);
	assert_int_equal(end_of(daemon), 0);
}

static void a_second_signal_cuts_the_drain_short(void **state)
{
	struct daemon daemon = start(CONFIG("-oport=0", "-otimeouts.drain=1h"));
	int client = tcp_connect(daemon.port);

	(void)state;
	expect_echo(client);
	kill(daemon.pid, SIGTERM);
	kill(daemon.pid, SIGINT); /* another one: two of a kind could become one on the way */
	assert_int_equal(end_of(daemon), 1);
	close(client);
}

static void a_broken_listener_drains_and_exits_1(void **state)
{
	clients_until_broken = 2;
	struct daemon daemon = start(CONFIG("-oport=0", "-otimeouts.drain=1h"));
	clients_until_broken = 0;
	int client = tcp_connect(daemon.port);

	(void)state;
	expect_echo(client);
	int unlucky = tcp_connect(daemon.port);
	assert_eof(unlucky);
	close(unlucky);
	expect_echo(client); /* who is in may finish */
	close(client);
	assert_int_equal(end_of(daemon), 1);
}

static void a_daemon_without_a_port_does_not_start(void **state)
{
	unsigned port;
	int taken = tcp_listen(&port);
	char argument[32];
	struct error error;

	(void)state;
	snprintf(argument, sizeof argument, "-oport=%u", port);
	const struct server_start start = {.has_console = false};
	assert_int_equal(server_run(CONFIG(argument), &start, &error), -1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	assert_non_null(strstr(error.message, "listener echo: cannot listen on 127.0.0.1:"));
	close(taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_serves_and_ends_at_once_when_nobody_is_there),
		cmocka_unit_test(a_drain_lets_a_client_finish),
		cmocka_unit_test(a_drain_of_0_ends_clients_and_answers_what_they_have_sent),
		cmocka_unit_test(a_second_signal_cuts_the_drain_short),
		cmocka_unit_test(a_broken_listener_drains_and_exits_1),
		cmocka_unit_test(a_daemon_without_a_port_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
