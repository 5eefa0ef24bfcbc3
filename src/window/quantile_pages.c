#include "window/quantile_pages.h"

#include "base/assert.h"
#include "base/golden.h"

GOLDEN_LAYOUT(struct quantile_pages, 40, 4, 0, octave_buckets, table, bytes, area_bytes, page_bytes,
              table_mask, page_count, page_max, level, open_bytes, total_bytes);

static uint32_t table_page_max(uint32_t table_size)
{
    return table_size - table_size / 8; /* a free entry ends every search */
}

size_t pages_table_bytes(uint32_t table_size)
{
    return table_size * sizeof(uint32_t) + table_page_max(table_size);
}

/* Positions in the table, in the order of the pages' numbers. */
static uint8_t *pages_order(const struct quantile_pages *pages)
{
    void *order = pages->table + pages->table_mask + 1;
    return order;
}

void pages_init(struct quantile_pages *pages, double relative_error, void *table,
                uint32_t table_size, bool two_planes)
{
    *pages = (struct quantile_pages){
        .octave_buckets = quantile_octave_buckets(relative_error),
        .table = table,
        .table_mask = (uint8_t)(table_size - 1),
        .page_max = (uint8_t)table_page_max(table_size),
        .open_bytes = 1,
        .total_bytes = two_planes,
    };
    pages->page_bytes = (uint16_t)(PAGE_BUCKETS * (pages->open_bytes + pages->total_bytes));
}

void pages_restart(struct quantile_pages *pages, unsigned level)
{
    memset(pages->table, 0, (pages->table_mask + 1U) * sizeof(pages->table[0]));
    pages->page_count = 0;
    pages->level = (uint8_t)level;
}

void pages_clear(struct quantile_pages *pages)
{
    pages_restart(pages, 0);
    pages->open_bytes = 1;
    pages->total_bytes = pages->total_bytes != 0;
    pages->page_bytes = (uint16_t)(PAGE_BUCKETS * (pages->open_bytes + pages->total_bytes));
}

static uint32_t page_entry(int32_t id, uint32_t place)
{
    return (uint32_t)id << 16 | PAGE_PRESENT | place;
}

static int32_t entry_id(uint32_t entry)
{
    return (int16_t)(entry >> 16);
}

unsigned char *pages_find(const struct quantile_pages *pages, int32_t id)
{
    uint32_t wanted = page_entry(id, 0) >> 8;
    uint32_t at = (uint32_t)id & pages->table_mask;
    while (pages->table[at] != 0) {
        if (pages->table[at] >> 8 == wanted) {
            return pages->bytes + (size_t)(pages->table[at] & 0xff) * pages->page_bytes;
        }
        at = (at + 1) & pages->table_mask;
    }
    return NULL;
}

unsigned char *pages_at(const struct quantile_pages *pages, uint32_t n, int32_t *id)
{
    uint32_t entry = pages->table[pages_order(pages)[n]];
    *id = entry_id(entry);
    return pages->bytes + (size_t)(entry & 0xff) * pages->page_bytes;
}

/* Enter the page `id` as the next one into table and order; the caller has its counters. */
static unsigned char *pages_enter(struct quantile_pages *pages, int32_t id)
{
    uint32_t place = pages->page_count;
    uint32_t at = (uint32_t)id & pages->table_mask;
    while (pages->table[at] != 0) {
        at = (at + 1) & pages->table_mask;
    }
    pages->table[at] = page_entry(id, place);
    uint8_t *order = pages_order(pages);
    uint32_t n = place;
    while (n > 0 && entry_id(pages->table[order[n - 1]]) > id) {
        order[n] = order[n - 1];
        n--;
    }
    order[n] = (uint8_t)at;
    pages->page_count++;
    return pages->bytes + (size_t)place * pages->page_bytes;
}

unsigned char *pages_insert(struct quantile_pages *pages, int32_t id)
{
    SLU_ASSERT(pages_have_room(pages));
    return memset(pages_enter(pages, id), 0, pages->page_bytes);
}

static void plane_read(const unsigned char *plane, unsigned width, uint64_t *counts)
{
    for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
        counts[at] = counter_get(plane, width, at);
    }
}

static void plane_write(unsigned char *plane, unsigned width, const uint64_t *counts)
{
    for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
        SLU_ASSERT(counts[at] <= counter_max(width));
        counter_set(plane, width, at, counts[at]);
    }
}

void pages_read(const struct quantile_pages *pages, const unsigned char *page,
                struct page_counts *counts)
{
    plane_read(page, pages->open_bytes, counts->open);
    plane_read(page + PAGE_BUCKETS * pages->open_bytes, pages->total_bytes, counts->total);
}

