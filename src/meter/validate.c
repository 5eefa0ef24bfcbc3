#include "meter/validate.h"

#include "base/assert.h"
#include "meter/meter.h"
#include "meter/series.h"

static uint32_t load32(const _Atomic uint32_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static uint64_t load64(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void validate_bucket(const struct slu_meter *meter, uint32_t slot)
{
    const struct record *record = meter_record(meter, slot);
    uint32_t length = 0;
    uint32_t next = load32(&meter->buckets[load64(&record->hash) & meter->bucket_mask]);
    while (next != slot + 1) {
        SLU_ASSERT(next != 0 && ++length < SERIES_CHAIN_MAX);
        next = load32(&meter_record(meter, next - 1)->next);
    }
}

/* Returns how many references to strings it has. */
static uint32_t validate_record(const struct slu_meter *meter, uint32_t slot, uint32_t metric)
{
    const struct record *record = meter_record(meter, slot);
    uint64_t handle = load64(&record->handle);
    SLU_ASSERT(handle == pool_handle(&meter->pool, slot) && handle_slot(meter, handle) == slot);
    SLU_ASSERT(slu_pool_resolve(&meter->pool, handle) != NULL);
    SLU_ASSERT(load32(&record->metric) == metric);
    validate_bucket(meter, slot);
    uint32_t present = load32(&record->present);
    bool is_summary = meter->metrics[metric].kind == SLU_METRIC_SUMMARY;
    SLU_ASSERT(is_summary == (load32(&record->summary) != SUMMARY_NONE));
    SLU_ASSERT(present >> load32(&meter->metrics[metric].label_count) == 0);
    for (uint32_t position = 0; present >> position != 0; position++) {
        if ((present >> position & 1) != 0) {
            SLU_ASSERT(meter->strings.ref_counts[load32(&record->values[position])] > 0);
        }
    }
    return (uint32_t)__builtin_popcount(present);
}

static uint64_t validate_metric(const struct slu_meter *meter, uint32_t number)
{
    const struct metric *metric = &meter->metrics[number];
    uint32_t count = 0;
    uint64_t ref_count = 0;
    uint32_t last = SLOT_NONE;
    bool met_next = metric->rotation.next == SLOT_NONE;
    for (uint32_t slot = metric->oldest; slot != SLOT_NONE; slot = series_newer(meter, slot)) {
        const struct neighbours *beside = pool_record(&meter->pool, slot);
        SLU_ASSERT(beside->older == last);
        ref_count += validate_record(meter, slot, number);
        met_next |= metric->rotation.next == slot;
        last = slot;
        count++;
    }
    SLU_ASSERT(metric->newest == last && metric->series_count == count && met_next);
    SLU_ASSERT(count <= metric->series_max);
    return ref_count;
}

/* A free slot has no series, and no writer writes to it. */
static void validate_cells(const struct slu_meter *meter, uint32_t slot)
{
    uint64_t handle = load64(&meter_record(meter, slot)->handle);
    for (uint32_t writer = 0; writer <= meter->writer_count; writer++) {
        uint64_t series = load64(&meter_cell(meter, writer, slot)->series);
        SLU_ASSERT(series == 0 || series == handle);
    }
}

void meter_validate(struct slu_meter *meter)
{
    pool_validate(&meter->pool);
    strings_validate(&meter->strings);
    uint32_t metric_count = load32(&meter->metric_count);
    uint32_t series_count = 0;
    uint32_t summary_count = 0;
    uint64_t ref_count = 0;
    for (uint32_t number = 0; number < metric_count; number++) {
        const struct metric *metric = &meter->metrics[number];
        ref_count += validate_metric(meter, number);
        series_count += metric->series_count;
        summary_count += metric->kind == SLU_METRIC_SUMMARY ? metric->series_count + 1 : 0;
    }
    SLU_ASSERT(summary_count == meter->summaries.used_count);
    for (uint32_t string = 0; string < meter->strings.chunk_fresh; string++) {
        ref_count -= meter->strings.ref_counts[string];
    }
    SLU_ASSERT(ref_count == 0);
    SLU_ASSERT(series_count == meter->series_count && series_count <= meter->series_max);
    SLU_ASSERT(series_count + metric_count == meter->pool.taken_count);
    for (uint32_t slot = 0; slot < meter->slot_count; slot++) {
        validate_cells(meter, slot);
    }
    SLU_ASSERT(meter->walks == NULL);
}
