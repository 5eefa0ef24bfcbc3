/* From counters to quantiles: one pass adds up the pages, then each quantile is looked for. */
#include <errno.h>
#include <float.h>
#include <math.h>

#include "window/quantile_pages.h"

/* With a constant width, the compiler makes a few vector additions of this. */
static inline uint64_t plane_sum(const unsigned char *plane, unsigned width)
{
    uint64_t sum = 0;
    for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
        sum += counter_get(plane, width, at);
    }
    return sum;
}

static uint64_t plane_sum_any(const unsigned char *plane, unsigned width)
{
    switch (width) {
    case 1:
        return plane_sum(plane, 1);
    case 2:
        return plane_sum(plane, 2);
    case 4:
        return plane_sum(plane, 4);
    case 8:
        return plane_sum(plane, 8);
    default:
        return 0;
    }
}

static uint64_t page_sum(const struct quantile_pages *pages, const unsigned char *page)
{
    return plane_sum_any(page, pages->open_bytes) +
           plane_sum_any(page + PAGE_BUCKETS * pages->open_bytes, pages->total_bytes);
}

uint64_t pages_event_count(const struct quantile_pages *pages)
{
    uint64_t sum = 0;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        sum += page_sum(pages, pages_at(pages, n, &id));
    }
    return sum;
}

/*
 * The place from 1 of the value that is asked for: the smallest with at least quantile x count
 * values up to it. 0.07 x 100 is meant to be 7, though doubles make a little more of it.
 */
static uint64_t quantile_rank(double quantile, uint64_t count)
{
    double rank = ceil(quantile * (double)count * (1 - 4 * DBL_EPSILON));
    if (rank < 1) {
        return 1;
    }
    return rank >= (double)count ? count : (uint64_t)rank;
}

/* The value at place `rank` of a page, which has as many. */
static double page_value(const struct quantile_pages *pages, uint32_t n, uint64_t rank)
{
    int32_t id = 0;
    const unsigned char *open = pages_at(pages, n, &id);
    const unsigned char *total = open + PAGE_BUCKETS * pages->open_bytes;
    unsigned at = 0;
    while (at < PAGE_BUCKETS - 1) {
        uint64_t here =
            counter_get(open, pages->open_bytes, at) + counter_get(total, pages->total_bytes, at);
        if (rank <= here) {
            break;
        }
        rank -= here;
        at++;
    }
    return quantile_value(pages->octave_buckets, id * PAGE_BUCKETS + (int32_t)at, pages->level);
}

int pages_quantiles(const struct quantile_pages *pages, const double *quantiles, size_t count,
                    double *values)
{
    for (size_t i = 0; i < count; i++) {
        if (!(quantiles[i] >= 0 && quantiles[i] <= 1)) { /* NaN too */
            return -EINVAL;
        }
    }
    uint64_t up_to[PAGES_MAX];
    uint64_t sum = 0;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        sum += page_sum(pages, pages_at(pages, n, &id));
        up_to[n] = sum;
    }
    for (size_t i = 0; i < count; i++) {
        if (sum == 0) {
            values[i] = NAN;
            continue;
        }
        uint64_t rank = quantile_rank(quantiles[i], sum);
        uint32_t n = 0;
        while (up_to[n] < rank) {
            n++;
        }
        values[i] = page_value(pages, n, rank - (n == 0 ? 0 : up_to[n - 1]));
    }
    return 0;
}
