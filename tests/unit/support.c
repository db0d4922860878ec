/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int saved_stderr = -1, captured = -1;

int64_t support_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t support_random(void)
{
	static uint64_t state = 42;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 32);
}

void append_text(char *text, size_t capacity, const char *more)
{
	size_t used = strlen(text), length = strlen(more);

	assert_true(used + length < capacity);
	memcpy(text + used, more, length + 1);
}

void capture_start(void)
{
	fflush(stderr);
	captured = memfd_create("stderr", MFD_CLOEXEC);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(captured >= 0 && saved_stderr >= 0);
	assert_int_equal(dup2(captured, STDERR_FILENO), STDERR_FILENO);
}

char *capture_end(void)
{
	fflush(stderr);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	off_t length = lseek(captured, 0, SEEK_END);
	assert_true(length >= 0);
	char *text = malloc((size_t)length + 1);
	assert_non_null(text);
	assert_int_equal(pread(captured, text, (size_t)length, 0), length);
	text[length] = '\0';
	close(captured);
	return text;
}

static void be_patient(int fd)
{
	struct timeval patience = {.tv_sec = SUPPORT_PATIENCE_MS / 1000};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
}

static int new_socket(int buffer_bytes)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (buffer_bytes == 0)
		return fd;
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes), 0);
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes), 0);
	return fd;
}

static int listen_with(unsigned *port, int buffer_bytes)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = new_socket(buffer_bytes);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static int connect_with(unsigned port, int buffer_bytes)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = new_socket(buffer_bytes);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	be_patient(fd);
	return fd;
}

int tcp_listen(unsigned *port)
{
	return listen_with(port, 0);
}

int tcp_connect(unsigned port)
{
	return connect_with(port, 0);
}

void tcp_pair_small(int *server, int *client, int buffer_bytes)
{
	unsigned port;
	int listening = listen_with(&port, buffer_bytes);

	*client = connect_with(port, buffer_bytes);
	*server = accept(listening, NULL, NULL);
	assert_true(*server >= 0);
	close(listening);
}

void tcp_pair(int *server, int *client)
{
	tcp_pair_small(server, client, 0);
}

void send_all(int fd, const void *src, size_t length)
{
	assert_int_equal(send(fd, src, length, MSG_NOSIGNAL), length);
}

size_t receive(int fd, void *dst, size_t length, int *end)
{
	size_t used = 0;

	*end = 0;
	while (used < length) {
		ssize_t count = recv(fd, (char *)dst + used, length - used, 0);

		if (count < 0)
			*end = errno;
		if (count <= 0)
			break;
		used += (size_t)count;
	}
	return used;
}

void assert_eof(int fd)
{
	char byte;
	int end;

	assert_int_equal(receive(fd, &byte, 1, &end), 0);
	assert_int_equal(end, 0);
}

void assert_reset(int fd)
{
	char waste[4096];
	int end;

	while (receive(fd, waste, sizeof waste, &end) == sizeof waste)
		continue;
	assert_int_equal(end, ECONNRESET);
}

bool wait_readable(int fd, int timeout_ms)
{
	struct pollfd set = {.fd = fd, .events = POLLIN};

	return poll(&set, 1, timeout_ms) == 1;
}

void close_with_reset(int fd)
{
	struct linger reset = {.l_onoff = 1};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	close(fd);
}

int in_child(int (*body)(void *context), void *context)
{
	struct rlimit no_core = {.rlim_cur = 0};
	int status;

	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		getrlimit(RLIMIT_CORE, &no_core);
		no_core.rlim_cur = 0;
		setrlimit(RLIMIT_CORE, &no_core);
		_exit(body(context));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool support_is_under_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static size_t count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	size_t count = 0;

	if (folder == NULL)
		return 1;
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count - 2;
}

void support_outlast_threads(void)
{
	int64_t until_ms = support_now_ms() + SUPPORT_PATIENCE_MS;

	while (support_is_under_valgrind() && count_threads() > 1 && support_now_ms() < until_ms)
		sched_yield();
}

void support_make_folder(char path[64])
{
	snprintf(path, 64, "/tmp/yodel-unit-XXXXXX");
	assert_non_null(mkdtemp(path));
}

void support_remove_folder(const char *path)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
	closedir(folder);
	assert_int_equal(rmdir(path), 0);
}

void support_write_file(const char *folder, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void support_process_name(char name[32])
{
	FILE *file = fopen("/proc/self/comm", "re");

	assert_non_null(file);
	assert_non_null(fgets(name, 32, file));
	name[strcspn(name, "\n")] = '\0';
	fclose(file);
}
