/*
 * The counters of a quantile sketch: pages of 16 neighbouring buckets, in memory fixed at creation.
 *
 * A page exists where values were seen. It has one counter a bucket in each of two planes: `open`
 * takes events, `total` what a window has closed (a plain sketch has none). All counters of a plane
 * have one width, the smallest that holds what they count. Pages are found through a table indexed
 * by the low bits of their number, which are all different while the values lie close together,
 * and by probing where they are not.
 *
 * What does not fit is joined: pages_rebuild raises the level, which halves the number of buckets.
 */
#ifndef WINDOW_QUANTILE_PAGES_H
#define WINDOW_QUANTILE_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "window/quantile_index.h"

#define PAGE_BUCKETS_LOG2 4
#define PAGE_BUCKETS      (1 << PAGE_BUCKETS_LOG2)
#define PAGES_MAX         224
#define PAGE_PRESENT      UINT32_C(0x100)

/*
 * Lies in its structure; `table` with the order behind it, and `bytes`, in that one's block. An
 * entry of the table is the page's number << 16 | PAGE_PRESENT | its place in `bytes`.
 */
struct quantile_pages {
    uint64_t octave_buckets;
    uint32_t *table;
    unsigned char *bytes;
    uint32_t area_bytes; /* at `bytes` */
    uint16_t page_bytes;
    uint8_t table_mask;
    uint8_t page_count;
    uint8_t page_max; /* of which the table has room */
    uint8_t level;
    uint8_t open_bytes;  /* of one counter: 1, 2, 4 or 8 */
    uint8_t total_bytes; /* the same, or 0 for pages of one plane */
};

/* A page in the widest form. */
struct page_counts {
    uint64_t open[PAGE_BUCKETS];
    uint64_t total[PAGE_BUCKETS];
};

/* What contents would take. */
struct pages_need {
    uint32_t page_count;
    uint32_t page_bytes;
    uint8_t open_bytes;
    uint8_t total_bytes;
};

/* Bytes of the table and the order for `table_size` pages: a power of two from 32 to 256. */
size_t pages_table_bytes(uint32_t table_size);

/*
 * Begin without pages.
 *
 * table      pages_table_bytes of zeroed memory, aligned to 4 bytes
 * two_planes false: without `total`
 */
void pages_init(struct quantile_pages *pages, double relative_error, void *table,
                uint32_t table_size, bool two_planes);

/* Forget all counts and pages and the level. */
void pages_clear(struct quantile_pages *pages);

/* Forget all counts and pages, keep the widths, and begin anew at `level`. */
void pages_restart(struct quantile_pages *pages, unsigned level);

/* The page `id`, or NULL. */
unsigned char *pages_find(const struct quantile_pages *pages, int32_t id);

/* The n-th page in the order of values, and its number. */
unsigned char *pages_at(const struct quantile_pages *pages, uint32_t n, int32_t *id);

/* A new page, which must not be there yet; the table and the area must have room. */
unsigned char *pages_insert(struct quantile_pages *pages, int32_t id);

/* Read all counters of a page, and write them back; they must fit. */
void pages_read(const struct quantile_pages *pages, const unsigned char *page,
                struct page_counts *counts);
void pages_write(const struct quantile_pages *pages, unsigned char *page,
                 const struct page_counts *counts);

/*
 * What the contents and `events` more in the open plane at `bucket` (of the present level) would
 * take at a level `shift` higher; empty pages take nothing. A total is as wide as open and total
 * together need, so that closing a slot cannot overflow.
 */
struct pages_need pages_need(const struct quantile_pages *pages, unsigned shift, int32_t bucket,
                             uint64_t events);

/*
 * Rise by `shift` levels, take the widths of `need`, drop empty pages. The area must hold what
 * pages_need said for that shift.
 */
void pages_rebuild(struct quantile_pages *pages, unsigned shift, const struct pages_need *need);

/* The largest counter of the total. */
uint64_t pages_total_max(const struct quantile_pages *pages);

/* True if the table and the area hold another page. */
static inline bool pages_have_room(const struct quantile_pages *pages)
{
    return pages->page_count < pages->page_max &&
           (pages->page_count + 1U) * pages->page_bytes <= pages->area_bytes;
}

/* The number of events in both planes. */
uint64_t pages_event_count(const struct quantile_pages *pages);

