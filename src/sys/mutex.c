#include "sys/mutex.h"

#include <errno.h>
#include <time.h>

#include "sys/deadline.h"

void mutex_init(struct mutex *mutex)
{
    int failed = pthread_mutex_init(&mutex->handle, NULL);
    SLU_ASSERT(failed == 0);
}

void mutex_deinit(struct mutex *mutex)
{
    int failed = pthread_mutex_destroy(&mutex->handle);
    SLU_ASSERT(failed == 0);
}

void condition_init(struct condition *condition)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    failed |= pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failed |= pthread_cond_init(&condition->handle, &attributes);
    failed |= pthread_condattr_destroy(&attributes);
    SLU_ASSERT(failed == 0);
}

void condition_deinit(struct condition *condition)
{
    int failed = pthread_cond_destroy(&condition->handle);
    SLU_ASSERT(failed == 0);
}

int condition_wait_until(struct condition *condition, struct mutex *mutex, uint64_t deadline_ns)
{
    int err = 0;
    if (deadline_ns == DEADLINE_NEVER) {
        err = pthread_cond_wait(&condition->handle, &mutex->handle);
    } else {
        struct timespec until = deadline_timespec(deadline_ns);
        err = pthread_cond_timedwait(&condition->handle, &mutex->handle, &until);
    }
    SLU_ASSERT(err == 0 || err == ETIMEDOUT);
    return -err;
}

void condition_signal(struct condition *condition)
{
    int failed = pthread_cond_signal(&condition->handle);
    SLU_ASSERT(failed == 0);
}

void condition_broadcast(struct condition *condition)
{
    int failed = pthread_cond_broadcast(&condition->handle);
    SLU_ASSERT(failed == 0);
}
