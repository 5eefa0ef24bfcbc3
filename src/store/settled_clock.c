#include "store/settled_clock.h"

int64_t settled_clock_look(struct settled_clock *clock, int64_t wall_ns, uint64_t monotonic_ns,
                           int64_t *leap_ns)
{
    int64_t expected_ns = clock->settled_ns + (int64_t)(monotonic_ns - clock->monotonic_ns);
    bool is_leap =
        clock->is_set && wall_ns > expected_ns && wall_ns - expected_ns > SETTLED_LEAP_NS;
    *leap_ns = 0;
    if (is_leap && !clock->is_ahead) {
        clock->leapt_ns = monotonic_ns;
        *leap_ns = wall_ns - expected_ns;
    }
    clock->is_ahead = is_leap && monotonic_ns - clock->leapt_ns < SETTLED_HOLD_NS;
    clock->settled_ns = clock->is_ahead ? expected_ns : wall_ns;
    clock->monotonic_ns = monotonic_ns;
    clock->is_set = true;
    return clock->settled_ns;
}
