#include "meter/explosion.h"

#include <errno.h>

#include "base/hash.h"

static struct distinct *metric_distincts(const struct slu_meter *meter, uint32_t metric)
{
    return &meter->distincts[(size_t)metric * meter->labels_max];
}

/* Periods are as long as series may be idle. */
static uint64_t period_of(const struct slu_meter *meter, uint64_t now_ns)
{
    return meter->idle_ns == UINT64_MAX ? 0 : now_ns / meter->idle_ns;
}

/* Begin the period of `now_ns` unless it has begun. Under the lock. Returns the latest begun. */
static uint64_t period_begin(struct slu_meter *meter, uint32_t number, uint64_t now_ns)
{
    struct metric *metric = &meter->metrics[number];
    uint64_t before = atomic_load_explicit(&metric->period, memory_order_relaxed);
    uint64_t period = period_of(meter, now_ns);
    if (period <= before) {
        return before;
    }
    struct distinct *distincts = metric_distincts(meter, number);
    for (uint32_t i = 0; i < meter->labels_max; i++) {
        distinct_clear(&distincts[i], period);
        if (period - before > 1) {
            distinct_clear(&distincts[i], period - 1);
        }
    }
    atomic_store_explicit(&metric->period, period, memory_order_relaxed);
    return period;
}

static void values_note(struct slu_meter *meter, uint32_t metric, const struct label_key *key,
                        uint64_t period)
{
    struct distinct *distincts = metric_distincts(meter, metric);
    struct key_value value;
    for (uint32_t at = 0; key_next(key, &at, &value);) {
        uint64_t hash = hash_bytes((struct slu_bytes){value.words, value.len}, meter->seed);
        distinct_note(&distincts[value.position], period, hash);
    }
}

void explosion_note_locked(struct slu_meter *meter, uint32_t metric, const struct label_key *key,
                           uint64_t now_ns)
{
    values_note(meter, metric, key, period_begin(meter, metric, now_ns));
}

void explosion_note(struct slu_meter *meter, uint32_t metric, const struct label_key *key,
                    uint64_t now_ns)
{
    uint64_t period = atomic_load_explicit(&meter->metrics[metric].period, memory_order_relaxed);
    if (period_of(meter, now_ns) > period) {
        mutex_lock(&meter->lock);
        period = period_begin(meter, metric, now_ns);
        mutex_unlock(&meter->lock);
    }
    values_note(meter, metric, key, period);
}

static uint64_t overflow_samples(const struct slu_meter *meter, const struct metric *metric)
{
    uint32_t slot = handle_slot(meter, metric->overflow);
    uint64_t count = 0;
    for (uint32_t writer = 0; writer <= meter->writer_count; writer++) {
        count += atomic_load_explicit(&meter_cell(meter, writer, slot)->sample_count,
                                      memory_order_relaxed);
    }
    return count;
}

static bool metric_is_there(const struct slu_meter *meter, uint32_t metric)
{
    return metric < atomic_load_explicit(&meter->metric_count, memory_order_acquire);
}

int slu_metric_stats(struct slu_meter *meter, uint32_t number, struct slu_metric_stats *out)
{
    if (!metric_is_there(meter, number)) {
        return -EINVAL;
    }
    const struct metric *metric = &meter->metrics[number];
    mutex_lock(&meter->lock);
    *out = (struct slu_metric_stats){
        .series_count = metric->series_count,
        .dropped_count = metric->dropped_count,
        .overflow_count = overflow_samples(meter, metric),
    };
    mutex_unlock(&meter->lock);
    return 0;
}

int slu_meter_exploded(struct slu_meter *meter, uint32_t number, uint64_t now_ns,
                       struct slu_meter_explosion *out)
{
    if (!metric_is_there(meter, number)) {
        return -EINVAL;
    }
    struct metric *metric = &meter->metrics[number];
    struct slu_meter_explosion worst = {.metric = number};
    mutex_lock(&meter->lock);
    worst.overflow_count = overflow_samples(meter, metric);
    uint32_t label_count = atomic_load_explicit(&metric->label_count, memory_order_relaxed);
    (void)period_begin(meter, number, now_ns);
    for (uint32_t i = 0; i < label_count; i++) {
        uint64_t count = distinct_estimate(metric_distincts(meter, number) + i);
        if (count > worst.distinct_count || i == 0) {
            worst.label = i;
            worst.name = label_name(meter, &metric_labels(meter, number)[i]);
            worst.distinct_count = count;
        }
    }
    mutex_unlock(&meter->lock);
    if (worst.overflow_count == 0 || label_count == 0) {
        return -ENOENT;
    }
    *out = worst;
    return 0;
}
