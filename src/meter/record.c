/*
 * Finding a sample's series, and recording it in the writer's own cell.
 */
#include <sluice/meter.h>

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "meter/explosion.h"
#include "meter/meter.h"
#include "meter/metric.h"
#include "meter/series.h"

static uint64_t load(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static void store(_Atomic uint64_t *at, uint64_t value)
{
    atomic_store_explicit(at, value, memory_order_relaxed);
}

/* The cells to write to; the shared ones are locked until writer_leave. */
static int writer_enter(struct slu_meter *meter, uint32_t *writer)
{
    if (*writer < meter->writer_count) {
        return 0;
    }
    if (*writer != SLU_METER_ANY_THREAD) {
        return -EINVAL;
    }
    mutex_lock(&meter->any_thread_lock);
    *writer = meter->writer_count;
    return 0;
}

static void writer_leave(struct slu_meter *meter, uint32_t writer)
{
    if (writer == meter->writer_count) {
        mutex_unlock(&meter->any_thread_lock);
    }
}

/* A gauge's time says which writer's value is the latest, so only setting it changes that. */
static void cell_touch(struct cell *cell, uint32_t kind, uint64_t now_ns)
{
    if (kind != SLU_METRIC_GAUGE) {
        store(&cell->at_ns, now_ns);
    }
}

/* Let a writer begin to record for a series that is there. Under the lock. */
static void cell_open(struct slu_meter *meter, uint32_t writer, uint64_t handle, uint64_t now_ns)
{
    struct cell *cell = meter_cell(meter, writer, handle_slot(meter, handle));
    if (load(&cell->series) != handle) {
        store(&cell->value, 0);
        store(&cell->sample_count, 0);
        store(&cell->at_ns, now_ns);
        store(&cell->series, handle);
    }
}

static int cell_open_locking(struct slu_meter *meter, uint32_t writer, uint64_t handle,
                             uint64_t now_ns)
{
    int err = -ESTALE;
    mutex_lock(&meter->lock);
    if (slu_pool_resolve(&meter->pool, handle) != NULL) {
        cell_open(meter, writer, handle, now_ns);
        err = 0;
    }
    mutex_unlock(&meter->lock);
    return err;
}

/* The writer's cell of a series; begun if need be. */
static inline int cell_of(struct slu_meter *meter, uint32_t writer, uint64_t handle,
                          uint64_t now_ns, struct cell **cell)
{
    uint32_t slot = handle_slot(meter, handle);
    if (__builtin_expect(slot >= meter->slot_count, 0)) {
        return -ESTALE;
    }
    *cell = meter_cell(meter, writer, slot);
    if (__builtin_expect(load(&(*cell)->series) != handle, 0)) {
        return cell_open_locking(meter, writer, handle, now_ns);
    }
    return 0;
}

static inline void cell_record(struct cell *cell, uint64_t now_ns, uint64_t value)
{
    store(&cell->value, value);
    store(&cell->at_ns, now_ns);
    store(&cell->sample_count, load(&cell->sample_count) + 1);
}

static int count_in(struct slu_meter *meter, uint32_t writer, uint64_t handle, uint64_t now_ns,
                    uint64_t amount)
{
    struct cell *cell = NULL;
    int err = cell_of(meter, writer, handle, now_ns, &cell);
    if (__builtin_expect(err != 0, 0)) {
        return err;
    }
    uint64_t sum = 0;
    if (__builtin_expect(__builtin_add_overflow(load(&cell->value), amount, &sum), 0)) {
        return -EOVERFLOW;
    }
    cell_record(cell, now_ns, sum);
    return 0;
}

int slu_meter_count(struct slu_meter *meter, uint32_t writer, struct slu_series series,
                    uint64_t now_ns, uint64_t amount)
{
    if (__builtin_expect(series.kind != SLU_METRIC_COUNTER, 0)) {
        return -EINVAL;
    }
    if (__builtin_expect(writer < meter->writer_count, 1)) {
        return count_in(meter, writer, series.id, now_ns, amount);
    }
    int err = writer_enter(meter, &writer);
    if (err == 0) {
        err = count_in(meter, writer, series.id, now_ns, amount);
        writer_leave(meter, writer);
    }
    return err;
}

static int shift_in(struct slu_meter *meter, uint32_t writer, uint64_t handle, uint64_t now_ns,
                    int64_t amount)
{
    struct cell *cell = NULL;
    int err = cell_of(meter, writer, handle, now_ns, &cell);
    if (err != 0) {
        return err;
    }
    int64_t sum = 0;
    if (__builtin_add_overflow((int64_t)load(&cell->value), amount, &sum)) {
        return -EOVERFLOW;
    }
    cell_record(cell, now_ns, (uint64_t)sum);
    return 0;
}

int slu_meter_shift(struct slu_meter *meter, uint32_t writer, struct slu_series series,
                    uint64_t now_ns, int64_t amount)
{
    int err = series.kind == SLU_METRIC_SUM ? writer_enter(meter, &writer) : -EINVAL;
    if (err == 0) {
        err = shift_in(meter, writer, series.id, now_ns, amount);
        writer_leave(meter, writer);
    }
    return err;
}

int slu_meter_set(struct slu_meter *meter, uint32_t writer, struct slu_series series,
                  uint64_t now_ns, double value)
{
    struct cell *cell = NULL;
    int err = series.kind == SLU_METRIC_GAUGE ? writer_enter(meter, &writer) : -EINVAL;
    if (err != 0) {
        return err;
    }
    err = cell_of(meter, writer, series.id, now_ns, &cell);
    if (err == 0) {
        uint64_t bits = 0;
        memcpy(&bits, &value, sizeof(bits));
        cell_record(cell, now_ns, bits);
    }
    writer_leave(meter, writer);
    return err;
}

/* The window first: what it refuses is not in the sum either. */
static int observe_in(struct slu_meter *meter, uint32_t writer, uint64_t handle, uint64_t now_ns,
                      double value)
{
    struct cell *cell = NULL;
    int err = cell_of(meter, writer, handle, now_ns, &cell);
    if (err != 0) {
        return err;
    }
    const struct record *record = meter_record(meter, handle_slot(meter, handle));
    uint32_t summary = atomic_load_explicit(&record->summary, memory_order_acquire);
    err = summary_add(&meter->summaries, summary, handle, now_ns, value);
    if (err == 0) {
        uint64_t bits = load(&cell->value);
        double sum = 0;
        memcpy(&sum, &bits, sizeof(sum));
        sum += value;
        memcpy(&bits, &sum, sizeof(bits));
        cell_record(cell, now_ns, bits);
    }
    return err;
}

int slu_meter_observe(struct slu_meter *meter, uint32_t writer, struct slu_series series,
                      uint64_t now_ns, double value)
{
    int err = series.kind == SLU_METRIC_SUMMARY ? writer_enter(meter, &writer) : -EINVAL;
    if (err == 0) {
        err = observe_in(meter, writer, series.id, now_ns, value);
        writer_leave(meter, writer);
    }
    return err;
}

/* Normalise values that are in the order of the metric's labels; what is absent is empty. */
static void key_values(const struct slu_meter *meter, uint32_t metric,
                       const struct slu_bytes *values, uint32_t count, struct label_key *key)
{
    const struct metric_label *labels = metric_labels(meter, metric);
    for (uint32_t i = 0; i < count; i++) {
        key_append(key, i, meter->rules, (enum slu_label_form)labels[i].form, values[i],
                   meter->value_bytes_max);
    }
}

/* Where a label stands; most often the n-th name given is the n-th of the metric. */
static bool label_find(const struct slu_meter *meter, const struct slu_meter_key *from,
                       uint32_t nth, uint32_t label_count, uint32_t *position)
{
    const struct metric_label *labels = metric_labels(meter, from->metric);
    struct slu_bytes name = from->names[nth];
    if (nth < label_count && bytes_equal(label_name(meter, &labels[nth]), name)) {
        *position = nth;
        return true;
    }
    for (uint32_t at = 0; at < label_count; at++) {
        if (bytes_equal(label_name(meter, &labels[at]), name)) {
            *position = at;
            return true;
        }
    }
    return false;
}

static int label_position(struct slu_meter *meter, const struct slu_meter_key *from, uint32_t nth,
                          uint32_t *position)
{
    const struct metric *metric = &meter->metrics[from->metric];
    uint32_t label_count = atomic_load_explicit(&metric->label_count, memory_order_acquire);
    if (label_find(meter, from, nth, label_count, position)) {
        return 0;
    }
    if (!metric->open_labels) {
        return -EINVAL;
    }
    mutex_lock(&meter->lock);
    int err = metric_label_add(meter, from->metric, from->names[nth], position);
    mutex_unlock(&meter->lock);
    return err;
}

/*
 * Bring values into the order of the metric's labels. -EDQUOT if there is no room for a new name.
 *
 * values  SLU_METER_LABELS_MAX empty ones
 */
static int values_by_name(struct slu_meter *meter, const struct slu_meter_key *from,
                          struct slu_bytes *values, uint32_t *count)
{
    uint32_t given = 0;
    for (uint32_t i = 0; i < from->label_count; i++) {
        uint32_t position = 0;
        int err = label_position(meter, from, i, &position);
        if (err != 0) {
            return err;
        }
        if ((given >> position & 1) != 0) {
            return -EINVAL;
        }
        given |= UINT32_C(1) << position;
        values[position] = from->values[i];
        *count = position >= *count ? position + 1 : *count;
    }
    return 0;
}

static bool label_count_fits(const struct slu_meter *meter, const struct slu_meter_key *from)
{
    const struct metric *metric = &meter->metrics[from->metric];
    uint32_t label_count = atomic_load_explicit(&metric->label_count, memory_order_acquire);
    return from->label_count == label_count ||
           (from->label_count < label_count && metric->open_labels);
}

static int key_fill(struct slu_meter *meter, const struct slu_meter_key *from,
                    struct label_key *key)
{
    if (from->metric >= atomic_load_explicit(&meter->metric_count, memory_order_acquire)) {
        return -EINVAL;
    }
    struct slu_bytes named[SLU_METER_LABELS_MAX];
    const struct slu_bytes *values = from->values;
    uint32_t count = from->label_count;
    if (from->names != NULL) {
        memset(named, 0, sizeof(named));
        count = 0;
        int err = values_by_name(meter, from, named, &count);
        if (err != 0) {
            return err;
        }
        values = named;
    } else if (!label_count_fits(meter, from)) {
        return -EINVAL;
    }
    key_begin(key);
    key_values(meter, from->metric, values, count, key);
    key_end(key, meter->metrics[from->metric].seed);
    return 0;
}

/* Find or add under the lock; the overflow series when there is no room. */
static uint64_t series_admit(struct slu_meter *meter, uint32_t writer, uint32_t metric,
                             const struct label_key *key, uint64_t now_ns)
{
    bool certain = false;
    mutex_lock(&meter->lock);
    time_advance(meter, now_ns);
    uint64_t handle = series_find(meter, writer, metric, key, &certain);
    if (handle == 0) {
        explosion_note_locked(meter, metric, key, now_ns);
        handle = series_add(meter, metric, key);
    }
    handle = handle != 0 ? handle : meter->metrics[metric].overflow;
    cell_open(meter, writer, handle, now_ns);
    cell_touch(meter_cell(meter, writer, handle_slot(meter, handle)), meter->metrics[metric].kind,
               now_ns);
    mutex_unlock(&meter->lock);
    return handle;
}

/* True if a new series would find no room, as far as is known without the lock. */
static bool is_closed(const struct slu_meter *meter, uint32_t metric, uint64_t now_ns)
{
    return now_ns < load(&meter->rotation.closed_until_ns) ||
           now_ns < load(&meter->metrics[metric].rotation.closed_until_ns);
}

static uint64_t key_resolve(struct slu_meter *meter, uint32_t writer, uint32_t metric,
                            const struct label_key *key, uint64_t now_ns)
{
    bool certain = false;
    uint64_t handle = series_find(meter, writer, metric, key, &certain);
    if (handle == 0 && certain && is_closed(meter, metric, now_ns)) {
        explosion_note(meter, metric, key, now_ns);
        handle = meter->metrics[metric].overflow;
    }
    if (handle != 0) {
        struct cell *cell = meter_cell(meter, writer, handle_slot(meter, handle));
        if (load(&cell->series) == handle) {
            cell_touch(cell, meter->metrics[metric].kind, now_ns);
            return handle;
        }
        if (cell_open_locking(meter, writer, handle, now_ns) == 0) {
            return handle;
        }
    }
    return series_admit(meter, writer, metric, key, now_ns);
}

static void presence_count(struct slu_meter *meter, uint32_t writer, uint64_t handle)
{
    struct cell *cell = meter_cell(meter, writer, handle_slot(meter, handle));
    store(&cell->sample_count, load(&cell->sample_count) + 1);
}

int slu_meter_resolve(struct slu_meter *meter, uint32_t writer, const struct slu_meter_key *from,
                      uint64_t now_ns, struct slu_series *series)
{
    struct label_key key;
    int err = key_fill(meter, from, &key);
    if (err != 0 && err != -EDQUOT) {
        return err;
    }
    bool has_key = err == 0;
    err = writer_enter(meter, &writer);
    if (err != 0) {
        return err;
    }
    const struct metric *metric = &meter->metrics[from->metric];
    uint64_t handle = metric->overflow;
    if (has_key) {
        handle = key_resolve(meter, writer, from->metric, &key, now_ns);
    } else {
        err = cell_open_locking(meter, writer, handle, now_ns);
        SLU_ASSERT(err == 0);
    }
    if (metric->kind == SLU_METRIC_PRESENCE) {
        presence_count(meter, writer, handle);
    }
    writer_leave(meter, writer);
    *series = (struct slu_series){.id = handle, .metric = from->metric, .kind = metric->kind};
    return 0;
}

bool slu_meter_is_overflow(const struct slu_meter *meter, struct slu_series series)
{
    return series.metric < atomic_load_explicit(&meter->metric_count, memory_order_acquire) &&
           meter->metrics[series.metric].overflow == series.id;
}
