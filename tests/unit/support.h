/* SPDX-License-Identifier: MIT */
/*
 * What the unit tests share: cmocka with the headers it needs, real sockets, captured stderr.
 * Failures of a helper are failed assertions; so call them in the test's own thread only, unless
 * the comment says otherwise. Source: cmocka 1.1.5.
 */
#ifndef YODEL_TESTS_UNIT_SUPPORT_H
#define YODEL_TESTS_UNIT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Wants the four above. */
#include <cmocka.h>

#include <stdbool.h>
#include <sys/types.h>

/* Longer than anything here takes, also under valgrind: a hang becomes a failure. */
enum { SUPPORT_PATIENCE_MS = 20000 };

enum {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SUPPORT_IS_SANITIZED = 1,
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	SUPPORT_IS_SANITIZED = 1,
#else
	SUPPORT_IS_SANITIZED = 0,
#endif
#else
	SUPPORT_IS_SANITIZED = 0,
#endif
};

/* Milliseconds on CLOCK_MONOTONIC. Any thread. */
int64_t support_now_ms(void);

/* A number from a sequence that is the same in every run. */
uint32_t support_random(void);

/* Appends to a string with room for capacity bytes; asserts that it fits. */
void append_text(char *text, size_t capacity, const char *more);

/* --- stderr ----------------------------------------------------------------------------------- */

/* Sends stderr into memory until capture_end; assert nothing in between, it would not be seen. */
void capture_start(void);

/* What was written to stderr since capture_start; the caller frees it. */
char *capture_end(void);

/* --- sockets ---------------------------------------------------------------------------------- */

/* A listening socket on 127.0.0.1 with a port the kernel chose. Blocking, close-on-exec. */
int tcp_listen(unsigned *port);

/* Connects to 127.0.0.1. Reads give up after SUPPORT_PATIENCE_MS. */
int tcp_connect(unsigned port);

/*
 * Two ends of a TCP connection over the loopback.
 *   server   the accepted end      client   the connecting end, with the patience of tcp_connect
 */
void tcp_pair(int *server, int *client);

/* The same with buffers of about this many bytes, so that a writer soon has to wait. */
void tcp_pair_small(int *server, int *client, int buffer_bytes);

/* Writes all of src. */
void send_all(int fd, const void *src, size_t length);

/*
 * Reads until length bytes are there, the stream ends, or an error comes. Any thread.
 *   end   0 = EOF or length reached, otherwise the errno (EAGAIN: the patience is over)
 * Returns the number of bytes read.
 */
size_t receive(int fd, void *dst, size_t length, int *end);

/* Asserts that the other side has ended the stream with a FIN and without a further byte. */
void assert_eof(int fd);

/* Asserts that the other side has cut the connection; bytes before that are dropped. */
void assert_reset(int fd);

/* Waits until fd is readable. Returns whether it became so. Any thread. */
bool wait_readable(int fd, int timeout_ms);

/* Closes with a reset. */
void close_with_reset(int fd);

/* --- processes and files ---------------------------------------------------------------------- */

/* Runs body in a child and returns what it returns (0 .. 125), or 128 + the signal that ended it.
 * The body must not assert: it would go on with the test in the child. */
int in_child(int (*body)(void *context), void *context);

/*
 * Whether valgrind runs us: it keeps limits of its own on open files, and knows no stack below the
 * pointer of a thread that is not there any more.
 */
bool support_is_under_valgrind(void);

/*
 * Under valgrind, waits until this thread is the only one: a detached one that is about to end still
 * has memory, which would be told as a leak. There is no event to wait for.
 */
void support_outlast_threads(void);

/* Makes a directory that support_remove_folder removes with all files in it. */
void support_make_folder(char path[64]);
void support_remove_folder(const char *path);

/* Writes a file of this folder. */
void support_write_file(const char *folder, const char *name, const char *text);

/* The process's own name, as /proc/self/comm has it. */
void support_process_name(char name[32]);

#endif
