/* SPDX-License-Identifier: MIT */
#include "yodel/client/interrupt.h"

#include "yodel/base/check.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGTERM);
}

int interrupt_open(void)
{
	sigset_t signals;

	fill_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

bool interrupt_is_pending(int fd)
{
	struct signalfd_siginfo info;
	sigset_t signals;

	if (read(fd, &info, sizeof info) != sizeof info)
		return false;
	fill_signals(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	return true;
}
