/*
 * Buckets of chained series. Readers take no lock: they may be led astray by a series that is taken
 * out, or even put into another bucket, while they stand on it; then they miss, notice by
 * `removal_count`, and ask again under the lock. They never find the wrong series, because they
 * compare the values and then see that the handle is still the same.
 *
 * Writers mark first (`handle` to 0, `removal_count`) and change afterwards, with releases; readers
 * load with acquires and look at the marks last.
 */
#include "meter/series.h"

#include "base/assert.h"

#define EXAMINED_BY_EACH 2  /* new series; more than one, so that idle ones do not pile up */
#define EXAMINED_IF_FULL 32 /* before a sample goes to the overflow */

static uint32_t load32(const _Atomic uint32_t *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

static uint64_t load64(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_acquire);
}

static void store32(_Atomic uint32_t *at, uint32_t value)
{
    atomic_store_explicit(at, value, memory_order_release);
}

static void store64(_Atomic uint64_t *at, uint64_t value)
{
    atomic_store_explicit(at, value, memory_order_release);
}

static bool record_matches(const struct slu_meter *meter, const struct record *record,
                           uint32_t metric, const struct label_key *key)
{
    if (load64(&record->hash) != key->hash || load32(&record->metric) != metric ||
        load32(&record->present) != key->present) {
        return false;
    }
    struct key_value value;
    for (uint32_t at = 0; key_next(key, &at, &value);) {
        uint32_t string = load32(&record->values[value.position]);
        if (string >= meter->strings.chunk_count ||
            !strings_equal(&meter->strings, string, value.words, value.len)) {
            return false;
        }
    }
    return true;
}

static _Atomic uint32_t *key_bucket(const struct slu_meter *meter, uint64_t hash)
{
    return &meter->buckets[hash & meter->bucket_mask];
}

uint64_t series_find(const struct slu_meter *meter, uint32_t writer, uint32_t metric,
                     const struct label_key *key, bool *certain)
{
    uint64_t removal_count = load64(&meter->removal_count);
    uint32_t next = load32(key_bucket(meter, key->hash));
    for (uint32_t length = 0; next != 0 && length < SERIES_CHAIN_MAX; length++) {
        const struct record *record = meter_record(meter, next - 1);
        __builtin_prefetch(meter_cell(meter, writer, next - 1), 1);
        uint64_t handle = load64(&record->handle);
        if (handle != 0 && record_matches(meter, record, metric, key) &&
            load64(&record->handle) == handle) {
            return handle;
        }
        next = load32(&record->next);
    }
    *certain = load64(&meter->removal_count) == removal_count;
    return 0;
}

void time_advance(struct slu_meter *meter, uint64_t now_ns)
{
    meter->latest_ns = now_ns > meter->latest_ns ? now_ns : meter->latest_ns;
}

/* The time of the latest sample of a series, by any writer. */
static uint64_t series_at_ns(const struct slu_meter *meter, uint32_t slot, uint64_t handle)
{
    uint64_t at_ns = 0;
    for (uint32_t writer = 0; writer <= meter->writer_count; writer++) {
        const struct cell *cell = meter_cell(meter, writer, slot);
        if (load64(&cell->series) == handle) {
            uint64_t cell_ns = load64(&cell->at_ns);
            at_ns = cell_ns > at_ns ? cell_ns : at_ns;
        }
    }
    return at_ns;
}

static void bucket_remove(struct slu_meter *meter, const struct record *record, uint32_t slot)
{
    _Atomic uint32_t *link = key_bucket(meter, load64(&record->hash));
    while (load32(link) != slot + 1) {
        SLU_ASSERT(load32(link) != 0);
        link = &meter_record(meter, load32(link) - 1)->next;
    }
    store32(link, load32(&record->next));
}

static struct neighbours *slot_neighbours(const struct slu_meter *meter, uint32_t slot)
{
    return pool_record(&meter->pool, slot);
}

uint32_t series_newer(const struct slu_meter *meter, uint32_t slot)
{
    return slot_neighbours(meter, slot)->newer;
}

static void list_append(struct slu_meter *meter, struct metric *metric, uint32_t slot)
{
    *slot_neighbours(meter, slot) =
        (struct neighbours){.older = metric->newest, .newer = SLOT_NONE};
    if (metric->newest == SLOT_NONE) {
        metric->oldest = slot;
    } else {
        slot_neighbours(meter, metric->newest)->newer = slot;
    }
    metric->newest = slot;
    metric->series_count++;
    meter->series_count++;
}

/* Nobody may stand at the slot that leaves: a walk ends earlier, everyone else goes on. */
static void walks_leave(struct slu_meter *meter, uint32_t slot, const struct neighbours *beside)
{
    for (struct walk *walk = meter->walks; walk != NULL; walk = walk->other) {
        bool is_last = walk->last == slot;
        if (walk->next == slot) {
            walk->next = is_last ? SLOT_NONE : beside->newer;
        }
        walk->last = is_last ? beside->older : walk->last;
    }
}

