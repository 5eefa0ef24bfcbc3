/* A clock for property tests of windows: it mostly advances, and sometimes jumps or runs back. */
#ifndef TESTS_RANDOM_CLOCK_H
#define TESTS_RANDOM_CLOCK_H

#include "harness.h"

/*
 * The next time after `now_ns`.
 *
 * step_ns  ordinary steps are below it
 */
static inline uint64_t random_clock_next(struct test_random *random, uint64_t now_ns,
                                         uint64_t span_ns, uint64_t step_ns)
{
    switch (test_random_below(random, 20)) {
    case 0: /* far ahead, over the whole span */
        return now_ns + span_ns + test_random_below(random, 3 * span_ns);
    case 1: /* backwards */
        return now_ns - test_random_below(random, now_ns < 2 * span_ns ? now_ns + 1 : 2 * span_ns);
    case 2: /* exactly on a likely boundary */
        return now_ns - now_ns % span_ns + span_ns;
    default:
        return now_ns + test_random_below(random, step_ns);
    }
}

#endif
