/*
 * Events of a sliding window, estimated from the counts of two fixed ones: the window before is
 * taken to have been even. Two windows ahead hold what is reserved.
 */
#ifndef LIMIT_SLIDING_COUNTER_H
#define LIMIT_SLIDING_COUNTER_H

#include <stdint.h>

#include <sluice/limit.h>

#include "base/golden.h"

enum {
    COUNTER_BEFORE,
    COUNTER_NOW,
    COUNTER_AHEAD,
    COUNTER_WINDOWS = 4,
};

struct sliding_counter {
    uint64_t window_end_ns; /* of COUNTER_NOW */
    uint64_t period_ns;
    uint64_t count_max;
    uint64_t counts[COUNTER_WINDOWS];
};
GOLDEN_LAYOUT(struct sliding_counter, 56, 0, 0, window_end_ns, period_ns, count_max, counts);

void counter_init(struct sliding_counter *counter, const struct slu_limit *limit);

/* As gcra_reserve. Times never go back, here and below. */
int counter_reserve(struct sliding_counter *counter, uint64_t now_ns, uint64_t events,
                    uint64_t delay_max_ns, uint64_t *delay_ns);

void counter_give_back(struct sliding_counter *counter, uint64_t now_ns, uint64_t at_ns,
                       uint64_t events);

void counter_change(struct sliding_counter *counter, uint64_t now_ns,
                    const struct slu_limit *limit);

void counter_report(struct sliding_counter *counter, uint64_t now_ns, uint64_t events,
                    struct slu_limit_state *out);

#endif
