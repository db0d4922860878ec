/* SPDX-License-Identifier: MIT */
/*
 * How much of its stack a client's thread really touches: each service runs on a stack that was
 * painted before, through handle_client_start, with its log lines written.
 */
#include "session_support.h"

#include "yodel/base/log.h"
#include "yodel/config/config.h"
#include "yodel/server/handle_client.h"
#include "yodel/service/greeting.h"
#include "yodel/service/service.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);

enum { STACK_BYTES = 1024 * 1024, PAINT = 0xa5, GREETING_FIELDS = 500 };

static pthread_t last_thread;

/* The daemon's threads are detached; here one must be waited for before its stack is looked at. */
int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	int failure = __real_pthread_create(thread, attributes, start, argument);

	last_thread = *thread;
	return failure;
}

/* What a client does to make the service go everywhere it can. */
static void talk(struct session *session, const char *service)
{
	char bytes[4096];
	int end;

	memset(bytes, 'x', sizeof bytes);
	send_all(session->client, bytes, sizeof bytes);
	if (strcmp(service, "chargen") == 0) {
		for (int i = 0; i < 100; i++)
			(void)receive(session->client, bytes, sizeof bytes, &end);
		close_with_reset(session->client);
		session->client = -1;
		return;
	}
	shutdown(session->client, SHUT_WR);
	while (receive(session->client, bytes, sizeof bytes, &end) == sizeof bytes)
		continue;
}

static size_t touched(const unsigned char *stack)
{
	size_t clean = 0;

	while (clean < STACK_BYTES && stack[clean] == PAINT)
		clean++;
	return STACK_BYTES - clean;
}

/* stderr goes to /dev/null meanwhile; returns the bytes of the stack that were written to. */
static size_t measure(const char *service, struct greet_settings *settings, char *name)
{
	struct session session;
	pthread_attr_t attributes;
	unsigned char *stack = mmap(
		NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(stack != MAP_FAILED);
	memset(stack, PAINT, STACK_BYTES);
	session_init(&session);
	session.listener.name = name;
	session.listener.service_settings = settings;
	session.listener.timeouts = (struct timeouts){1000, 1000, 1000, 10000, 1000};
	session_open(&session, service_find(service), 0);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
	fflush(stderr);
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	int failure = handle_client_start(session.connection, &attributes);
	if (failure == 0) {
		talk(&session, service);
		pthread_join(last_thread, NULL);
	}
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	assert_int_equal(failure, 0);
	size_t bytes = touched(stack);
	pthread_attr_destroy(&attributes);
	if (session.client >= 0)
		close(session.client);
	registry_fini(&session.registry); /* the thread has released its slot */
	close(session.empty_fd);
	munmap(stack, STACK_BYTES);
	return bytes;
}

static size_t default_stack(void)
{
	int64_t bytes = 0;

	assert_true(parse_size(option_find(daemon_options, "thread_stack")->default_value, &bytes));
	return (size_t)bytes;
}

/* A long listener name full of what must be escaped makes the log's work as large as it gets. */
static void a_client_needs_less_than_half_of_its_stack(void **state)
{
	/* daytime first: it is the one that may load the time zone, once a process. */
	static const char *const services[] = {
		"daytime", "echo", "greet", "discard", "chargen", "time"};
	char name[] = "listener-with-a-32-character-nam", text[7 * GREETING_FIELDS + 1] = "";
	struct greet_settings settings = {.text = text};
	size_t most = 0;

	(void)state;
	if (support_is_under_valgrind())
		skip();
	for (int i = 0; i < GREETING_FIELDS; i++)
		memcpy(text + 7 * i, "${peer}", sizeof "${peer}");
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		log_configure(LOG_LEVEL_DEBUG, (enum log_format)format);
		for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
			size_t bytes = measure(services[i], &settings, name);

			print_message("%-8s %s: %6zu of %zu bytes of stack\n", services[i],
				log_format_names[format], bytes, default_stack());
			most = bytes > most ? bytes : most;
		}
	}
	log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	assert_true(most > SERVICE_BUFFER_BYTES); /* else nothing was measured */
	if (!SUPPORT_IS_SANITIZED)
		assert_true(most < default_stack() / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_needs_less_than_half_of_its_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
