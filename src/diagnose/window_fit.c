#include "diagnose/window_fit.h"

#include <math.h>

#define LENGTHS          40
#define MOMENTS_MIN      6
#define CHANGE_SHARE_MIN 0.15 /* with less, a constant fits as well */
#define KEPT_SHARE_MIN   0.6
#define CHANCE_FACTOR    4.0 /* times the variance of sampling */

/* Allocated by a time, between moments. */
static double allocated_at(const struct series *live, const double *allocated, double seconds)
{
    uint32_t low = 0;
    uint32_t high = live->count - 1;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (live->seconds[middle] <= seconds) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double step = live->seconds[high] - live->seconds[low];
    double share = step > 0 ? (seconds - live->seconds[low]) / step : 0;
    return allocated[low] + share * (allocated[high] - allocated[low]);
}

struct sums {
    uint32_t count;
    double live;
    double live_square;
    double expected_square;
    double product;
};

static struct sums sums_of(const struct series *live, const double *allocated, double length)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < live->count; i++) {
        double from = live->seconds[i] - length;
        if (from < live->seconds[0]) {
            continue;
        }
        double expected = allocated[i] - allocated_at(live, allocated, from);
        sums.count++;
        sums.live += live->values[i];
        sums.live_square += live->values[i] * live->values[i];
        sums.expected_square += expected * expected;
        sums.product += expected * live->values[i];
    }
    return sums;
}

static struct window_fit fit_length(const struct series *live, const double *allocated,
                                    double length)
{
    struct window_fit fit = {.seconds = length};
    struct sums sums = sums_of(live, allocated, length);
    if (sums.count < MOMENTS_MIN || sums.live <= 0 || sums.expected_square <= 0) {
        return fit;
    }
    double mean = sums.live / sums.count;
    double variance = fmax(sums.live_square / sums.count - mean * mean, 0);
    fit.kept_share = fmin(fmax(sums.product / sums.expected_square, KEPT_SHARE_MIN), 1);
    double squares = sums.live_square - 2 * fit.kept_share * sums.product +
                     fit.kept_share * fit.kept_share * sums.expected_square;
    fit.error_share = sqrt(fmax(squares, 0) / sums.count) / mean;
    fit.change_share = sqrt(variance) / mean;
    fit.is_tried =
        fit.change_share >= CHANGE_SHARE_MIN && variance >= CHANCE_FACTOR * live->grain * mean;
    return fit;
}

struct window_fit window_fit(const struct series *live, const double *allocated)
{
    struct window_fit best = {0};
    if (live->count < 2 * MOMENTS_MIN) {
        return best;
    }
    double all = live->seconds[live->count - 1] - live->seconds[0];
    double shortest = 2 * all / (live->count - 1);
    double longest = all / 2; /* less than two rounds show no turnover */
    for (uint32_t i = 0; i <= LENGTHS; i++) {
        double length = shortest * pow(longest / shortest, (double)i / LENGTHS);
        struct window_fit fit = fit_length(live, allocated, length);
        if (fit.is_tried && (!best.is_tried || fit.error_share < best.error_share)) {
            best = fit;
        }
    }
    return best;
}