/*
 * The values at each of `quantiles`, as slu_quantile_sketch_get documents.
 *
 * Cost  one pass over the pages, and for each quantile one over a page
 */
int pages_quantiles(const struct quantile_pages *pages, const double *quantiles, size_t count,
                    double *values);

/* Abort unless table, order and pages agree. */
void pages_validate(const struct quantile_pages *pages);

/* The counter `at` of a plane whose counters have `width` bytes. */
static inline uint64_t counter_get(const unsigned char *plane, unsigned width, unsigned at)
{
    uint16_t two = 0;
    uint32_t four = 0;
    uint64_t eight = 0;
    switch (width) {
    case 1:
        return plane[at];
    case 2:
        memcpy(&two, plane + at * sizeof(two), sizeof(two));
        return two;
    case 4:
        memcpy(&four, plane + at * sizeof(four), sizeof(four));
        return four;
    case 8:
        memcpy(&eight, plane + at * sizeof(eight), sizeof(eight));
        return eight;
    default:
        return 0;
    }
}

/* The value must fit; a plane of width 0 takes only zeros. */
static inline void counter_set(unsigned char *plane, unsigned width, unsigned at, uint64_t value)
{
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;
    switch (width) {
    case 1:
        plane[at] = (uint8_t)value;
        break;
    case 2:
        memcpy(plane + at * sizeof(two), &two, sizeof(two));
        break;
    case 4:
        memcpy(plane + at * sizeof(four), &four, sizeof(four));
        break;
    case 8:
        memcpy(plane + at * sizeof(value), &value, sizeof(value));
        break;
    default:
        break;
    }
}

static inline uint64_t counter_max(unsigned width)
{
    return width == 0 ? 0 : UINT64_MAX >> (64 - 8 * width);
}

/* False if the counter cannot hold `events` more. */
static inline bool counter_add(unsigned char *plane, unsigned width, unsigned at, uint64_t events)
{
    uint64_t before = counter_get(plane, width, at);
    if (__builtin_expect(events > counter_max(width) - before, 0)) {
        return false;
    }
    counter_set(plane, width, at, before + events);
    return true;
}

/*
 * Count `events` in the open plane at `bucket` of the present level.
 *
 * Returns  false if the page is missing or the counter cannot hold them: nothing has changed
 */
static inline bool pages_add(struct quantile_pages *pages, int32_t bucket, uint64_t events)
{
    int32_t id = bucket >> PAGE_BUCKETS_LOG2;
    uint32_t entry = pages->table[(uint32_t)id & pages->table_mask];
    unsigned char *page = pages->bytes + (size_t)(entry & 0xff) * pages->page_bytes;
    if (__builtin_expect((entry ^ ((uint32_t)id << 16 | PAGE_PRESENT)) >> 8 != 0, 0)) {
        page = pages_find(pages, id);
        if (page == NULL) {
            return false;
        }
    }
    return counter_add(page, pages->open_bytes, (uint32_t)bucket & (PAGE_BUCKETS - 1), events);
}

/*
 * Count one event of `value` if that takes no thought.
 *
 * Returns  false, and nothing has changed, for a value that is not ordinary, for a page that is
 *          missing or not where it is looked for first, for a counter that is full
 */
static inline bool pages_add_quickly(struct quantile_pages *pages, double value)
{
    int32_t bucket = quantile_ordinary(pages->octave_buckets, value) >> pages->level;
    uint32_t id = (uint32_t)(bucket >> PAGE_BUCKETS_LOG2);
    uint32_t entry = pages->table[id & pages->table_mask];
    if (__builtin_expect(!quantile_is_ordinary(value), 0) ||
        __builtin_expect((entry ^ (id << 16 | PAGE_PRESENT)) >> 8 != 0, 0)) {
        return false;
    }
    unsigned char *page = pages->bytes + (size_t)(entry & 0xff) * pages->page_bytes;
    unsigned at = (uint32_t)bucket & (PAGE_BUCKETS - 1);
    /* A branch that is easy to predict, and a constant width behind it. */
    switch (pages->open_bytes) {
    case 1:
        return counter_add(page, 1, at, 1);
    case 2:
        return counter_add(page, 2, at, 1);
    case 4:
        return counter_add(page, 4, at, 1);
    default:
        return counter_add(page, 8, at, 1);
    }
}

#endif
