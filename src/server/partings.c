/* SPDX-License-Identifier: MIT */
#include "yodel/server/partings.h"

#include "yodel/base/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int partings_init(struct partings *partings, size_t capacity)
{
	*partings = (struct partings){.capacity = capacity};
	if (capacity == 0)
		return 0;
	partings->entries = calloc(capacity, sizeof *partings->entries);
	return partings->entries != NULL ? 0 : -1;
}

/* Whether the client has closed or cut the connection. */
static bool is_gone(int fd)
{
	char waste[4096];
	ssize_t count = recv(fd, waste, sizeof waste, MSG_DONTWAIT);

	return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

/* Reads once more before the close: bytes that nobody read would make it a reset. */
static void remove_at(struct partings *partings, size_t index)
{
	(void)is_gone(partings->entries[index].fd);
	close(partings->entries[index].fd);
	partings->count--;
	memmove(&partings->entries[index], &partings->entries[index + 1],
		(partings->count - index) * sizeof *partings->entries);
}

void partings_fini(struct partings *partings)
{
	while (partings->count > 0)
		remove_at(partings, partings->count - 1);
	free(partings->entries);
	*partings = (struct partings){.entries = NULL};
}

void partings_add(
	struct partings *partings, int fd, const char *text, size_t length, int64_t deadline_ms)
{
	bool is_told = send(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;

	if (!is_told || shutdown(fd, SHUT_WR) != 0 || partings->capacity == 0) {
		close(fd);
		return;
	}
	if (partings->count == partings->capacity)
		remove_at(partings, 0);
	partings->entries[partings->count++] = (struct parting){fd, deadline_ms};
}

void partings_fill(const struct partings *partings, struct pollfd *set)
{
	for (size_t i = 0; i < partings->count; i++)
		set[i] = (struct pollfd){.fd = partings->entries[i].fd, .events = POLLIN};
}

void partings_serve(struct partings *partings, const struct pollfd *set, int64_t now_ms)
{
	for (size_t i = partings->count; i-- > 0;) {
		bool is_over = partings->entries[i].deadline_ms <= now_ms;

		/* One read a turn, so that nobody holds up the accept loop. */
		if (is_over || (set[i].revents != 0 && is_gone(partings->entries[i].fd)))
			remove_at(partings, i);
	}
}

int64_t partings_deadline_ms(const struct partings *partings)
{
	int64_t deadline_ms = 0;

	for (size_t i = 0; i < partings->count; i++)
		deadline_ms = clock_earlier_of(deadline_ms, partings->entries[i].deadline_ms);
	return deadline_ms;
}
