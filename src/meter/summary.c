#include "meter/summary.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "window/quantile.h"

/* In front of its window. */
struct summary {
    uint64_t series; /* 0 in a free one; under `lock` */
    struct mutex lock;
    uint32_t next_free;
    uint32_t reserved;
    uint64_t padding;
};
GOLDEN_LAYOUT(struct summary, 64, 0, 0, series, lock, next_free, reserved, padding);

static size_t summary_stride(const struct slu_quantile_window_options *options)
{
    size_t window_bytes =
        (options->size_bytes + GOLDEN_LINE_BYTES - 1) & ~(size_t)(GOLDEN_LINE_BYTES - 1);
    return sizeof(struct summary) + window_bytes;
}

static struct summary *summary_at(const struct summaries *summaries, uint32_t summary)
{
    void *at = summaries->bytes + summary * summaries->stride_bytes;
    return at;
}

static struct slu_quantile_window *summary_window(struct summary *summary)
{
    void *window = summary + 1;
    return window;
}

size_t summaries_plan(struct layout *layout, uint32_t count,
                      const struct slu_quantile_window_options *options)
{
    return layout_add(layout, count, summary_stride(options), GOLDEN_LINE_BYTES);
}

void summaries_init(struct summaries *summaries, void *bytes, uint32_t count,
                    const struct slu_quantile_window_options *options)
{
    *summaries = (struct summaries){
        .bytes = bytes,
        .stride_bytes = summary_stride(options),
        .count = count,
        .free_first = SUMMARY_NONE,
        .options = *options,
    };
}

void summaries_deinit(struct summaries *summaries)
{
    for (uint32_t i = 0; i < summaries->fresh; i++) {
        mutex_deinit(&summary_at(summaries, i)->lock);
    }
}

uint32_t summary_take(struct summaries *summaries, uint64_t series)
{
    uint32_t number = summaries->free_first;
    struct summary *summary = NULL;
    if (summaries->used_count == summaries->count) {
        return SUMMARY_NONE;
    }
    if (number == SUMMARY_NONE) {
        number = summaries->fresh++;
        summary = summary_at(summaries, number);
        mutex_init(&summary->lock);
    } else {
        summary = summary_at(summaries, number);
        summaries->free_first = summary->next_free;
    }
    summaries->used_count++;
    mutex_lock(&summary->lock);
    memset(summary_window(summary), 0, summaries->options.size_bytes);
    (void)quantile_window_init(summary_window(summary), &summaries->options); /* is where it is */
    summary->series = series;
    mutex_unlock(&summary->lock);
    return number;
}

void summary_give(struct summaries *summaries, uint32_t number)
{
    struct summary *summary = summary_at(summaries, number);
    mutex_lock(&summary->lock);
    SLU_ASSERT(summary->series != 0);
    summary->series = 0;
    mutex_unlock(&summary->lock);
    summary->next_free = summaries->free_first;
    summaries->free_first = number;
    summaries->used_count--;
}

int summary_add(struct summaries *summaries, uint32_t number, uint64_t series, uint64_t now_ns,
                double value)
{
    if (number >= summaries->count) {
        return -ESTALE;
    }
    struct summary *summary = summary_at(summaries, number);
    mutex_lock(&summary->lock);
    int err = summary->series != series
                  ? -ESTALE
                  : slu_quantile_window_add(summary_window(summary), now_ns, value);
    mutex_unlock(&summary->lock);
    return err;
}

void summary_get(struct summaries *summaries, uint32_t number, uint64_t series, uint64_t now_ns,
                 const double *quantiles, uint32_t quantile_count, double *values)
{
    for (uint32_t i = 0; i < quantile_count; i++) {
        values[i] = (double)NAN;
    }
    if (number >= summaries->count) {
        return;
    }
    struct summary *summary = summary_at(summaries, number);
    mutex_lock(&summary->lock);
    if (summary->series == series) {
        int err = slu_quantile_window_get(summary_window(summary), now_ns, quantiles,
                                          quantile_count, values);
        SLU_ASSERT(err == 0); /* the quantiles were checked when they were registered */
    }
    mutex_unlock(&summary->lock);
}
