/* The plain sketch: pages of one plane. */
#include "window/quantile.h"

#include <errno.h>
#include <math.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/golden.h"
#include "base/layout.h"

GOLDEN_LAYOUT(struct slu_quantile_sketch, 72, 0, 0, pages, count, relative_error, size_bytes,
              budget);

#define PAGE_ALIGN ((size_t)16)

double quantile_error_of(double relative_error)
{
    return relative_error == 0 ? SLU_QUANTILE_ERROR_DEFAULT : relative_error;
}

int quantile_error_check(double relative_error, struct slu_diag *diag)
{
    double error = quantile_error_of(relative_error);
    /* Written so that NaN is refused. */
    if (!(error >= SLU_QUANTILE_ERROR_MIN && error <= SLU_QUANTILE_ERROR_MAX)) {
        return diag_fail(diag, -EINVAL, "relative_error is %g; it must be %g to %g", relative_error,
                         SLU_QUANTILE_ERROR_MIN, SLU_QUANTILE_ERROR_MAX);
    }
    return 0;
}

int quantile_sketch_options_check(const struct slu_quantile_sketch_options *options,
                                  struct slu_diag *diag)
{
    if (options->size_bytes < SLU_QUANTILE_SKETCH_BYTES_MIN ||
        options->size_bytes > SLU_QUANTILE_SKETCH_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "size_bytes is %zu; it must be %zu to %zu",
                         options->size_bytes, SLU_QUANTILE_SKETCH_BYTES_MIN,
                         SLU_QUANTILE_SKETCH_BYTES_MAX);
    }
    return quantile_error_check(options->relative_error, diag);
}

/* The smallest table that holds the pages of narrow counters, up to the largest there is. */
static uint32_t sketch_table_size(size_t size_bytes)
{
    uint32_t size = 32;
    while (size < 256 && size * PAGE_BUCKETS * sizeof(uint16_t) < size_bytes) {
        size *= 2;
    }
    return size;
}

struct slu_quantile_sketch *quantile_sketch_init(void *block,
                                                 const struct slu_quantile_sketch_options *options)
{
    struct slu_quantile_sketch *sketch = block;
    uint32_t table_size = sketch_table_size(options->size_bytes);
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(*sketch), GOLDEN_LINE_BYTES);
    size_t table_at = layout_add(&layout, pages_table_bytes(table_size), 1, sizeof(uint32_t));
    size_t area_at = layout_add(&layout, 0, 1, PAGE_ALIGN);
    sketch->relative_error = quantile_error_of(options->relative_error);
    sketch->size_bytes = options->size_bytes;
    unsigned char *bytes = block;
    pages_init(&sketch->pages, sketch->relative_error, bytes + table_at, table_size, false);
    sketch->pages.bytes = bytes + area_at;
    sketch->pages.area_bytes = (uint32_t)(options->size_bytes - area_at);
    return sketch;
}

int slu_quantile_sketch_create(struct slu_budget *budget,
                               const struct slu_quantile_sketch_options *options,
                               struct slu_diag *diag, struct slu_quantile_sketch **out)
{
    int err = quantile_sketch_options_check(options, diag);
    if (err != 0) {
        return err;
    }
    void *block = NULL;
    err = slu_budget_alloc(budget, options->size_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "a sketch of %zu bytes does not fit budget '%s'",
                         options->size_bytes, slu_budget_name(budget));
    }
    struct slu_quantile_sketch *sketch = quantile_sketch_init(block, options);
    sketch->budget = budget;
    *out = sketch;
    return 0;
}

void slu_quantile_sketch_destroy(struct slu_quantile_sketch **sketch)
{
    struct slu_quantile_sketch *gone = sketch == NULL ? NULL : *sketch;
    if (gone == NULL) {
        return;
    }
    slu_budget_free(gone->budget, gone, gone->size_bytes);
    *sketch = NULL;
}

static bool need_fits(const struct quantile_pages *pages, const struct pages_need *need)
{
    return need->page_count <= pages->page_max &&
           need->page_count * need->page_bytes <= pages->area_bytes;
}

/*
 * Change the layout so that it takes `events` more at a bucket, at the lowest level that does.
 * Which level that is depends on the contents alone, so that merging and recording agree.
 */
