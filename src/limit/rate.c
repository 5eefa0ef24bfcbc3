#include "limit/rate.h"

#include <errno.h>
#include <inttypes.h>

#include "base/diag.h"

static int limit_check(const struct slu_limit *limit, struct slu_diag *diag)
{
    if (limit->period_ns == 0 || limit->period_ns > SLU_LIMIT_PERIOD_NS_MAX) {
        return diag_fail(diag, -EINVAL, "period_ns %" PRIu64 " is not within 1 .. %" PRIu64,
                         limit->period_ns, SLU_LIMIT_PERIOD_NS_MAX);
    }
    if (limit->count > limit->period_ns) {
        return diag_fail(diag, -EINVAL,
                         "%" PRIu64 " events in %" PRIu64
                         " ns is more than one a nanosecond; SLU_LIMIT_INFINITE allows everything",
                         limit->count, limit->period_ns);
    }
    return 0;
}

int rate_init(struct rate *rate, const struct slu_limit *limit, struct slu_diag *diag)
{
    if (limit->count == 0 || limit->count == SLU_LIMIT_INFINITE) {
        *rate = (struct rate){.kind = limit->count == 0 ? RATE_NOTHING : RATE_EVERYTHING};
        return 0;
    }
    int err = limit_check(limit, diag);
    if (err != 0) {
        return err;
    }
    uint32_t shift = 0;
    while (limit->count << shift < limit->period_ns) {
        shift++;
    }
    uint64_t burst = limit->burst == 0 ? limit->count : limit->burst;
    if (burst > (SLU_LIMIT_TIME_NS_MAX >> shift)) {
        return diag_fail(diag, -EINVAL,
                         "a burst of %" PRIu64 " would take more than 73 years to come back",
                         burst);
    }
    rate_wide units = (rate_wide)(limit->count << shift) << RATE_SCALE_BITS;
    *rate = (struct rate){
        .scale = (uint64_t)((units + limit->period_ns - 1) / limit->period_ns),
        .burst_units = burst << shift,
        .shift = shift,
        .kind = RATE_FINITE,
    };
    return 0;
}

uint64_t rate_time_ns(const struct rate *rate, uint64_t units)
{
    rate_wide scaled = (rate_wide)units << RATE_SCALE_BITS;
    return (uint64_t)((scaled + rate->scale - 1) / rate->scale);
}

/* From `now_ns` until a time in units. */
static uint64_t units_until_ns(const struct rate *rate, uint64_t now_ns, uint64_t units)
{
    uint64_t time_ns = rate_time_ns(rate, units);
    return time_ns > now_ns ? time_ns - now_ns : 0;
}

static void finite_report(const struct rate *rate, uint64_t arrival, uint64_t now_ns,
                          uint64_t events, struct slu_limit_state *out)
{
    uint64_t now = rate_units(rate, now_ns);
    uint64_t debt = arrival > now ? arrival - now : 0;
    uint64_t left = debt < rate->burst_units ? rate->burst_units - debt : 0;
    *out = (struct slu_limit_state){
        .quota = rate_burst(rate),
        .window_ns = rate_time_ns(rate, rate->burst_units),
        .remaining = left >> rate->shift,
        .reset_ns = units_until_ns(rate, now_ns, arrival),
        .retry_ns = SLU_LIMIT_NEVER,
    };
    if (events <= out->quota) {
        uint64_t room = rate->burst_units - (events << rate->shift);
        out->retry_ns = debt > room ? units_until_ns(rate, now_ns, arrival - room) : 0;
    }
}

void rate_report(const struct rate *rate, uint64_t arrival, uint64_t now_ns, uint64_t events,
                 struct slu_limit_state *out)
{
    if (rate->kind == RATE_FINITE) {
        finite_report(rate, arrival, now_ns, events, out);
    } else if (rate->kind == RATE_NOTHING) {
        *out = (struct slu_limit_state){.retry_ns = events == 0 ? 0 : SLU_LIMIT_NEVER};
    } else {
        *out =
            (struct slu_limit_state){.quota = SLU_LIMIT_INFINITE, .remaining = SLU_LIMIT_INFINITE};
    }
}
