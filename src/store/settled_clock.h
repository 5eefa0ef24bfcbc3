/*
 * A wall clock to drop data by. A clock that leaps ahead, by a mistake of its server or its people,
 * would make all data old at once; so a leap is believed only after the clock has stayed there for
 * an hour. A step back is believed at once: it only keeps more.
 */
#ifndef STORE_SETTLED_CLOCK_H
#define STORE_SETTLED_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define SETTLED_LEAP_NS INT64_C(300000000000)   /* more than this ahead is a leap */
#define SETTLED_HOLD_NS UINT64_C(3600000000000) /* how long it has to stay there */

/* Members are private; zeroed, it is ready. */
struct settled_clock {
    int64_t settled_ns; /* since 1970, at the last look */
    uint64_t monotonic_ns;
    uint64_t leapt_ns; /* when the leap was seen */
    bool is_set;
    bool is_ahead;
};

/*
 * Look at both clocks.
 *
 * leap_ns  how far the clock has leapt ahead, the first time that this is seen; else 0
 * Returns  nanoseconds since 1970 that are not ahead of a time that is settled
 */
int64_t settled_clock_look(struct settled_clock *clock, int64_t wall_ns, uint64_t monotonic_ns,
                           int64_t *leap_ns);

#endif