static void list_remove(struct slu_meter *meter, struct metric *metric, uint32_t slot)
{
    struct neighbours beside = *slot_neighbours(meter, slot);
    walks_leave(meter, slot, &beside);
    if (metric->rotation.next == slot) {
        metric->rotation.next = beside.newer;
    }
    if (beside.older == SLOT_NONE) {
        metric->oldest = beside.newer;
    } else {
        slot_neighbours(meter, beside.older)->newer = beside.newer;
    }
    if (beside.newer == SLOT_NONE) {
        metric->newest = beside.older;
    } else {
        slot_neighbours(meter, beside.newer)->older = beside.older;
    }
    metric->series_count--;
    meter->series_count--;
}

static void rotation_restart(struct rotation *rotation)
{
    rotation->seen_count = 0;
    rotation->oldest_ns = UINT64_MAX;
    rotation->clean_until_ns = 0;
    atomic_store_explicit(&rotation->closed_until_ns, 0, memory_order_relaxed);
}

static void values_release(struct slu_meter *meter, const struct record *record)
{
    uint32_t present = load32(&record->present);
    for (uint32_t position = 0; present >> position != 0; position++) {
        if ((present >> position & 1) != 0) {
            strings_unref(&meter->strings, load32(&record->values[position]));
        }
    }
}

static void series_drop(struct slu_meter *meter, uint32_t slot, uint64_t handle)
{
    struct record *record = meter_record(meter, slot);
    struct metric *metric = &meter->metrics[load32(&record->metric)];
    store64(&meter->removal_count, load64(&meter->removal_count) + 1);
    store64(&record->handle, 0);
    bucket_remove(meter, record, slot);
    list_remove(meter, metric, slot);
    values_release(meter, record);
    if (load32(&record->summary) != SUMMARY_NONE) {
        summary_give(&meter->summaries, load32(&record->summary));
    }
    for (uint32_t writer = 0; writer <= meter->writer_count; writer++) {
        store64(&meter_cell(meter, writer, slot)->series, 0);
    }
    int err = slu_pool_give(&meter->pool, handle);
    SLU_ASSERT(err == 0);
    metric->dropped_count++;
    meter->dropped_count++;
    rotation_restart(&metric->rotation);
    rotation_restart(&meter->rotation);
}

/* A slot's series, or 0 if it has none that can be dropped. */
static uint64_t slot_series(const struct slu_meter *meter, uint32_t slot)
{
    const struct record *record = meter_record(meter, slot);
    uint64_t handle = load64(&record->handle);
    return handle == 0 || meter->metrics[load32(&record->metric)].overflow == handle ? 0 : handle;
}

/* True if it is dropped; otherwise `*oldest_ns` becomes the time of its latest sample, if less. */
static bool series_examine(struct slu_meter *meter, uint32_t slot, uint64_t *oldest_ns)
{
    uint64_t handle = slot_series(meter, slot);
    if (handle == 0) {
        return false;
    }
    uint64_t at_ns = series_at_ns(meter, slot, handle);
    if (at_ns < meter->latest_ns && meter->latest_ns - at_ns >= meter->idle_ns) {
        series_drop(meter, slot, handle);
        return true;
    }
    *oldest_ns = at_ns < *oldest_ns ? at_ns : *oldest_ns;
    return false;
}

bool series_drop_idle(struct slu_meter *meter, uint32_t slot)
{
    uint64_t oldest_ns = 0;
    return meter->idle_ns != UINT64_MAX && series_examine(meter, slot, &oldest_ns);
}

/* One more slot of `population` has been seen. */
static void rotation_count(const struct slu_meter *meter, struct rotation *rotation,
                           uint32_t population)
{
    if (++rotation->seen_count < population) {
        return;
    }
    if (__builtin_add_overflow(rotation->oldest_ns, meter->idle_ns, &rotation->clean_until_ns)) {
        rotation->clean_until_ns = UINT64_MAX;
    }
    rotation->seen_count = 0;
    rotation->oldest_ns = UINT64_MAX;
}

uint32_t series_expire(struct slu_meter *meter, uint32_t examine_max)
{
    struct rotation *rotation = &meter->rotation;
    uint32_t population = meter->pool.fresh_count;
    uint32_t dropped_count = 0;
    if (meter->idle_ns == UINT64_MAX) {
        rotation->clean_until_ns = UINT64_MAX;
        return 0;
    }
    examine_max = examine_max < population ? examine_max : population;
    for (uint32_t i = 0; i < examine_max; i++) {
        uint32_t slot = rotation->next < population ? rotation->next : 0;
        rotation->next = slot + 1;
        dropped_count += series_examine(meter, slot, &rotation->oldest_ns);
        rotation_count(meter, rotation, population);
    }
    return dropped_count;
}

static void metric_expire(struct slu_meter *meter, struct metric *metric, uint32_t examine_max)
{
    struct rotation *rotation = &metric->rotation;
    if (meter->idle_ns == UINT64_MAX) {
        rotation->clean_until_ns = UINT64_MAX;
        return;
    }
    for (uint32_t i = 0; i < examine_max && metric->series_count > 0; i++) {
        uint32_t slot = rotation->next == SLOT_NONE ? metric->oldest : rotation->next;
        rotation->next = slot_neighbours(meter, slot)->newer;
        if (!series_examine(meter, slot, &rotation->oldest_ns)) {
            rotation_count(meter, rotation, metric->series_count);
        }
    }
}

