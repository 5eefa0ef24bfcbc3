/*
 * The machine stops at every call that changes the disk, in turn, while records are put, flushed
 * and merged; the disk tears and reorders what was not synced. After each restart all that was
 * acknowledged is there once, and nothing that was not sent.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "harness.h"
#include "simulated_io.h"
#include "store/queue.h"
#include "store/shelf.h"
#include "store/shelf_view.h"
#include "store/store_state.h"

#define BUDGET_BYTES ((uint64_t)128 << 20)
#define SECOND_NS    INT64_C(1000000000)
#define NOW_NS       (INT64_C(1700000000) * SECOND_NS)
#define DAY_NS       (86400 * SECOND_NS)
#define RECORDS      24
#define FLUSH_EACH   4
#define CALLS_MAX    2000
#define MEMORY_BYTES ((uint64_t)8 << 20)
#define LOG_BYTES    ((uint64_t)1 << 20)

/* One record a message: its number is its text, and its value. */
static int number_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                        int64_t now_ns, struct store_batch *batch)
{
    char text[16];
    uint32_t number = 0;
    (void)arg;
    (void)now_ns;
    assert_int_equal(message.len, sizeof(number));
    memcpy(&number, message.data, sizeof(number));
    int len = snprintf(text, sizeof(text), "n%u", number);
    struct label labels[] = {{{"job", 3}, {"crash", 5}}};
    int64_t time_ns = NOW_NS - DAY_NS * (number % 2) + number * SECOND_NS;
    if (signal == STORE_METRICS) {
        struct label own[] = {{{"job", 3}, {"crash", 5}}, {{"n", 1}, {text, (size_t)len}}};
        struct store_sample sample = {
            .labels = own, .label_count = 2, .time_ms = time_ns / 1000000, .number = number};
        return store_add_sample(batch, &sample);
    }
    struct label *chosen = labels;
    char stream[16];
    int stream_len = snprintf(stream, sizeof(stream), "%u", number % 2);
    struct label pair[] = {{{"job", 3}, {"crash", 5}}, {{"s", 1}, {stream, (size_t)stream_len}}};
    chosen = pair;
    struct row row = {.time_ns = time_ns, .text = {text, (size_t)len}};
    return store_add_row(batch, chosen, 2, &row);
}

/* A store of one signal on a disk in memory. */
struct bench {
    struct slu_budget *budget;
    struct simulated_disk *disk;
    struct store store;
    enum store_signal signal;
    bool is_acknowledged[RECORDS];
    uint32_t found[RECORDS];
};

static void nobody_wakes(void *arg)
{
    (void)arg;
}

static int bench_open(struct bench *bench)
{
    bench->store = (struct store){.options = {.budget = bench->budget,
                                              .directory = "d",
                                              .io = simulated_disk_io(bench->disk),
                                              .apply = number_apply,
                                              .memory_bytes = MEMORY_BYTES,
                                              .size_bytes_max = UINT64_MAX,
                                              .out_of_order_ns = 3 * (uint64_t)DAY_NS,
                                              .future_ns = (uint64_t)DAY_NS,
                                              .head_age_ns = (uint64_t)DAY_NS,
                                              .log_bytes_max = LOG_BYTES,
                                              .series_max = 100,
                                              .stream_max = 100}};
    struct shelf_options options = {.store = &bench->store.options,
                                    .signal = bench->signal,
                                    .memory_bytes = MEMORY_BYTES,
                                    .staging_bytes = (uint64_t)64 << 10,
                                    .names_max = METADATA_NAMES_MIN,
                                    .budget = bench->budget,
                                    .wake = nobody_wakes};
    struct slu_diag diag = {0};
    mutex_init(&bench->store.lock);
    return shelf_open(&bench->store.shelves[bench->signal], &options, &diag);
}

static void bench_close(struct bench *bench)
{
    struct shelf *shelf = &bench->store.shelves[bench->signal];
    shelf_end(shelf);
    shelf_close(shelf);
    mutex_deinit(&bench->store.lock);
}

static struct shelf *shelf_of(struct bench *bench)
{
    return &bench->store.shelves[bench->signal];
}

struct told {
    struct bench *bench;
    uint32_t number;
};

static void told(void *arg, const struct store_outcome *outcome)
{
    const struct told *told = arg;
    if (outcome->err == 0) {
        assert_int_equal(outcome->refused_count, 0);
        told->bench->is_acknowledged[told->number] = true;
    }
}

/* Puts, commits, flushes and merges; what fails is left. */
static void bench_run(struct bench *bench)
{
    struct shelf *shelf = shelf_of(bench);
    for (uint32_t i = 0; i < RECORDS; i++) {
        struct told arg = {bench, i};
        struct slu_bytes message = {&i, sizeof(i)};
        if (shelf_put(shelf, message, NOW_NS + i * SECOND_NS, told, &arg) == 0) {
            queue_commit(shelf->log, i * 1000);
        }
        if (i % FLUSH_EACH == FLUSH_EACH - 1) {
            int err = shelf_flush(shelf, NOW_NS);
            (void)err; /* the disk may be gone */
            shelf->merge_retry_ns = 0;
            shelf_merge(shelf, NULL, INT64_MIN, NOW_NS + 3 * DAY_NS);
        }
    }
    queue_commit(shelf->log, UINT64_C(1) << 40);
}

