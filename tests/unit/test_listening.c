/* SPDX-License-Identifier: MIT */
#include "server_support.h"

#include "yodel/base/log.h"
#include "yodel/server/listening.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static bool is_listening(unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_open = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;

	close(fd);
	return is_open;
}

static void every_listener_has_its_sockets_with_their_service(void **state)
{
	struct config *config = CONFIG("-l127.0.0.1:0", "-l127.0.0.1:0=discard", "-l*:0=time");
	struct listening listening;
	struct error error;

	(void)state;
	assert_int_equal(listening_open(&listening, config, &error), 0);
	assert_int_equal(listening.count, 3);
	assert_true(listening.entries[0].run == service_echo);
	assert_true(listening.entries[1].run == service_discard);
	assert_true(listening.entries[2].run == service_time);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(listening.entries[i].listener_index, i);
	assert_false(is_listening(address_port(&listening.entries[1].address)));
	assert_int_equal(listening_start(&listening, config, &error), 0);
	int client = tcp_connect(address_port(&listening.entries[1].address));
	assert_true(wait_readable(listening.entries[1].fd, SUPPORT_PATIENCE_MS));
	assert_false(wait_readable(listening.entries[0].fd, 0));
	close(client);
	listening_close(&listening);
	listening_close(&listening);
	config_free(config);
}

static void all_of_them_listen_or_none_does(void **state)
{
	unsigned port;
	int taken = tcp_listen(&port), before = count_descriptors();
	char argument[64], prefix[128];
	struct listening listening;
	struct error error;

	(void)state;
	snprintf(argument, sizeof argument, "-l127.0.0.1:%u=time", port);
	struct config *config = CONFIG("-l127.0.0.1:0", argument);
	assert_int_equal(listening_open(&listening, config, &error), -1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	snprintf(prefix, sizeof prefix,
		"listener time: cannot listen on 127.0.0.1:%u: address already in use by ", port);
	assert_memory_equal(error.message, prefix, strlen(prefix));
	assert_int_equal(listening.count, 0);
	assert_int_equal(count_descriptors(), before);
	close(taken);
	config_free(config);
}

static void an_inherited_socket_that_is_asked_for_must_be_there(void **state)
{
	struct config *config = CONFIG("-ohost=systemd:web", "-oname=door");
	struct listening listening;
	struct error error;

	(void)state;
	assert_int_equal(listening_open(&listening, config, &error), -1);
	assert_int_equal(error.exit_code, EX_UNAVAILABLE);
	assert_string_equal(error.message,
		"listener door: cannot listen on systemd:web: no inherited socket has this name");
	config_free(config);
}

/* What a child finds, as the service manager would start it: sockets from descriptor 3 on. */
struct inheritance {
	struct config *config;
	int socket;
	const char *names;
};

static int open_inherited(void *context)
{
	const struct inheritance *inheritance = context;
	struct listening listening;
	struct error error;
	char pid[32];

	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", inheritance->names, 1);
	if (inheritance->socket != 3 && dup2(inheritance->socket, 3) != 3)
		return 1;
	if (listening_open(&listening, inheritance->config, &error) != 0) {
		dprintf(STDERR_FILENO, "%s\n", error.message);
		return 2;
	}
	bool is_adopted = listening.entries[0].fd == 3;
	listening_close(&listening);
	return is_adopted ? 0 : 3;
}

static int try_inherited(struct config *config, int socket, const char *names, char **log)
{
	struct inheritance inheritance = {config, socket, names};

	capture_start();
	int status = in_child(open_inherited, &inheritance);
	*log = capture_end();
	return status;
}

static void an_inherited_socket_is_adopted_by_name(void **state)
{
	unsigned port;
	int fd = tcp_listen(&port);
	char *log;

	(void)state;
	struct config *config = CONFIG("-ohost=systemd:web", "-oname=door");
	assert_int_equal(try_inherited(config, fd, "web", &log), 0);
	assert_string_equal(log, "");
	free(log);
	config_free(config);
	config = CONFIG("-oname=door", "-oport=0");
	assert_int_equal(try_inherited(config, fd, "door", &log), 0);
	free(log);
	assert_int_equal(try_inherited(config, fd, "window", &log), 3); /* opened its own */
	assert_non_null(strstr(log, "\\\"window\\\" is closed: no listener has this name"));
	free(log);
	config_free(config);
	close(fd);
}

static void an_inherited_descriptor_that_does_not_listen_is_an_error(void **state)
{
	struct config *config = CONFIG("-oname=door");
	int fd = open("/dev/null", O_RDONLY);
	char *log;

	(void)state;
	assert_int_equal(try_inherited(config, fd, "door", &log), 2);
	assert_string_equal(log,
		"listener door: inherited descriptor 3: expected a listening TCP or Unix stream socket, got something else\n");
	free(log);
	close(fd);
	config_free(config);
}

static void a_backlog_that_the_kernel_cuts_is_a_warning(void **state)
{
	struct config *config = CONFIG("-obacklog=65535", "-oport=0");
	FILE *file = fopen("/proc/sys/net/core/somaxconn", "re");
	struct listening listening;
	struct error error;
	int somaxconn = 0;

	(void)state;
	if (file == NULL)
		skip();
	assert_int_equal(fscanf(file, "%d", &somaxconn), 1);
	fclose(file);
	capture_start();
	int result = listening_open(&listening, config, &error);
	if (result == 0)
		result = listening_start(&listening, config, &error);
	char *log = capture_end();
	assert_int_equal(result, 0);
	assert_int_equal(strstr(log, "backlog = 65535 is cut to net.core.somaxconn") != NULL,
		somaxconn < 65535);
	free(log);
	listening_close(&listening);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_listener_has_its_sockets_with_their_service),
		cmocka_unit_test(all_of_them_listen_or_none_does),
		cmocka_unit_test(an_inherited_socket_that_is_asked_for_must_be_there),
		cmocka_unit_test(an_inherited_socket_is_adopted_by_name),
		cmocka_unit_test(an_inherited_descriptor_that_does_not_listen_is_an_error),
		cmocka_unit_test(a_backlog_that_the_kernel_cuts_is_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
