/* SPDX-License-Identifier: MIT */
/*
 * Two threads, each with a listener and an io_uring of its own (SO_REUSEPORT). A multishot accept
 * stays armed; each client has one operation under way: a receive into a buffer that the kernel
 * takes from a shared ring when there is something to receive, then the send of that buffer.
 */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum {
	THREADS = 2,
	BUFFERS = 2048,
	BUFFER_BYTES = 32 * 1024,
	SUBMISSIONS = 2048,
	COMPLETIONS = 16384,
};

/* What a completion belongs to, packed into its 64 bits of user data. */
struct tag {
	enum operation { ACCEPT, RECEIVE, SEND } operation;
	int fd;
	uint16_t buffer; /* of SEND */
};

struct loop {
	struct io_uring uring;
	struct io_uring_buf_ring *ring;
	char *buffers;
	int listener;
};

static void check(int result, const char *what)
{
	if (result < 0) {
		errno = -result;
		die(what);
	}
}

static uint64_t pack(struct tag tag)
{
	return (uint64_t)tag.operation << 48 | (uint64_t)tag.buffer << 32 | (uint32_t)tag.fd;
}

static struct tag unpack(uint64_t data)
{
	return (struct tag){
		(enum operation)(data >> 48), (int)(uint32_t)data, (uint16_t)(data >> 32)};
}

static struct io_uring_sqe *next_entry(struct loop *loop)
{
	struct io_uring_sqe *entry;

	while ((entry = io_uring_get_sqe(&loop->uring)) == NULL)
		check(io_uring_submit(&loop->uring), "io_uring_submit");
	return entry;
}

static void start_accept(struct loop *loop)
{
	struct io_uring_sqe *entry = next_entry(loop);

	io_uring_prep_multishot_accept(entry, loop->listener, NULL, NULL, SOCK_CLOEXEC);
	entry->user_data = pack((struct tag){.operation = ACCEPT});
}

static void start_receive(struct loop *loop, int fd)
{
	struct io_uring_sqe *entry = next_entry(loop);

	io_uring_prep_recv(entry, fd, NULL, BUFFER_BYTES, 0);
	entry->flags |= IOSQE_BUFFER_SELECT;
	entry->user_data = pack((struct tag){.operation = RECEIVE, .fd = fd});
}

static char *buffer_at(const struct loop *loop, uint16_t buffer)
{
	return loop->buffers + (size_t)buffer * BUFFER_BYTES;
}

/* With MSG_WAITALL it is the kernel that goes on after a partial send. */
static void start_send(struct loop *loop, int fd, uint16_t buffer, size_t bytes)
{
	struct io_uring_sqe *entry = next_entry(loop);

	io_uring_prep_send(entry, fd, buffer_at(loop, buffer), bytes, MSG_NOSIGNAL | MSG_WAITALL);
	entry->user_data = pack((struct tag){.operation = SEND, .fd = fd, .buffer = buffer});
}

static void give_back(struct loop *loop, uint16_t buffer)
{
	io_uring_buf_ring_add(loop->ring, buffer_at(loop, buffer), BUFFER_BYTES, buffer,
		io_uring_buf_ring_mask(BUFFERS), 0);
	io_uring_buf_ring_advance(loop->ring, 1);
}

static void accepted(struct loop *loop, int result, unsigned flags)
{
	if (result != -ECONNABORTED)
		check(result, "accept");
	if (result >= 0)
		start_receive(loop, result);
	if (!(flags & IORING_CQE_F_MORE))
		start_accept(loop);
}

static void received(struct loop *loop, int fd, int result, unsigned flags)
{
	uint16_t buffer = (uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT);

	if (result > 0) {
		start_send(loop, fd, buffer, (size_t)result);
		return;
	}
	if (flags & IORING_CQE_F_BUFFER)
		give_back(loop, buffer);
	if (result == -ENOBUFS) /* all are being sent */
		start_receive(loop, fd);
	else
		close(fd);
}

static void sent(struct loop *loop, int fd, uint16_t buffer, int result)
{
	give_back(loop, buffer);
	if (result < 0)
		close(fd);
	else
		start_receive(loop, fd);
}

static void complete(struct loop *loop, const struct io_uring_cqe *completion)
{
	struct tag tag = unpack(completion->user_data);

	switch (tag.operation) {
	case ACCEPT:
		accepted(loop, completion->res, completion->flags);
		break;
	case RECEIVE:
		received(loop, tag.fd, completion->res, completion->flags);
		break;
	case SEND:
		sent(loop, tag.fd, tag.buffer, completion->res);
		break;
	}
}

static void *allocate_pages(size_t bytes)
{
	void *memory;

	errno = posix_memalign(&memory, (size_t)sysconf(_SC_PAGESIZE), bytes);
	if (errno != 0)
		die("posix_memalign");
	return memory;
}

static void prepare(struct loop *loop)
{
	struct io_uring_params parameters = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN,
		.cq_entries = COMPLETIONS,
	};
	struct io_uring_buf_reg registration = {.ring_entries = BUFFERS};

	check(io_uring_queue_init_params(SUBMISSIONS, &loop->uring, &parameters), "io_uring_setup");
	loop->ring = allocate_pages(BUFFERS * sizeof(struct io_uring_buf));
	loop->buffers = allocate_pages((size_t)BUFFERS * BUFFER_BYTES);
	registration.ring_addr = (uintptr_t)loop->ring;
	check(io_uring_register_buf_ring(&loop->uring, &registration, 0),
		"io_uring_register_buf_ring");
	io_uring_buf_ring_init(loop->ring);
	for (uint16_t buffer = 0; buffer < BUFFERS; buffer++)
		give_back(loop, buffer);
}

static void complete_all(struct loop *loop)
{
	struct io_uring_cqe *completion;
	unsigned head, count = 0;

	io_uring_for_each_cqe(&loop->uring, head, completion)
	{
		complete(loop, completion);
		count++;
	}
	io_uring_cq_advance(&loop->uring, count);
}

static noreturn void serve(struct loop *loop)
{
	prepare(loop); /* by the thread that submits: SINGLE_ISSUER */
	start_accept(loop);
	for (;;) {
		int result = io_uring_submit_and_wait(&loop->uring, 1);

		if (result != -EINTR)
			check(result, "io_uring_submit_and_wait");
		complete_all(loop);
	}
}

static void *run(void *loop)
{
	serve(loop);
}

int main(int argc, char **argv)
{
	static struct loop loops[THREADS];
	pthread_t threads[THREADS];

	if (argc != 2)
		return 2;
	for (int i = 0; i < THREADS; i++)
		loops[i].listener = listen_on(argv[1], 0);
	for (int i = 0; i < THREADS; i++) {
		errno = pthread_create(&threads[i], NULL, run, &loops[i]);
		if (errno != 0)
			die("pthread_create");
	}
	pthread_join(threads[0], NULL);
}
