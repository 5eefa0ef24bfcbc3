#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/clock.h>
#include <sluice/scope.h>

#include "base/assert.h"
#include "base/diag.h"
#include "store/queue.h"
#include "store/shelf.h"
#include "store/settled_clock.h"
#include "store/store_io.h"
#include "store/store_state.h"
#include "sys/wall_clock.h"

#define TEND_PERIOD_NS   UINT64_C(1000000000)
#define TASK_STACK_BYTES ((size_t)512 * 1024)
#define STAGING_MAX      ((uint64_t)4 << 20) /* of a signal's messages, before the log has them */
#define STAGING_MIN      ((uint64_t)1 << 20)
#define STAGING_SHARE    16                   /* of all memory, between these */
#define NAMES_ALL_BYTES  ((uint64_t)24 << 20) /* of memory, for metadata of as many as ever */
#define SHARES           12                   /* of the memory for heads, as shares_of says */
#define CACHE_SHARE      8                    /* of all memory is the cache's */

static const char *const signal_names[STORE_SIGNAL_COUNT] = {
    [STORE_METRICS] = "metrics",
    [STORE_LOGS] = "logs",
    [STORE_TRACES] = "traces",
    [STORE_PROFILES] = "profiles",
};

static const uint64_t shares_of[STORE_SIGNAL_COUNT] = {
    [STORE_METRICS] = 4,
    [STORE_LOGS] = 3,
    [STORE_TRACES] = 3,
    [STORE_PROFILES] = 2,
};

const char *store_signal_name(enum store_signal signal)
{
    return signal_names[signal];
}

static uint64_t given_or(uint64_t given, uint64_t otherwise)
{
    return given != 0 ? given : otherwise;
}

static struct store_options options_filled(const struct store_options *given)
{
    struct store_options filled = *given;
    filled.io = given->io != NULL ? given->io : &store_io_real;
    filled.memory_bytes = given_or(given->memory_bytes, STORE_MEMORY_DEFAULT);
    filled.size_bytes_max = given_or(given->size_bytes_max, STORE_SIZE_DEFAULT);
    filled.out_of_order_ns = given_or(given->out_of_order_ns, STORE_OUT_OF_ORDER_DEFAULT);
    filled.future_ns = given_or(given->future_ns, STORE_FUTURE_DEFAULT);
    filled.head_age_ns = given_or(given->head_age_ns, STORE_HEAD_AGE_DEFAULT);
    filled.log_bytes_max = given_or(given->log_bytes_max, STORE_LOG_DEFAULT);
    filled.series_max = (uint32_t)given_or(given->series_max, STORE_SERIES_DEFAULT);
    filled.stream_max = (uint32_t)given_or(given->stream_max, STORE_STREAMS_DEFAULT);
    return filled;
}

static void wake(void *arg)
{
    struct store *store = arg;
    mutex_lock(&store->lock);
    store->is_work_wanted = true;
    condition_broadcast(&store->work_wanted);
    mutex_unlock(&store->lock);
}

static void tasks_end(struct store *store)
{
    mutex_lock(&store->lock);
    store->is_ending = true;
    condition_broadcast(&store->work_wanted);
    mutex_unlock(&store->lock);
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        shelf_end(&store->shelves[i]);
    }
}

void store_end(struct store *store)
{
    tasks_end(store);
}

void store_drain(struct store *store)
{
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        shelf_drain(&store->shelves[i]);
    }
}

static void scope_cancelled(struct slu_scope *scope, void *arg)
{
    (void)scope;
    tasks_end(arg);
}

/* Wait for work, or until it is time to look. False when the store ends. */
static bool work_await(struct store *store, uint64_t deadline_ns)
{
    mutex_lock(&store->lock);
    while (!store->is_work_wanted && !store->is_ending &&
           condition_wait_until(&store->work_wanted, &store->lock, deadline_ns) == 0) {
    }
    store->is_work_wanted = false;
    bool goes_on = !store->is_ending;
    mutex_unlock(&store->lock);
    return goes_on;
}

static void heads_write(struct store *store, int64_t now_ns)
{
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        struct shelf *shelf = &store->shelves[i];
        if (shelf_is_due(shelf, now_ns)) {
            int err = shelf_flush(shelf, now_ns);
            (void)err; /* counted and told; it is tried again */
        }
    }
}