static void sketch_fit(struct quantile_pages *pages, int32_t bucket, uint64_t events)
{
    unsigned shift = 0;
    struct pages_need need = pages_need(pages, shift, bucket, events);
    while (!need_fits(pages, &need)) {
        shift++;
        SLU_ASSERT(pages->level + shift <= QUANTILE_LEVEL_MAX);
        need = pages_need(pages, shift, bucket, events);
    }
    if (shift != 0 || need.open_bytes != pages->open_bytes) {
        pages_rebuild(pages, shift, &need);
    }
    int32_t id = bucket >> shift >> PAGE_BUCKETS_LOG2;
    if (pages_find(pages, id) == NULL) {
        (void)pages_insert(pages, id);
    }
}

/* `bucket` is of level `level`, which is not above that of the pages. */
static void sketch_add(struct quantile_pages *pages, int32_t bucket, unsigned level,
                       uint64_t events)
{
    int32_t here = bucket >> (pages->level - level);
    if (__builtin_expect(!pages_add(pages, here, events), 0)) {
        sketch_fit(pages, here, events);
        bool added = pages_add(pages, bucket >> (pages->level - level), events);
        SLU_ASSERT(added);
    }
}

/* Apart, so that the usual case needs no stack frame. */
static __attribute__((noinline)) int sketch_add_slowly(struct slu_quantile_sketch *sketch,
                                                       double value)
{
    if (isnan(value)) {
        return -EINVAL;
    }
    if (sketch->count == UINT64_MAX) {
        return -EOVERFLOW;
    }
    sketch_add(&sketch->pages, quantile_ordinal(sketch->pages.octave_buckets, value), 0, 1);
    sketch->count++;
    return 0;
}

int slu_quantile_sketch_add(struct slu_quantile_sketch *sketch, double value)
{
    if (__builtin_expect(sketch->count != UINT64_MAX, 1) &&
        __builtin_expect(pages_add_quickly(&sketch->pages, value), 1)) {
        sketch->count++;
        return 0;
    }
    return sketch_add_slowly(sketch, value);
}

/* Rise to `level` at least, or as far beyond as it takes to fit. */
static void sketch_rise(struct quantile_pages *pages, unsigned level)
{
    unsigned shift = level - pages->level;
    struct pages_need need = pages_need(pages, shift, 0, 0);
    while (!need_fits(pages, &need)) {
        shift++;
        need = pages_need(pages, shift, 0, 0);
    }
    pages_rebuild(pages, shift, &need);
}

int quantile_sketch_merge_pages(struct slu_quantile_sketch *into, const struct quantile_pages *from)
{
    uint64_t count = 0;
    if (into->pages.octave_buckets != from->octave_buckets) {
        return -EINVAL;
    }
    if (__builtin_add_overflow(into->count, pages_event_count(from), &count)) {
        return -EOVERFLOW;
    }
    if (into->pages.level < from->level) {
        sketch_rise(&into->pages, from->level);
    }
    for (uint32_t n = 0; n < from->page_count; n++) {
        int32_t id = 0;
        struct page_counts counts;
        pages_read(from, pages_at(from, n, &id), &counts);
        for (int32_t at = 0; at < PAGE_BUCKETS; at++) {
            uint64_t events = counts.open[at] + counts.total[at];
            if (events != 0) {
                sketch_add(&into->pages, id * PAGE_BUCKETS + at, from->level, events);
            }
        }
    }
    into->count = count;
    return 0;
}

int slu_quantile_sketch_merge(struct slu_quantile_sketch *into,
                              const struct slu_quantile_sketch *from)
{
    return into == from ? -EINVAL : quantile_sketch_merge_pages(into, &from->pages);
}

int slu_quantile_sketch_get(const struct slu_quantile_sketch *sketch, const double *quantiles,
                            size_t quantile_count, double *values)
{
    return pages_quantiles(&sketch->pages, quantiles, quantile_count, values);
}

void slu_quantile_sketch_clear(struct slu_quantile_sketch *sketch)
{
    pages_clear(&sketch->pages);
    sketch->count = 0;
}

void slu_quantile_sketch_stats(const struct slu_quantile_sketch *sketch,
                               struct slu_quantile_sketch_stats *out)
{
    *out = (struct slu_quantile_sketch_stats){
        .count = sketch->count,
        .relative_error = quantile_level_error(sketch->relative_error, sketch->pages.level),
        .size_bytes = sketch->size_bytes,
    };
}
