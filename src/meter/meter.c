#include "meter/meter.h"

#include <errno.h>
#include <inttypes.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/layout.h"
#include "meter/series.h"
#include "window/quantile.h"

#define RECORD_BYTES_NARROW 64 /* a line, with up to 8 labels */
#define RECORD_BYTES_WIDE   128

static int range_fail(struct slu_diag *diag, const char *name, uint64_t value, uint64_t min,
                      uint64_t max)
{
    return diag_fail(diag, -EINVAL, "%s is %" PRIu64 "; it must be %" PRIu64 " to %" PRIu64, name,
                     value, min, max);
}

static int options_check(const struct slu_meter_options *options, struct slu_diag *diag)
{
    const struct {
        const char *name;
        uint64_t value;
        uint64_t min;
        uint64_t max;
    } ranges[] = {
        {"metrics_max", options->metrics_max, 1, SLU_METER_METRICS_MAX},
        {"series_max", options->series_max, 1, SLU_METER_SERIES_MAX},
        {"labels_max", options->labels_max, 1, SLU_METER_LABELS_MAX},
        {"value_bytes_max", options->value_bytes_max, SLU_LABEL_BYTES_MIN, SLU_LABEL_BYTES_MAX},
        {"writer_count", options->writer_count, 1, SLU_METER_WRITERS_MAX},
        {"values_bytes_max", options->values_bytes_max, options->value_bytes_max,
         SLU_METER_VALUES_BYTES_MAX},
        {"windows_max", options->windows_max, 0,
         (uint64_t)options->series_max + options->metrics_max},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max) {
            return range_fail(diag, ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max);
        }
    }
    if (key_bytes_of(options->labels_max, options->value_bytes_max) > KEY_BYTES_MAX) {
        return diag_fail(diag, -EINVAL,
                         "labels_max is %u and value_bytes_max %u; a label set, 8 bytes more for "
                         "each, must fit %d bytes",
                         options->labels_max, options->value_bytes_max, KEY_BYTES_MAX);
    }
    return options->windows_max == 0 ? 0 : quantile_window_options_check(&options->window, diag);
}

/* Where everything lies in the block, with the structure itself in front. */
struct plan {
    struct layout layout;
    struct slu_pool_options pool_options;
    struct pool_parts pool;
    struct strings_parts strings;
    size_t record_bytes;
    uint32_t slot_count;
    uint32_t bucket_count;
    uint32_t chunk_count;
    size_t cells_at;
    size_t records_at;
    size_t buckets_at;
    size_t metrics_at;
    size_t labels_at;
    size_t distincts_at;
    size_t names_at;
    size_t summaries_at;
};

static struct plan plan_of(const struct slu_meter_options *options)
{
    uint32_t slot_count = options->series_max + options->metrics_max;
    size_t label_count = (size_t)options->metrics_max * options->labels_max;
    struct plan plan = {
        .pool_options = {.record_bytes = sizeof(struct neighbours), .capacity = slot_count},
        .record_bytes =
            sizeof(struct record) + options->labels_max * sizeof(uint32_t) <= RECORD_BYTES_NARROW
                ? RECORD_BYTES_NARROW
                : RECORD_BYTES_WIDE,
        .slot_count = slot_count,
        .bucket_count = UINT32_C(1) << (32 - __builtin_clz(slot_count - 1)),
        .chunk_count =
            (uint32_t)((options->values_bytes_max + STRING_CHUNK_BYTES - 1) / STRING_CHUNK_BYTES),
    };
    struct layout *layout = &plan.layout;
    (void)layout_add(layout, 1, sizeof(struct slu_meter), GOLDEN_LINE_BYTES);
    plan.cells_at = layout_add(layout, (size_t)slot_count * (options->writer_count + 1),
                               sizeof(struct cell), GOLDEN_LINE_BYTES);
    plan.records_at = layout_add(layout, slot_count, plan.record_bytes, GOLDEN_LINE_BYTES);
    plan.buckets_at = layout_add(layout, plan.bucket_count, sizeof(uint32_t), GOLDEN_LINE_BYTES);
    plan.metrics_at =
        layout_add(layout, options->metrics_max, sizeof(struct metric), GOLDEN_LINE_BYTES);
    plan.labels_at = layout_add(layout, label_count, sizeof(struct metric_label), 8);
    plan.distincts_at = layout_add(layout, label_count, sizeof(struct distinct), GOLDEN_LINE_BYTES);
    plan.pool = pool_plan(layout, &plan.pool_options);
    plan.strings = strings_plan(layout, plan.chunk_count);
    plan.names_at = layout_add(layout, options->names_bytes_max, 1, 8);
    plan.summaries_at = summaries_plan(layout, options->windows_max, &options->window);
    return plan;
}

