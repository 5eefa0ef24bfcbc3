/* Heads are written beside readers who always read. */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <sluice/scope.h>

#include "store/store.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define STACK_BYTES  ((size_t)256 * 1024)
#define NOW_NS       INT64_C(1700000000000000000)
#define READERS      8
#define SERIES_COUNT 8000
#define FLUSHES      10

struct stage {
    char directory[64];
    struct slu_budget *budget;
    struct slu_scope *scope; /* of the store */
    struct slu_scope *tasks;
    struct store *store;
    _Atomic uint32_t reading_count; /* readers that have begun */
    _Atomic bool is_over;
};

/* A sample of each series. */
static int message_apply(void *arg, enum store_signal signal, struct slu_bytes bytes,
                         int64_t now_ns, struct store_batch *batch)
{
    char name[16];
    int err = 0;
    (void)arg;
    (void)signal;
    (void)bytes;
    for (uint32_t i = 0; err == 0 && i < SERIES_COUNT; i++) {
        int len = snprintf(name, sizeof(name), "%u", i);
        struct label labels[] = {{{"series", 6}, {name, (size_t)len}}};
        struct store_sample sample = {
            .labels = labels, .label_count = 1, .time_ms = now_ns / 1000000, .number = i};
        err = store_add_sample(batch, &sample);
    }
    return err;
}

static void stage_begin(struct stage *stage)
{
    *stage = (struct stage){.directory = "/tmp/sluice-store-XXXXXX"};
    folder_make(stage->directory);
    stage->budget = budget_of(BUDGET_BYTES);
    const struct slu_scope_options root = {.name = "stage", .budget = stage->budget};
    const struct slu_scope_options tasks = {
        .name = "tasks", .task_max = READERS, .task_stack_bytes = STACK_BYTES};
    assert_int_equal(slu_scope_create(NULL, &root, NULL, &stage->scope), 0);
    assert_int_equal(slu_scope_create(stage->scope, &tasks, NULL, &stage->tasks), 0);
    const struct store_options options = {.budget = stage->budget,
                                          .scope = stage->scope,
                                          .directory = stage->directory,
                                          .apply = message_apply,
                                          .memory_bytes = (uint64_t)64 << 20,
                                          .log_bytes_max = (uint64_t)4 << 20,
                                          .series_max = SERIES_COUNT,
                                          .stream_max = 100};
    stage->store = store_opened(&options);
}

static void stage_end(struct stage *stage)
{
    store_close(&stage->store);
    assert_int_equal(slu_scope_close(&stage->scope), 0);
    slu_budget_destroy(&stage->budget);
    folder_remove(stage->directory);
}

static int no_series(void *arg, const struct store_series *series)
{
    (void)arg;
    (void)series;
    fail_msg("a series that is not there");
    return 0;
}

/* Asks for what no series has, so that nearly all of the time goes to looking at the head. */
static void reader_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct matcher absent = {.kind = MATCH_EQUAL, .name = {"absent", 6}, .value = {"1", 1}};
    struct store_query query = {.budget = stage->budget,
                                .matchers = &absent,
                                .matcher_count = 1,
                                .from_ns = INT64_MIN,
                                .to_ns = INT64_MAX};
    (void)scope;
    atomic_fetch_add(&stage->reading_count, 1);
    while (!atomic_load(&stage->is_over)) {
        assert_int_equal(store_samples(stage->store, &query, STORE_NUMBER, no_series, NULL), 0);
    }
}

static void kept(void *arg, const struct store_outcome *outcome)
{
    (void)arg;
    assert_int_equal(outcome->err, 0);
    assert_int_equal(outcome->refused_count, 0);
}

static void heads_are_written_while_there_is_always_somebody_who_reads(void **state)
{
    static struct stage stage;
    struct store_signal_stats stats;
    (void)state;
    stage_begin(&stage);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(slu_go(stage.tasks, "reader", reader_run, &stage), 0);
    }
    while (atomic_load(&stage.reading_count) < READERS) {
        sched_yield();
    }
    for (int64_t i = 0; i < FLUSHES; i++) {
        struct slu_bytes message = {"m", 1};
        assert_int_equal(
            store_put(stage.store, STORE_METRICS, message, NOW_NS + i * 1000000, kept, NULL), 0);
        store_drain(stage.store);
        assert_int_equal(store_flush(stage.store), 0);
    }
    atomic_store(&stage.is_over, true);
    assert_int_equal(slu_scope_close(&stage.tasks), 0);
    store_stats(stage.store, STORE_METRICS, &stats);
    assert_int_equal(stats.flush_count, FLUSHES);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_written_while_there_is_always_somebody_who_reads),
    };
    return TEST_RUN("store_readers", tests);
}
