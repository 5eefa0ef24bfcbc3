/*
 * A limit as the token bucket's arithmetic: time counted in parts of the time between two events.
 *
 * With T = period / count, a unit is T / 2^shift, chosen so that it is above half a nanosecond and
 * at most one. An event then costs exactly 2^shift units, so nothing is rounded as events add up;
 * only the conversion of a time into units rounds, once, and its factor is right to one part in
 * 2^63. A rate of one a day and one of 1e9 a second are equally exact.
 */
#ifndef LIMIT_RATE_H
#define LIMIT_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/diag.h>
#include <sluice/limit.h>

#include "base/golden.h"

__extension__ typedef unsigned __int128 rate_wide;

#define RATE_SCALE_BITS 63

enum rate_kind {
    RATE_FINITE,
    RATE_NOTHING,
    RATE_EVERYTHING,
};

struct rate {
    uint64_t scale;       /* units a nanosecond, 1 to 2, times 2^63, rounded up */
    uint64_t burst_units; /* at most 2^61 */
    uint32_t shift;       /* at most 60 */
    uint32_t kind;
};
GOLDEN_LAYOUT(struct rate, 24, 0, 0, scale, burst_units, shift, kind);

/* Returns 0 or -EINVAL. */
int rate_init(struct rate *rate, const struct slu_limit *limit, struct slu_diag *diag);

static inline uint64_t time_clamp(uint64_t now_ns)
{
    return now_ns < SLU_LIMIT_TIME_NS_MAX ? now_ns : SLU_LIMIT_TIME_NS_MAX;
}

/* A clamped time in units, below 2^62. */
static inline uint64_t rate_units(const struct rate *rate, uint64_t clamped_ns)
{
    return (uint64_t)(((rate_wide)clamped_ns * rate->scale) >> RATE_SCALE_BITS);
}

static inline uint64_t rate_burst(const struct rate *rate)
{
    return rate->burst_units >> rate->shift;
}

/* The first time at which rate_units gives `units`, or more. */
uint64_t rate_time_ns(const struct rate *rate, uint64_t units);

/*
 * The state of a bucket of any kind of rate at a clamped time, for one who asks for `events`.
 *
 * arrival  the theoretical arrival time, in units
 */
void rate_report(const struct rate *rate, uint64_t arrival, uint64_t now_ns, uint64_t events,
                 struct slu_limit_state *out);

#endif
