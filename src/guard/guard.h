/* The inside of a guard, for the files of this folder. */
#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sluice/guard.h>

#include "guard/filter_window.h"
#include "guard/flight.h"
#include "guard/stamp_set.h"
#include "sys/mutex.h"

/*
 * Look-ups read `tick`, the sets and the filters without the lock; all that changes them holds it.
 * Time is counted in ticks, STAMP_SET_TICKS to the span.
 */
struct slu_guard {
    uint64_t seed;
    _Atomic uint64_t tick_end_ns; /* of the newest tick seen; 0 before the first */
    _Atomic uint64_t tick;
    uint64_t tick_ns;
    struct stamp_set missing;
    struct stamp_set exempt;
    bool window_used;
    bool window_refuses;
    enum slu_guard_full full;
    struct filter_window window;

    _Alignas(GOLDEN_LINE_BYTES) struct mutex lock;
    uint64_t latest_ns;
    uint32_t waiter_max;
    struct flights flights;
    struct slu_guard_stats counts;
    struct slu_budget *budget;
    size_t block_bytes;
};

/*
 * Take `now_ns` into account, with the lock held.
 *
 * Returns  the newest time seen
 */
uint64_t guard_advance(struct slu_guard *guard, uint64_t now_ns);

/* Abort unless the guard's parts agree. */
void guard_validate(struct slu_guard *guard);

#endif