static int series_note(void *arg, const struct store_series *series)
{
    struct bench *bench = arg;
    for (size_t i = 0; i < series->count; i++) {
        uint32_t number = (uint32_t)series->samples[i].value;
        assert_true(number < RECORDS);
        bench->found[number]++;
    }
    return 0;
}

static int row_note(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct bench *bench = arg;
    char text[16] = {0};
    (void)labels;
    assert_true(row->text.len < sizeof(text));
    memcpy(text, row->text.data, row->text.len);
    unsigned long number = strtoul(text + 1, NULL, 10);
    assert_true(number < RECORDS);
    bench->found[number]++;
    return 0;
}

static void bench_check(struct bench *bench)
{
    struct store_query query = {.budget = bench->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct store_row_query rows = {.query = query, .columns = 1U << ROW_TEXT};
    memset(bench->found, 0, sizeof(bench->found));
    if (bench->signal == STORE_METRICS) {
        assert_int_equal(store_samples(&bench->store, &query, STORE_NUMBER, series_note, bench), 0);
    } else {
        assert_int_equal(store_rows(&bench->store, bench->signal, &rows, row_note, bench), 0);
    }
    for (uint32_t i = 0; i < RECORDS; i++) {
        if (bench->found[i] > 1 || (bench->is_acknowledged[i] && bench->found[i] == 0)) {
            fail_msg("record %u is there %u times", i, bench->found[i]);
        }
    }
}

/* Run with a fault at the nth call, restart, look. Returns false if the fault was never reached. */
static bool run_with(enum store_signal signal, enum simulated_fault fault, uint64_t nth,
                     uint64_t seed, bool is_kind)
{
    struct bench bench = {.budget = budget_of(BUDGET_BYTES), .signal = signal};
    bench.disk = simulated_disk_make(seed);
    assert_int_equal(bench_open(&bench), 0);
    simulated_disk_fail(bench.disk, fault, nth, -EIO);
    bench_run(&bench);
    bool is_hit = simulated_disk_hit(bench.disk);
    if (fault == SIMULATED_ERROR) {
        bench_check(&bench);
    }
    bench_close(&bench);
    if (is_kind) {
        simulated_disk_restart_kindly(bench.disk);
    } else {
        simulated_disk_restart(bench.disk);
    }
    for (int life = 0; life < 2; life++) {
        assert_int_equal(bench_open(&bench), 0);
        bench_check(&bench);
        assert_int_equal(shelf_flush(shelf_of(&bench), NOW_NS), 0);
        bench_check(&bench);
        shelf_merge(shelf_of(&bench), NULL, INT64_MIN, NOW_NS + 3 * DAY_NS);
        bench_check(&bench);
        bench_close(&bench);
    }
    simulated_disk_free(&bench.disk);
    slu_budget_destroy(&bench.budget);
    return is_hit;
}

static void every_call(enum store_signal signal, enum simulated_fault fault, bool is_kind)
{
    struct test_random random = test_random_start(51);
    uint64_t nth = 1;
    while (run_with(signal, fault, nth, test_random_next(&random), is_kind)) {
        nth++;
        assert_true(nth < CALLS_MAX);
    }
    assert_true(nth > 50);
}

static void rows_survive_a_crash_at_every_call(void **state)
{
    (void)state;
    every_call(STORE_LOGS, SIMULATED_CRASH, false);
}

static void samples_survive_a_crash_at_every_call(void **state)
{
    (void)state;
    every_call(STORE_METRICS, SIMULATED_CRASH, false);
}

static void rows_survive_a_kill_at_every_call(void **state)
{
    (void)state;
    every_call(STORE_LOGS, SIMULATED_CRASH, true);
}

static void an_error_of_the_disk_at_any_call_loses_nothing(void **state)
{
    (void)state;
    every_call(STORE_LOGS, SIMULATED_ERROR, false);
    every_call(STORE_METRICS, SIMULATED_ERROR, false);
}

static void a_full_disk_refuses_and_recovers(void **state)
{
    struct bench bench = {.budget = budget_of(BUDGET_BYTES), .signal = STORE_LOGS};
    (void)state;
    bench.disk = simulated_disk_make(7);
    assert_int_equal(bench_open(&bench), 0);
    simulated_disk_limit(bench.disk, 3000);
    bench_run(&bench);
    bench_check(&bench);
    uint32_t before = 0;
    for (uint32_t i = 0; i < RECORDS; i++) {
        before += bench.is_acknowledged[i];
    }
    assert_true(before < RECORDS);
    simulated_disk_limit(bench.disk, 0);
    bench_run(&bench);
    assert_int_equal(shelf_flush(shelf_of(&bench), NOW_NS), 0);
    for (uint32_t i = 0; i < RECORDS; i++) {
        assert_true(bench.is_acknowledged[i]);
    }
    bench_close(&bench);
    assert_int_equal(bench_open(&bench), 0);
    bench_close(&bench);
    simulated_disk_free(&bench.disk);
    slu_budget_destroy(&bench.budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_survive_a_crash_at_every_call),
        cmocka_unit_test(samples_survive_a_crash_at_every_call),
        cmocka_unit_test(rows_survive_a_kill_at_every_call),
        cmocka_unit_test(an_error_of_the_disk_at_any_call_loses_nothing),
        cmocka_unit_test(a_full_disk_refuses_and_recovers),
    };
    return TEST_RUN("store crash", tests);
}
