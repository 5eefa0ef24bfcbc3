/*
 * Mutex and condition variable, for structures that threads share.
 *
 * A mutex may be destroyed as soon as it has been unlocked by its last user (POSIX.1-2017,
 * pthread_mutex_destroy): that is what lets an object hold the lock that guards its own end.
 */
#ifndef SYS_MUTEX_H
#define SYS_MUTEX_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"

struct mutex {
    pthread_mutex_t handle;
};

/* Its timeouts are by CLOCK_MONOTONIC. */
struct condition {
    pthread_cond_t handle;
};

void mutex_init(struct mutex *mutex);
void mutex_deinit(struct mutex *mutex);

static inline void mutex_lock(struct mutex *mutex)
{
    int failed = pthread_mutex_lock(&mutex->handle);
    SLU_ASSERT(failed == 0);
}

/* Lock it unless it is locked; true if that was done. */
static inline bool mutex_try_lock(struct mutex *mutex)
{
    int failed = pthread_mutex_trylock(&mutex->handle);
    SLU_ASSERT(failed == 0 || failed == EBUSY);
    return failed == 0;
}

static inline void mutex_unlock(struct mutex *mutex)
{
    int failed = pthread_mutex_unlock(&mutex->handle);
    SLU_ASSERT(failed == 0);
}

void condition_init(struct condition *condition);
void condition_deinit(struct condition *condition);

/*
 * Release the mutex, block, take it again. May return without a reason: callers loop over what they
 * wait for.
 *
 * deadline_ns  absolute CLOCK_MONOTONIC, or DEADLINE_NEVER
 * Returns      0; -ETIMEDOUT from the deadline on
 */
int condition_wait_until(struct condition *condition, struct mutex *mutex, uint64_t deadline_ns);

void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

#endif
