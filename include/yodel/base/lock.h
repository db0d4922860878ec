/* SPDX-License-Identifier: MIT */
/*
 * A mutex that clang's thread-safety analysis can follow. No lock is held across a blocking call.
 * The caller owns the storage. Threads: any, between lock_init and lock_fini.
 * Source: pthread_mutex_lock(3), pthread_cond_wait(3), clang "Thread Safety Analysis".
 *
 * clang 14 rejects guarded_by on struct members in C, so the rule is stated on functions:
 * one that needs the lock held carries REQUIRES(the lock).
 */
#ifndef YODEL_BASE_LOCK_H
#define YODEL_BASE_LOCK_H

#include <pthread.h>

#ifdef __clang__
#define CAPABILITY(name) __attribute__((capability(name)))
#define ACQUIRES(...)    __attribute__((acquire_capability(__VA_ARGS__)))
#define RELEASES(...)    __attribute__((release_capability(__VA_ARGS__)))
#define REQUIRES(...)    __attribute__((requires_capability(__VA_ARGS__)))
#define EXCLUDES(...)    __attribute__((locks_excluded(__VA_ARGS__)))
#define UNCHECKED        __attribute__((no_thread_safety_analysis))
#else
#define CAPABILITY(name)
#define ACQUIRES(...)
#define RELEASES(...)
#define REQUIRES(...)
#define EXCLUDES(...)
#define UNCHECKED
#endif

struct CAPABILITY("mutex") lock {
	pthread_mutex_t mutex;
};

/* Makes an unlocked lock. */
void lock_init(struct lock *lock);

/* Ends a lock that nobody holds or waits for. */
void lock_fini(struct lock *lock);

/* Waits for the lock and takes it; taking it twice in one thread is a bug. */
void lock_take(struct lock *lock) ACQUIRES(*lock);

/* Gives the lock back; the caller must hold it. */
void lock_give(struct lock *lock) RELEASES(*lock);

/* Gives the lock back until the condition is signalled, or for no reason; holds it again then. */
void lock_wait(struct lock *lock, pthread_cond_t *condition) REQUIRES(*lock);

#endif