static void flush_run(struct slu_scope *scope, void *arg)
{
    struct store *store = arg;
    (void)scope; /* its end comes by a callback, which sets is_ending */
    while (work_await(store, slu_clock_monotonic_ns() + TEND_PERIOD_NS)) {
        mutex_lock(&store->flush_lock);
        heads_write(store, wall_clock_ns());
        mutex_unlock(&store->flush_lock);
    }
}

static int64_t settled_ns(struct store *store, struct settled_clock *clock)
{
    char text[160];
    int64_t leap_ns = 0;
    int64_t now_ns = settled_clock_look(clock, wall_clock_ns(), slu_clock_monotonic_ns(), &leap_ns);
    if (leap_ns != 0 && store->options.say != NULL) {
        (void)snprintf(text, sizeof(text),
                       "store: the clock has leapt ahead by %lld s; until it has stayed there for "
                       "an hour, nothing is dropped for its age",
                       (long long)(leap_ns / 1000000000));
        store->options.say(store->options.say_arg, text);
    }
    return now_ns;
}

static void tend_run(struct slu_scope *scope, void *arg)
{
    struct store *store = arg;
    struct settled_clock clock = {0};
    while (slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + TEND_PERIOD_NS) == 0) {
        store_parts_tend(store, scope, settled_ns(store, &clock));
    }
}

static int tasks_start(struct store *store, struct slu_diag *diag)
{
    struct slu_scope_options options = {.name = "store",
                                        .budget = store->options.budget,
                                        .task_max = 2,
                                        .callback_max = 1,
                                        .task_stack_bytes = TASK_STACK_BYTES};
    if (store->options.scope == NULL) {
        return 0;
    }
    int err = slu_scope_create(store->options.scope, &options, diag, &store->scope);
    if (err != 0) {
        return err;
    }
    err = slu_scope_callback_add(store->scope, scope_cancelled, store, &store->cancel_handle);
    if (err == 0) {
        err = slu_go(store->scope, "store-flush", flush_run, store);
    }
    if (err == 0) {
        err = slu_go(store->scope, "store-tend", tend_run, store);
    }
    return err != 0 ? diag_fail(diag, err, "the store's tasks: %s", strerror(-err)) : 0;
}

static uint64_t cache_bytes(const struct store_options *options)
{
    uint64_t bytes = options->memory_bytes / CACHE_SHARE;
    return bytes < BLOCK_CACHE_MIN ? 0 : bytes;
}

static uint64_t staging_bytes(const struct store_options *options)
{
    uint64_t bytes = options->memory_bytes / STAGING_SHARE;
    return bytes < STAGING_MIN ? STAGING_MIN : bytes > STAGING_MAX ? STAGING_MAX : bytes;
}

static uint32_t names_max(const struct store_options *options)
{
    return options->memory_bytes < NAMES_ALL_BYTES ? METADATA_NAMES_MIN : METADATA_NAMES_MAX;
}

static int shelves_open(struct store *store, struct slu_diag *diag)
{
    uint64_t heads_bytes = store->options.memory_bytes - cache_bytes(&store->options);
    int err = 0;
    for (size_t i = 0; err == 0 && i < STORE_SIGNAL_COUNT; i++) {
        struct shelf_options options = {
            .store = &store->options,
            .signal = (enum store_signal)i,
            .memory_bytes = heads_bytes / SHARES * shares_of[i],
            .staging_bytes = staging_bytes(&store->options),
            .names_max = names_max(&store->options),
            .budget = store->options.budget,
            .wake = wake,
            .wake_arg = store,
        };
        err = shelf_open(&store->shelves[i], &options, diag);
    }
    return err;
}

int store_open(const struct store_options *options, struct slu_diag *diag, struct store **out)
{
    void *memory = NULL;
    struct store_options filled = options_filled(options);
    if (filled.budget == NULL || filled.directory == NULL || filled.apply == NULL ||
        filled.memory_bytes < STORE_MEMORY_MIN) {
        return diag_fail(diag, -EINVAL, "the store's options: memory of %llu MiB at least",
                         (unsigned long long)(STORE_MEMORY_MIN >> 20));
    }
    int err = slu_budget_alloc(filled.budget, sizeof(struct store), &memory);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the store");
    }
    struct store *store = memory;
    *store = (struct store){.options = filled};
    mutex_init(&store->lock);
    mutex_init(&store->flush_lock);
    condition_init(&store->work_wanted);
    err = filled.io->make_directory(filled.io->context, filled.directory);
    err = err == -EEXIST ? 0 : err;
    if (err != 0) {
        err = diag_fail(diag, err, "%.200s: %s", filled.directory, strerror(-err));
    }
    if (err == 0) {
        err = block_cache_create(filled.budget, cache_bytes(&filled), &store->cache);
    }
    err = err != 0 ? err : shelves_open(store, diag);
    err = err != 0 ? err : tasks_start(store, diag);
    if (err != 0) {
        store_close(&store);
        return err;
    }
    *out = store;
    return 0;
}

