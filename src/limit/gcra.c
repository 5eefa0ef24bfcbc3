#include "limit/gcra.h"

#include <errno.h>

int gcra_reserve(struct gcra *gcra, uint64_t now_ns, uint64_t events, uint64_t delay_max_ns,
                 uint64_t *delay_ns)
{
    const struct rate *rate = &gcra->rate;
    if (events > rate_burst(rate)) {
        return -EINVAL;
    }
    uint64_t now = rate_units(rate, now_ns);
    uint64_t end = now + gcra_debt(gcra->arrival, now) + (events << rate->shift);
    bool waits = end - now > rate->burst_units;
    uint64_t wait_ns = waits ? rate_time_ns(rate, end - rate->burst_units) - now_ns : 0;
    if (wait_ns > delay_max_ns || end > GCRA_ARRIVAL_MAX) {
        return -EAGAIN;
    }
    gcra->arrival = end;
    *delay_ns = wait_ns;
    return 0;
}

void gcra_give_back(struct gcra *gcra, uint64_t events)
{
    if (gcra->rate.kind == RATE_NOTHING) {
        uint64_t cost = events << gcra->kept.shift;
        gcra->kept_units = gcra->kept_units > cost ? gcra->kept_units - cost : 0;
        return;
    }
    uint64_t cost = events << gcra->rate.shift;
    gcra->arrival = gcra->arrival > cost ? gcra->arrival - cost : 0;
}

static uint64_t units_convert(const struct rate *from, const struct rate *to, uint64_t units)
{
    rate_wide converted = ((rate_wide)units << to->shift) >> from->shift;
    return converted < GCRA_ARRIVAL_MAX ? (uint64_t)converted : GCRA_ARRIVAL_MAX;
}

/*
 * What is owed under `to` so that as many events are left as under `from`. With reservations ahead
 * there are fewer than none left, and as many are missing afterwards.
 */
static uint64_t debt_convert(const struct rate *from, const struct rate *to, uint64_t debt)
{
    if (debt > from->burst_units) {
        return to->burst_units + units_convert(from, to, debt - from->burst_units);
    }
    uint64_t left = units_convert(from, to, from->burst_units - debt);
    return left < to->burst_units ? to->burst_units - left : 0;
}

void gcra_change(struct gcra *gcra, uint64_t now_ns, const struct rate *rate)
{
    struct rate from = gcra->rate;
    uint64_t debt = gcra_debt(gcra->arrival, rate_units(&from, now_ns));
    if (from.kind == RATE_NOTHING) {
        from = gcra->kept;
        debt = gcra->kept_units;
    }
    gcra->rate = *rate;
    if (rate->kind == RATE_NOTHING) {
        gcra->kept = from;
        gcra->kept_units = debt;
    } else if (rate->kind == RATE_FINITE && from.kind == RATE_FINITE) {
        uint64_t arrival = rate_units(rate, now_ns) + debt_convert(&from, rate, debt);
        gcra->arrival = arrival < GCRA_ARRIVAL_MAX ? arrival : GCRA_ARRIVAL_MAX;
    } else {
        gcra->arrival = 0;
    }
}