/* There is no room: until when need nobody ask again? */
static void rotation_close(struct rotation *rotation)
{
    atomic_store_explicit(&rotation->closed_until_ns, rotation->clean_until_ns,
                          memory_order_relaxed);
}

static bool room_make(struct slu_meter *meter, struct metric *metric)
{
    (void)series_expire(meter, EXAMINED_BY_EACH);
    if (metric->series_count >= metric->series_max) {
        metric_expire(meter, metric, EXAMINED_IF_FULL);
    }
    if (meter->series_count >= meter->series_max) {
        (void)series_expire(meter, EXAMINED_IF_FULL);
    }
    if (metric->series_count >= metric->series_max) {
        rotation_close(&metric->rotation);
        return false;
    }
    if (meter->series_count >= meter->series_max) {
        rotation_close(&meter->rotation);
        return false;
    }
    return true;
}

/* All strings of a key, or none of them. */
static int values_take(struct slu_meter *meter, const struct label_key *key, uint32_t *strings)
{
    struct key_value value;
    uint32_t count = 0;
    for (uint32_t at = 0; key_next(key, &at, &value); count++) {
        int err = strings_ref(&meter->strings, value.words, value.len, &strings[count]);
        if (err != 0) {
            while (count > 0) {
                strings_unref(&meter->strings, strings[--count]);
            }
            return err;
        }
    }
    return 0;
}

static bool values_make_room(struct slu_meter *meter, const struct label_key *key,
                             uint32_t *strings)
{
    if (values_take(meter, key, strings) == 0) {
        return true;
    }
    (void)series_expire(meter, EXAMINED_IF_FULL);
    return values_take(meter, key, strings) == 0;
}

static bool chain_has_room(const struct slu_meter *meter, const struct label_key *key)
{
    uint32_t length = 0;
    for (uint32_t next = load32(key_bucket(meter, key->hash)); next != 0; length++) {
        next = load32(&meter_record(meter, next - 1)->next);
    }
    return length < SERIES_CHAIN_MAX;
}

/* A summary's series needs a window. */
static bool summary_make_room(struct slu_meter *meter, const struct metric *metric)
{
    const struct summaries *summaries = &meter->summaries;
    if (metric->kind == SLU_METRIC_SUMMARY && summaries->used_count == summaries->count) {
        (void)series_expire(meter, EXAMINED_IF_FULL);
    }
    return metric->kind != SLU_METRIC_SUMMARY || summaries->used_count < summaries->count;
}

static uint32_t summary_of_kind(struct slu_meter *meter, uint32_t kind, uint64_t handle)
{
    return kind == SLU_METRIC_SUMMARY ? summary_take(&meter->summaries, handle) : SUMMARY_NONE;
}

static uint64_t slot_take(struct slu_meter *meter, uint32_t *slot)
{
    slu_pool_handle handle = 0;
    void *neighbours = NULL;
    int err = slu_pool_take(&meter->pool, &handle, &neighbours);
    SLU_ASSERT(err == 0); /* there are as many as series and overflows may be */
    *slot = slu_pool_slot(&meter->pool, handle);
    return handle;
}

uint64_t series_add(struct slu_meter *meter, uint32_t metric_number, const struct label_key *key)
{
    struct metric *metric = &meter->metrics[metric_number];
    uint32_t strings[KEY_VALUES_MAX];
    if (!room_make(meter, metric) || !chain_has_room(meter, key) ||
        !summary_make_room(meter, metric) || !values_make_room(meter, key, strings)) {
        return 0;
    }
    uint32_t slot = 0;
    uint64_t handle = slot_take(meter, &slot);
    struct record *record = meter_record(meter, slot);
    _Atomic uint32_t *bucket = key_bucket(meter, key->hash);
    store64(&record->hash, key->hash);
    store32(&record->metric, metric_number);
    store32(&record->present, key->present);
    store32(&record->summary, summary_of_kind(meter, metric->kind, handle));
    struct key_value value;
    uint32_t count = 0;
    for (uint32_t at = 0; key_next(key, &at, &value);) {
        store32(&record->values[value.position], strings[count++]);
    }
    store32(&record->next, load32(bucket));
    store64(&record->handle, handle);
    store32(bucket, slot + 1);
    list_append(meter, metric, slot);
    rotation_restart(&metric->rotation);
    rotation_restart(&meter->rotation);
    return handle;
}

uint64_t series_add_overflow(struct slu_meter *meter, uint32_t metric, uint32_t kind)
{
    uint32_t slot = 0;
    uint64_t handle = slot_take(meter, &slot);
    struct record *record = meter_record(meter, slot);
    store32(&record->metric, metric);
    store32(&record->summary, summary_of_kind(meter, kind, handle));
    store64(&record->handle, handle);
    return handle;
}