void store_close(struct store **out)
{
    struct store *store = *out;
    *out = NULL;
    if (store == NULL) {
        return;
    }
    tasks_end(store);
    int err = slu_scope_close(&store->scope);
    SLU_ASSERT(err == 0); /* this is no task of its */
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        shelf_close(&store->shelves[i]);
    }
    block_cache_destroy(&store->cache);
    condition_deinit(&store->work_wanted);
    mutex_deinit(&store->flush_lock);
    mutex_deinit(&store->lock);
    slu_budget_free(store->options.budget, store, sizeof(*store));
}

int store_put(struct store *store, enum store_signal signal, struct slu_bytes message,
              int64_t now_ns, store_done_fn *done, void *arg)
{
    return shelf_put(&store->shelves[signal], message, now_ns, done, arg);
}

size_t store_message_max(const struct store *store, enum store_signal signal)
{
    return shelf_message_max(&store->shelves[signal]);
}

void store_commit(struct store *store, uint64_t monotonic_ns)
{
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        queue_commit(store->shelves[i].log, monotonic_ns);
    }
}

void store_tend(struct store *store, int64_t now_ns)
{
    heads_write(store, now_ns);
    store_parts_tend(store, NULL, now_ns);
}

int store_flush(struct store *store)
{
    int err = 0;
    mutex_lock(&store->flush_lock);
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        int failed = shelf_flush(&store->shelves[i], wall_clock_ns());
        err = err != 0 ? err : failed;
    }
    mutex_unlock(&store->flush_lock);
    return err;
}

/* The times of a head and of the parts; the lock is held. */
static void times_stat(const struct shelf *shelf, struct store_signal_stats *stats)
{
    int64_t oldest_ns = INT64_MAX;
    int64_t newest_ns = INT64_MIN;
    for (uint32_t i = 0; i < shelf->parts.count; i++) {
        const struct part_facts *facts = &shelf->parts.parts[i]->facts;
        oldest_ns = facts->min_ns < oldest_ns ? facts->min_ns : oldest_ns;
        newest_ns = facts->max_ns > newest_ns ? facts->max_ns : newest_ns;
    }
    int64_t head_min_ns = 0;
    int64_t head_max_ns = 0;
    if (shelf_head_range(shelf, &head_min_ns, &head_max_ns)) {
        oldest_ns = head_min_ns < oldest_ns ? head_min_ns : oldest_ns;
        newest_ns = head_max_ns > newest_ns ? head_max_ns : newest_ns;
    }
    stats->oldest_ns = oldest_ns == INT64_MAX ? 0 : oldest_ns;
    stats->newest_ns = newest_ns == INT64_MIN ? 0 : newest_ns;
}

void store_stats(struct store *store, enum store_signal signal, struct store_signal_stats *stats)
{
    struct shelf *shelf = &store->shelves[signal];
    struct queue_stats log;
    queue_stats(shelf->log, &log);
    mutex_lock(&shelf->lock);
    bool has_samples = shelf_has_samples(shelf);
    const struct stream_table *table =
        has_samples ? &shelf->head.samples.table : &shelf->head.rows.table;
    struct store_signal_stats now = shelf->counted;
    now.disk_bytes = shelf->parts.disk_bytes;
    now.log_bytes = log.disk_bytes;
    now.disk_error_count += log.disk_error_count;
    now.part_count = shelf->parts.count;
    now.damaged_count += shelf->parts.damaged_count + log.damaged_count;
    now.stream_count = table->count;
    now.stream_max = table->stream_max;
    now.head_bytes = shelf_head_bytes(shelf);
    times_stat(shelf, &now);
    mutex_unlock(&shelf->lock);
    *stats = now;
}

void store_cache_stats(struct store *store, struct block_cache_stats *stats)
{
    block_cache_stats(store->cache, stats);
}

int store_metadata(struct store *store, struct slu_bytes name, store_metadata_fn *visit, void *arg)
{
    struct shelf *shelf = &store->shelves[STORE_METRICS];
    mutex_lock(&shelf->lock);
    int err = metadata_walk(&shelf->metadata, name, visit, arg);
    mutex_unlock(&shelf->lock);
    return err;
}
