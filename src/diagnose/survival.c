#include "diagnose/survival.h"

#include <math.h>
#include <stdint.h>

#include "diagnose/sites.h"
#include "profile/age_buckets.h"

#define SAMPLES_MIN 12.0

/* What was allocated up to a moment, between two profiles in proportion. */
static double allocated_until(const struct sites *sites, const struct site *site, double seconds)
{
    const double *values = site_values(site, MEASURE_ALLOCATED_BYTES);
    uint32_t after = 0;
    while (after < sites->moment_count && sites->seconds[after] < seconds) {
        after++;
    }
    if (after == 0 || after == sites->moment_count) {
        return values[after == 0 ? 0 : after - 1];
    }
    double between = sites->seconds[after] - sites->seconds[after - 1];
    double share = (seconds - sites->seconds[after - 1]) / between;
    return values[after - 1] + share * (values[after] - values[after - 1]);
}

/* Of the buckets from `first` on, before `end`. */
static struct survivors survivors_of(const struct sites *sites, const struct site *site,
                                     uint32_t first, uint32_t end)
{
    struct survivors found = {.from_seconds = (double)age_bucket_seconds(first),
                              .to_seconds = (double)age_bucket_seconds(end)};
    double live = 0;
    for (uint32_t bucket = first; bucket < end; bucket++) {
        live += site->aged[bucket];
    }
    found.allocated_bytes = allocated_until(sites, site, sites->aged_seconds - found.from_seconds) -
                            allocated_until(sites, site, sites->aged_seconds - found.to_seconds);
    if (found.allocated_bytes > SAMPLES_MIN * sites->period) {
        found.is_known = true;
        found.share = fmin(live / found.allocated_bytes, 1);
    }
    return found;
}

struct survival survival_of(const struct sites *sites, const struct site *site)
{
    struct survival survival = {0};
    if (sites->moment_count < SERIES_POINTS_MIN || !sites->has[MEASURE_ALLOCATED_BYTES] ||
        sites->aged_seconds < sites->seconds[sites->moment_count - 1]) {
        return survival;
    }
    double observed = sites->aged_seconds - sites->seconds[0];
    uint32_t end = AGE_BUCKETS - 1;
    while (end > 0 && (double)age_bucket_seconds(end) > observed) {
        end--;
    }
    uint32_t first = end;
    while (first > 1 && !survival.old.is_known) {
        survival.old = survivors_of(sites, site, --first, end);
    }
    if (survival.old.is_known) {
        survival.young = survivors_of(sites, site, 0, first);
    }
    return survival;
}
