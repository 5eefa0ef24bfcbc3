/* From counters to quantiles: one pass adds up the pages, then each quantile is looked for. */
#include <errno.h>
#include <float.h>
#include <math.h>

#include "window/quantile_pages.h"

static uint64_t word_at(const unsigned char *plane, unsigned n)
{
    uint64_t word = 0;
    memcpy(&word, plane + n * sizeof(word), sizeof(word));
    return word;
}

/* The counters of a word are added in lanes twice as wide, in which no sum can overflow. */
static uint64_t bytes_sum(const unsigned char *plane)
{
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t first = word_at(plane, 0);
    uint64_t second = word_at(plane, 1);
    uint64_t lanes = (first & even) + (first >> 8 & even) + (second & even) + (second >> 8 & even);
    return lanes * UINT64_C(0x0001000100010001) >> 48;
}

static uint64_t halves_sum(const unsigned char *plane)
{
    const uint64_t even = UINT64_C(0x0000ffff0000ffff);
    uint64_t lanes = 0;
    for (unsigned n = 0; n < PAGE_BUCKETS * sizeof(uint16_t) / sizeof(uint64_t); n++) {
        uint64_t word = word_at(plane, n);
        lanes += (word & even) + (word >> 16 & even);
    }
    return (lanes & UINT32_MAX) + (lanes >> 32);
}

static uint64_t plane_sum(const unsigned char *plane, unsigned width)
{
    if (width == sizeof(uint8_t)) {
        return bytes_sum(plane);
    }
    if (width == sizeof(uint16_t)) {
        return halves_sum(plane);
    }
    uint64_t sum = 0;
    for (unsigned at = 0; width != 0 && at < PAGE_BUCKETS; at++) {
        sum += counter_get(plane, width, at);
    }
    return sum;
}

static uint64_t page_sum(const struct quantile_pages *pages, const unsigned char *page)
{
    return plane_sum(page, pages->open_bytes) +
           plane_sum(page + PAGE_BUCKETS * pages->open_bytes, pages->total_bytes);
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
