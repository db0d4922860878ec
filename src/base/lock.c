/* SPDX-License-Identifier: MIT */
#include "yodel/base/lock.h"

#include "yodel/base/check.h"

void lock_init(struct lock *lock)
{
	CHECK(pthread_mutex_init(&lock->mutex, NULL) == 0);
}

void lock_fini(struct lock *lock)
{
	CHECK(pthread_mutex_destroy(&lock->mutex) == 0);
}

/* The analysis follows struct lock and does not know that pthread's calls are what it stands for.
 */
void UNCHECKED lock_take(struct lock *lock)
{
	CHECK(pthread_mutex_lock(&lock->mutex) == 0);
}

void UNCHECKED lock_give(struct lock *lock)
{
	CHECK(pthread_mutex_unlock(&lock->mutex) == 0);
}

void lock_wait(struct lock *lock, pthread_cond_t *condition)
{
	CHECK(pthread_cond_wait(condition, &lock->mutex) == 0);
}
