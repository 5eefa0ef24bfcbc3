#include "sys/wall_clock.h"

#include <time.h>

#include "base/assert.h"

int64_t wall_clock_ns(void)
{
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    SLU_ASSERT(failed == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
