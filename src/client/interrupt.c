/* SPDX-License-Identifier: MIT */
#include "yodel/client/interrupt.h"

#include "yodel/base/check.h"
#include "yodel/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Within it a signal is the same as the one before: timeout(1) sends it to us, and to our group. */
enum { SAME_MS = 300 };

static int event_fd = -1; /* set before the handler may run */
static _Atomic int64_t caught_ms;

/* A later signal ends the program, wherever it waits then. */
static void catch (int number)
{
	int before = errno;
	uint64_t one = 1;
	int64_t now_ms = clock_monotonic_ms(), first_ms = 0;

	if (atomic_compare_exchange_strong(&caught_ms, &first_ms, now_ms)) {
		ssize_t count = write(event_fd, &one, sizeof one);

		(void)count; /* an eventfd that is full is readable, too */
	} else if (now_ms - first_ms > SAME_MS) {
		signal(number, SIG_DFL);
		raise(number);
	}
	errno = before;
}

int interrupt_open(void)
{
	struct sigaction action = {.sa_handler = catch, .sa_flags = SA_RESTART};

	CHECK(event_fd < 0);
	event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK(event_fd >= 0);
	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGINT);
	sigaddset(&action.sa_mask, SIGTERM);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return event_fd;
}

bool interrupt_is_pending(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof count) == sizeof count;
}

bool interrupt_is_waiting(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, 0) == 1;
}