void pages_write(const struct quantile_pages *pages, unsigned char *page,
                 const struct page_counts *counts)
{
    plane_write(page, pages->open_bytes, counts->open);
    plane_write(page + PAGE_BUCKETS * pages->open_bytes, pages->total_bytes, counts->total);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t pages_total_max(const struct quantile_pages *pages)
{
    uint64_t highest = 0;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        struct page_counts counts;
        pages_read(pages, pages_at(pages, n, &id), &counts);
        for (unsigned at = 0; at < PAGE_BUCKETS; at++) {
            highest = larger(highest, counts.total[at]);
        }
    }
    return highest;
}

/* A walk over buckets in their order that joins those of one number. */
struct need_walk {
    int32_t bucket;
    uint64_t open;
    uint64_t total;
    int32_t page;
    uint32_t page_count;
    uint64_t open_max;
    uint64_t total_max;
};

static void walk_bucket(struct need_walk *walk, int32_t bucket, uint64_t open, uint64_t total)
{
    int32_t page = bucket >> PAGE_BUCKETS_LOG2;
    if (walk->page_count == 0 || page != walk->page) {
        walk->page = page;
        walk->page_count++;
    }
    if (bucket != walk->bucket) {
        walk->bucket = bucket;
        walk->open = 0;
        walk->total = 0;
    }
    walk->open += open;
    walk->total += open + total;
    walk->open_max = larger(walk->open_max, walk->open);
    walk->total_max = larger(walk->total_max, walk->total);
}

static uint8_t count_bytes(uint64_t count)
{
    uint8_t width = 1;
    while (count > counter_max(width)) {
        width = (uint8_t)(2 * width);
    }
    return width;
}

struct pages_need pages_need(const struct quantile_pages *pages, unsigned shift, int32_t bucket,
                             uint64_t events)
{
    struct need_walk walk = {.bucket = INT32_MIN};
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        struct page_counts counts;
        pages_read(pages, pages_at(pages, n, &id), &counts);
        for (int32_t at = 0; at < PAGE_BUCKETS; at++) {
            int32_t seen = id * PAGE_BUCKETS + at;
            if (events != 0 && bucket <= seen) {
                walk_bucket(&walk, bucket >> shift, events, 0);
                events = 0;
            }
            if (counts.open[at] + counts.total[at] != 0) {
                walk_bucket(&walk, seen >> shift, counts.open[at], counts.total[at]);
            }
        }
    }
    if (events != 0) {
        walk_bucket(&walk, bucket >> shift, events, 0);
    }
    struct pages_need need = {.page_count = walk.page_count,
                              .open_bytes = count_bytes(walk.open_max)};
    need.total_bytes = pages->total_bytes == 0 ? 0 : count_bytes(walk.total_max);
    need.page_bytes = PAGE_BUCKETS * (uint32_t)(need.open_bytes + need.total_bytes);
    return need;
}

/* Pages that become one, and how the contents are to lie: see pages_rebuild. */
struct rebuild {
    uint32_t page_count;
    uint32_t group_count;
    int16_t ids[PAGES_MAX];    /* of pages */
    uint8_t places[PAGES_MAX]; /* of pages */
    int16_t group_ids[PAGES_MAX];
    uint8_t group_sizes[PAGES_MAX];
};

static bool page_is_empty(const struct quantile_pages *pages, const unsigned char *page)
{
    unsigned char seen = 0;
    for (unsigned i = 0; i < pages->page_bytes; i++) {
        seen |= page[i];
    }
    return seen == 0;
}

/* The end of the pages from the n-th on that become one; `size` of them are not empty. */
static uint32_t group_end(const struct quantile_pages *pages, unsigned shift, uint32_t n,
                          uint32_t *size)
{
    int32_t first_id = 0;
    int32_t id = 0;
    (void)pages_at(pages, n, &first_id);
    *size = 0;
    for (; n < pages->page_count; n++) {
        const unsigned char *page = pages_at(pages, n, &id);
        if (id >> shift != first_id >> shift) {
            break;
        }
        *size += !page_is_empty(pages, page);
    }
    return n;
}

/* Add the groups whose pages give at least `page_bytes`, or those that give less. */
static void rebuild_plan(const struct quantile_pages *pages, unsigned shift, uint32_t page_bytes,
                         bool gives, struct rebuild *plan)
{
    uint32_t size = 0;
    uint32_t end = 0;
    for (uint32_t n = 0; n < pages->page_count; n = end) {
        end = group_end(pages, shift, n, &size);
        if (size == 0 || (size * pages->page_bytes >= page_bytes) != gives) {
            continue;
        }
        int32_t id = 0;
        for (; n < end; n++) {
            const unsigned char *page = pages_at(pages, n, &id);
            if (!page_is_empty(pages, page)) {
                plan->ids[plan->page_count] = (int16_t)id;
                plan->places[plan->page_count] =
                    (uint8_t)((size_t)(page - pages->bytes) / pages->page_bytes);
                plan->page_count++;
            }
        }
        plan->group_ids[plan->group_count] = (int16_t)(id >> shift);
        plan->group_sizes[plan->group_count] = (uint8_t)size;
        plan->group_count++;
    }
}

