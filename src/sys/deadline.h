/* Absolute CLOCK_MONOTONIC nanoseconds, as the blocking calls of this folder take them. */
#ifndef SYS_DEADLINE_H
#define SYS_DEADLINE_H

#include <stdint.h>
#include <time.h>

#define DEADLINE_NEVER UINT64_MAX

static inline struct timespec deadline_timespec(uint64_t deadline_ns)
{
    return (struct timespec){.tv_sec = (time_t)(deadline_ns / 1000000000u),
                             .tv_nsec = (long)(deadline_ns % 1000000000u)};
}

#endif
