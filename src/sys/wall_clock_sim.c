/* The simulated twin: the time of day goes with the simulated clock. */
#include "sys/wall_clock.h"

#include <sluice/clock.h>

#define BEGINNING_NS INT64_C(1700000000000000000)

int64_t wall_clock_ns(void)
{
    return BEGINNING_NS + (int64_t)slu_clock_monotonic_ns();
}
