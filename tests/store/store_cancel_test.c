/* A query ends when its scope is cancelled: before it begins, and in the middle of its visits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sluice/scope.h>

#include "store/store.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define NOW_NS       INT64_C(1700000000000000000)
#define STREAMS      40
#define EACH         100
#define ALL          (STREAMS * EACH)

struct bench {
    char directory[64];
    struct slu_budget *budget;
    struct store *store;
    struct slu_scope *scope; /* of the query */
    uint64_t visit_count;
    uint64_t cancel_at; /* visit */
};

/* A record of each stream. */
static int message_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                         int64_t now_ns, struct store_batch *batch)
{
    int err = 0;
    (void)arg;
    for (uint32_t i = 0; err == 0 && i < STREAMS; i++) {
        char name[16];
        int len = snprintf(name, sizeof(name), "%u", i);
        struct label labels[] = {{{"stream", 6}, {name, (size_t)len}}};
        struct store_sample sample = {
            .labels = labels, .label_count = 1, .time_ms = now_ns / 1000000, .number = i};
        struct row row = {.time_ns = now_ns, .text = message};
        err = signal == STORE_METRICS ? store_add_sample(batch, &sample)
                                      : store_add_row(batch, labels, 1, &row);
    }
    return err;
}

static void kept(void *arg, const struct store_outcome *outcome)
{
    (void)arg;
    assert_int_equal(outcome->err, 0);
    assert_int_equal(outcome->refused_count, 0);
}

static void fill(struct bench *bench)
{
    for (int64_t i = 0; i < EACH; i++) {
        struct slu_bytes message = {"a line", 6};
        int64_t now_ns = NOW_NS + i * 1000000;
        assert_int_equal(store_put(bench->store, STORE_METRICS, message, now_ns, kept, NULL), 0);
        assert_int_equal(store_put(bench->store, STORE_LOGS, message, now_ns, kept, NULL), 0);
        store_commit(bench->store, 0);
    }
}

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/sluice-cancel-XXXXXX"};
    folder_make(bench->directory);
    bench->budget = budget_of(BUDGET_BYTES);
    const struct store_options options = {.budget = bench->budget,
                                          .directory = bench->directory,
                                          .apply = message_apply,
                                          .memory_bytes = (uint64_t)24 << 20,
                                          .log_bytes_max = (uint64_t)8 << 20};
    bench->store = store_opened(&options);
}

static void bench_close(struct bench *bench)
{
    store_close(&bench->store);
    slu_budget_destroy(&bench->budget);
    folder_remove(bench->directory);
}

static int seen(struct bench *bench)
{
    if (bench->visit_count++ == bench->cancel_at) {
        slu_scope_cancel(bench->scope);
    }
    return 0;
}

static int series_seen(void *arg, const struct store_series *series)
{
    (void)series;
    return seen(arg);
}

static int row_seen(void *arg, struct slu_bytes labels, const struct row *row)
{
    (void)labels;
    (void)row;
    return seen(arg);
}

static int text_seen(void *arg, struct slu_bytes text)
{
    (void)text;
    return seen(arg);
}

enum ask {
    ASK_SAMPLES,
    ASK_ROWS,
    ASK_NAMES,
    ASK_STREAMS,
    ASK_TAIL,
    ASKS
};

static int tail_ask(struct bench *bench, struct store_row_query *rows)
{
    struct store_tail *tail = NULL;
    assert_int_equal(store_tail_open(bench->store, STORE_LOGS, bench->budget, &tail), 0);
    fill(bench);
    int err = store_tail_read(tail, rows, row_seen, bench);
    store_tail_close(&tail);
    return err;
}

static int asked(struct bench *bench, enum ask ask)
{
    struct store_query query = {
        .budget = bench->budget, .scope = bench->scope, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    struct store_row_query rows = {.query = query, .is_backward = true};
    switch (ask) {
    case ASK_SAMPLES:
        return store_samples(bench->store, &query, STORE_NUMBER, series_seen, bench);
    case ASK_ROWS:
        return store_rows(bench->store, STORE_LOGS, &rows, row_seen, bench);
    case ASK_NAMES:
        return store_label_names(bench->store, STORE_LOGS, &query, text_seen, bench);
    case ASK_STREAMS:
        return store_streams(bench->store, STORE_METRICS, &query, text_seen, bench);
    default:
        return tail_ask(bench, &rows);
    }
}

/* What it returns when its scope is cancelled by the visit after so many. */
static int cancelled_at(struct bench *bench, enum ask ask, uint64_t visits)
{
    const struct slu_scope_options options = {.name = "query", .budget = bench->budget};
    uint64_t before = budget_used(bench->budget);
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &bench->scope), 0);
    bench->visit_count = 0;
    bench->cancel_at = visits;
    if (visits == 0) {
        slu_scope_cancel(bench->scope);
    }
    int err = asked(bench, ask);
    assert_int_equal(slu_scope_close(&bench->scope), 0);
    assert_true(ask == ASK_TAIL || budget_used(bench->budget) == before);
    return err;
}

static void all_cancelled(struct bench *bench)
{
    for (int ask = 0; ask < ASKS; ask++) {
        assert_int_equal(cancelled_at(bench, (enum ask)ask, 0), -ECANCELED);
        assert_int_equal(bench->visit_count, 0);
    }
}

static void a_query_whose_client_has_gone_visits_nothing(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    fill(&bench);
    all_cancelled(&bench);
    assert_int_equal(store_flush(bench.store), 0);
    all_cancelled(&bench);
    bench_close(&bench);
}

static void a_query_ends_soon_after_its_client_has_gone(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    fill(&bench);
    /* Of the head, which is walked entry by entry. */
    assert_int_equal(cancelled_at(&bench, ASK_ROWS, 10), -ECANCELED);
    assert_in_range(bench.visit_count, 11, ALL / 2);
    assert_int_equal(cancelled_at(&bench, ASK_TAIL, 10), -ECANCELED);
    assert_in_range(bench.visit_count, 11, ALL / 2);
    assert_int_equal(cancelled_at(&bench, ASK_SAMPLES, 10), -ECANCELED);
    assert_int_equal(bench.visit_count, 11);
    assert_int_equal(store_flush(bench.store), 0);
    /* Of parts, whose streams have a block each. */
    assert_int_equal(cancelled_at(&bench, ASK_ROWS, 10), -ECANCELED);
    assert_in_range(bench.visit_count, 11, 3 * EACH);
    assert_int_equal(cancelled_at(&bench, ASK_SAMPLES, 10), -ECANCELED);
    assert_int_equal(bench.visit_count, 11);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_whose_client_has_gone_visits_nothing),
        cmocka_unit_test(a_query_ends_soon_after_its_client_has_gone),
    };
    return TEST_RUN("store cancel", tests);
}
