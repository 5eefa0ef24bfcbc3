/*
 * The token bucket by its theoretical arrival time: what is owed is how far that lies ahead.
 *
 * Source  "Generic cell rate algorithm", ITU-T I.371, annex A (virtual scheduling)
 */
#ifndef LIMIT_GCRA_H
#define LIMIT_GCRA_H

#include "limit/rate.h"

struct gcra {
    uint64_t arrival; /* in units of `rate`; at most GCRA_ARRIVAL_MAX */
    struct rate rate;
    struct rate kept; /* while rate allows nothing: the last finite one, with kept_units owed */
    uint64_t kept_units;
};
GOLDEN_LAYOUT(struct gcra, 64, 0, 0, arrival, rate, kept, kept_units);

#define GCRA_ARRIVAL_MAX (UINT64_C(1) << 63)

/* What is owed at a time in units. */
static inline uint64_t gcra_debt(uint64_t arrival, uint64_t now)
{
    return arrival > now ? arrival - now : 0;
}

/*
 * Take `events` of a finite rate if they are allowed at once; the whole of a limiter's usual work.
 */
static inline bool gcra_allow(const struct rate *rate, uint64_t *arrival, uint64_t now,
                              uint64_t events)
{
    uint64_t base = *arrival > now ? *arrival : now;
    /* A burst is below 2^61 units, so neither the cost nor the sum overflows. */
    if (__builtin_expect(events > rate->burst_units >> rate->shift, 0)) {
        return false;
    }
    uint64_t end = base + (events << rate->shift);
    if (end - now > rate->burst_units) {
        return events == 0;
    }
    *arrival = end;
    return true;
}

/*
 * Take events for the earliest time, of a finite rate.
 *
 * Returns  0; -EAGAIN if that is more than delay_max_ns ahead; -EINVAL for more than a burst
 */
int gcra_reserve(struct gcra *gcra, uint64_t now_ns, uint64_t events, uint64_t delay_max_ns,
                 uint64_t *delay_ns);

void gcra_give_back(struct gcra *gcra, uint64_t events);

/* Go on with another rate, of any kind, and the same events left. */
void gcra_change(struct gcra *gcra, uint64_t now_ns, const struct rate *rate);

#endif
