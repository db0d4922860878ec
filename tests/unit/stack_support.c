/* SPDX-License-Identifier: MIT */
#include "stack_support.h"

#include "yodel/config/config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*start)(void *), void *argument);

enum { STACK_BYTES = 1024 * 1024, STACKS = 128, PAINT = 0xa5 };

static unsigned char *stacks; /* STACKS of them */
static int saved_stderr = -1;
static size_t first_stack; /* of this measurement */
static atomic_size_t stacks_used;

/*
 * Every thread gets a painted stack that was nobody's before, and that stays: a thread that has counted
 * itself out still returns over it.
 */
int __wrap_pthread_create(
	pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
	size_t index = stacks_used++;
	pthread_attr_t painted;

	(void)attributes;
	if (index >= STACKS)
		abort();
	memset(stacks + index * STACK_BYTES, PAINT, STACK_BYTES);
	pthread_attr_init(&painted);
	pthread_attr_setdetachstate(&painted, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstack(&painted, stacks + index * STACK_BYTES, STACK_BYTES);
	int failure = __real_pthread_create(thread, &painted, start, argument);
	pthread_attr_destroy(&painted);
	return failure;
}

void stack_paint(void)
{
	if (stacks == NULL)
		stacks = mmap(NULL, (size_t)STACKS * STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(stacks != MAP_FAILED);
	first_stack = stacks_used;
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(null, STDERR_FILENO);
	close(null);
}

static size_t touched(const unsigned char *stack)
{
	size_t clean = 0;

	while (clean < STACK_BYTES && stack[clean] == PAINT)
		clean++;
	return STACK_BYTES - clean;
}

size_t stack_touched(void)
{
	size_t most = 0;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	for (size_t i = first_stack; i < stacks_used; i++) {
		size_t bytes = touched(stacks + i * STACK_BYTES);

		most = bytes > most ? bytes : most;
	}
	return most;
}

size_t stack_default(void)
{
	int64_t bytes = 0;

	assert_true(parse_size(option_find(daemon_options, "thread_stack")->default_value, &bytes));
	return (size_t)bytes;
}