static void meter_fill(struct slu_meter *meter, const struct slu_meter_options *options,
                       const struct plan *plan)
{
    unsigned char *block = (unsigned char *)meter;
    void *cells = block + plan->cells_at;
    void *buckets = block + plan->buckets_at;
    void *metrics = block + plan->metrics_at;
    void *labels = block + plan->labels_at;
    void *distincts = block + plan->distincts_at;
    void *names = block + plan->names_at;
    *meter = (struct slu_meter){
        .cells = cells,
        .records = block + plan->records_at,
        .buckets = buckets,
        .metrics = metrics,
        .record_bytes = plan->record_bytes,
        .slot_count = plan->slot_count,
        .bucket_mask = plan->bucket_count - 1,
        .writer_count = options->writer_count,
        .labels_max = options->labels_max,
        .value_bytes_max = options->value_bytes_max,
        .labels = labels,
        .distincts = distincts,
        .rules = options->rules,
        .names = names,
        .idle_ns = options->idle_ns == 0 ? UINT64_MAX : options->idle_ns,
        .seed = options->seed,
        .rotation = {.oldest_ns = UINT64_MAX},
        .metrics_max = options->metrics_max,
        .series_max = options->series_max,
        .names_bytes_max = options->names_bytes_max,
    };
    mutex_init(&meter->any_thread_lock);
    mutex_init(&meter->lock);
    pool_init(&meter->pool, block, plan->pool, &plan->pool_options);
    strings_init(&meter->strings, block, plan->strings, plan->chunk_count, options->seed);
    summaries_init(&meter->summaries, block + plan->summaries_at, options->windows_max,
                   &options->window);
    meter->slot_mask = meter->pool.index_mask;
}

int slu_meter_create(struct slu_budget *budget, const struct slu_meter_options *options,
                     struct slu_diag *diag, struct slu_meter **out)
{
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    struct plan plan = plan_of(options);
    size_t block_bytes = 0;
    void *block = NULL;
    err = layout_alloc(&plan.layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(
            diag, err, "%u series for %u writers, in all %zu bytes, do not fit budget '%s'",
            options->series_max, options->writer_count, block_bytes, slu_budget_name(budget));
    }
    struct slu_meter *meter = block;
    meter_fill(meter, options, &plan);
    meter->budget = budget;
    meter->block_bytes = block_bytes;
    *out = meter;
    return 0;
}

void slu_meter_destroy(struct slu_meter **meter)
{
    struct slu_meter *gone = meter == NULL ? NULL : *meter;
    if (gone == NULL) {
        return;
    }
    mutex_deinit(&gone->lock);
    mutex_deinit(&gone->any_thread_lock);
    pool_deinit(&gone->pool);
    summaries_deinit(&gone->summaries);
    slu_budget_free(gone->budget, gone, gone->block_bytes);
    *meter = NULL;
}

uint32_t slu_meter_expire(struct slu_meter *meter, uint64_t now_ns, uint32_t examine_max)
{
    mutex_lock(&meter->lock);
    time_advance(meter, now_ns);
    uint32_t dropped_count = series_expire(meter, examine_max);
    mutex_unlock(&meter->lock);
    return dropped_count;
}

void slu_meter_stats(struct slu_meter *meter, struct slu_meter_stats *out)
{
    mutex_lock(&meter->lock);
    *out = (struct slu_meter_stats){
        .metric_count = atomic_load_explicit(&meter->metric_count, memory_order_relaxed),
        .series_count = meter->series_count,
        .windows_used_count = meter->summaries.used_count,
        .values_used_bytes = (uint64_t)meter->strings.chunk_used_count * STRING_CHUNK_BYTES,
        .dropped_count = meter->dropped_count,
    };
    mutex_unlock(&meter->lock);
}
