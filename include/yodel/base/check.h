/* SPDX-License-Identifier: MIT */
/*
 * Assertions that stay on in release: a broken invariant prints itself and aborts.
 * For bugs only; what a peer, a file or the machine can cause is never checked this way.
 * Threads: any. Source: abort(3).
 */
#ifndef YODEL_BASE_CHECK_H
#define YODEL_BASE_CHECK_H

/* Evaluates condition once; prints "file:line: function: CHECK(condition) failed" and aborts if
 * false. */
#define CHECK(condition)                                                                           \
	((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__, __func__))

/* Prints the failed condition with its place on stderr and aborts. Use CHECK instead. */
_Noreturn void check_failed(
	const char *condition, const char *file, int line, const char *function);

#endif