/* Let the n-th page of the plan lie at place n. */
static void rebuild_arrange(struct quantile_pages *pages, struct rebuild *plan)
{
    unsigned char held[PAGE_BUCKETS * 2 * sizeof(uint64_t)];
    for (uint32_t n = 0; n < plan->page_count; n++) {
        uint32_t place = plan->places[n];
        if (place == n) {
            continue;
        }
        unsigned char *here = pages->bytes + (size_t)n * pages->page_bytes;
        unsigned char *there = pages->bytes + (size_t)place * pages->page_bytes;
        memcpy(held, here, pages->page_bytes);
        memcpy(here, there, pages->page_bytes);
        memcpy(there, held, pages->page_bytes);
        for (uint32_t later = n + 1; later < plan->page_count; later++) {
            if (plan->places[later] == n) {
                plan->places[later] = (uint8_t)place;
            }
        }
    }
}

/* Join `size` pages at `source` and write the page that they become to `target`. */
static void rebuild_group(const struct quantile_pages *from, const struct quantile_pages *to,
                          const int16_t *ids, uint32_t size, const unsigned char *source,
                          unsigned char *target)
{
    unsigned shift = to->level - from->level;
    struct page_counts joined = {0};
    for (uint32_t n = 0; n < size; n++) {
        struct page_counts counts;
        pages_read(from, source + (size_t)n * from->page_bytes, &counts);
        for (int32_t at = 0; at < PAGE_BUCKETS; at++) {
            int32_t bucket = (ids[n] * PAGE_BUCKETS + at) >> shift;
            joined.open[bucket & (PAGE_BUCKETS - 1)] += counts.open[at];
            joined.total[bucket & (PAGE_BUCKETS - 1)] += counts.total[at];
        }
    }
    pages_write(to, target, &joined);
}

/*
 * In place: groups that give as much as they take come first and are joined from the front; the
 * others, which grow, are moved up to those and joined from the back. Neither overwrites what is
 * still to be read.
 */
void pages_rebuild(struct quantile_pages *pages, unsigned shift, const struct pages_need *need)
{
    struct rebuild plan = {0};
    struct quantile_pages from = *pages;
    rebuild_plan(pages, shift, need->page_bytes, true, &plan);
    uint32_t giving_groups = plan.group_count;
    uint32_t giving_pages = plan.page_count;
    rebuild_plan(pages, shift, need->page_bytes, false, &plan);
    SLU_ASSERT(plan.group_count * need->page_bytes <= pages->area_bytes);
    rebuild_arrange(pages, &plan);
    pages->level = (uint8_t)(pages->level + shift);
    pages->open_bytes = need->open_bytes;
    pages->total_bytes = need->total_bytes;
    pages->page_bytes = (uint16_t)need->page_bytes;

    uint32_t page = 0;
    for (uint32_t group = 0; group < giving_groups; group++) {
        rebuild_group(&from, pages, plan.ids + page, plan.group_sizes[group],
                      pages->bytes + (size_t)page * from.page_bytes,
                      pages->bytes + (size_t)group * pages->page_bytes);
        page += plan.group_sizes[group];
    }
    unsigned char *growing = pages->bytes + (size_t)giving_groups * pages->page_bytes;
    memmove(growing, pages->bytes + (size_t)giving_pages * from.page_bytes,
            (size_t)(plan.page_count - giving_pages) * from.page_bytes);
    page = plan.page_count;
    for (uint32_t group = plan.group_count; group > giving_groups; group--) {
        page -= plan.group_sizes[group - 1];
        rebuild_group(&from, pages, plan.ids + page, plan.group_sizes[group - 1],
                      growing + (size_t)(page - giving_pages) * from.page_bytes,
                      pages->bytes + (size_t)(group - 1) * pages->page_bytes);
    }

    pages_restart(pages, pages->level);
    for (uint32_t group = 0; group < plan.group_count; group++) {
        (void)pages_enter(pages, plan.group_ids[group]);
    }
}

void pages_validate(const struct quantile_pages *pages)
{
    SLU_ASSERT(pages->page_count <= pages->page_max);
    SLU_ASSERT((uint32_t)pages->page_count * pages->page_bytes <= pages->area_bytes);
    int32_t last = INT32_MIN;
    for (uint32_t n = 0; n < pages->page_count; n++) {
        int32_t id = 0;
        const unsigned char *page = pages_at(pages, n, &id);
        SLU_ASSERT(id > last);
        SLU_ASSERT(pages_find(pages, id) == page);
        last = id;
    }
}
