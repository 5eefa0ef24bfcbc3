/*
 * The time of each event of a sliding window, and of each that is reserved, in order.
 */
#ifndef LIMIT_SLIDING_LOG_H
#define LIMIT_SLIDING_LOG_H

#include <stdint.h>

#include <sluice/limit.h>

#include "base/golden.h"

/* Lies in its limiter; `times` in that one's block, a ring. */
struct sliding_log {
    uint64_t *times;
    uint64_t capacity;
    uint64_t first;
    uint64_t used;
    uint64_t period_ns;
    uint64_t count_max; /* at most the capacity */
};
GOLDEN_LAYOUT(struct sliding_log, 48, 0, 0, times, capacity, first, used, period_ns, count_max);

void log_init(struct sliding_log *log, uint64_t *times, uint64_t capacity,
              const struct slu_limit *limit);

/* As gcra_reserve. Times never go back, here and below. */
int log_reserve(struct sliding_log *log, uint64_t now_ns, uint64_t events, uint64_t delay_max_ns,
                uint64_t *delay_ns);

void log_give_back(struct sliding_log *log, uint64_t at_ns, uint64_t events);

void log_change(struct sliding_log *log, const struct slu_limit *limit);

void log_report(struct sliding_log *log, uint64_t now_ns, uint64_t events,
                struct slu_limit_state *out);

#endif
