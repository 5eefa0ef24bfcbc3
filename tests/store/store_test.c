#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/scope.h>

#include "store/store_io.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define SECOND_NS    INT64_C(1000000000)
#define NOW_NS       (INT64_C(1700000000) * SECOND_NS)

/* What messages have in these tests: one record. */
struct record {
    uint32_t stream;
    uint32_t text_len;
    int64_t time_ns;
    double value;
    char text[64];
};

static int record_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                        int64_t now_ns, struct store_batch *batch)
{
    struct record record;
    char number[16];
    (void)arg;
    (void)now_ns;
    assert_int_equal(message.len, sizeof(record));
    memcpy(&record, message.data, sizeof(record));
    int len = snprintf(number, sizeof(number), "%u", record.stream);
    struct label labels[] = {{{"job", 3}, {"test", 4}}, {{"stream", 6}, {number, (size_t)len}}};
    if (signal == STORE_METRICS) {
        struct store_sample sample = {.labels = labels,
                                      .label_count = 2,
                                      .time_ms = record.time_ns / 1000000,
                                      .number = record.value};
        if (record.text_len > 0) {
            store_add_metadata(batch, (struct slu_bytes){"metric", 6},
                               (struct slu_bytes){record.text, record.text_len});
        }
        return store_add_sample(batch, &sample);
    }
    struct row row = {.time_ns = record.time_ns,
                      .key = {"0123456789abcdef", record.stream % 2 == 0 ? 16 : 0},
                      .text = {record.text, record.text_len},
                      .scope = {"scope", 5},
                      .rest = {"rest", 4}};
    return store_add_row(batch, labels, 2, &row);
}

struct bench {
    struct slu_budget *budget;
    struct store *store;
    struct store_options options;
    char directory[64];
    uint64_t done_count;
    uint64_t refused_count;
    char reason[SLU_DIAG_MESSAGE_MAX];
};

static void bench_reopen(struct bench *bench)
{
    bench->store = store_opened(&bench->options);
}

static void bench_open(struct bench *bench)
{
    *bench = (struct bench){.directory = "/tmp/sluice-store-XXXXXX"};
    folder_make(bench->directory);
    bench->budget = budget_of(BUDGET_BYTES);
    bench->options = (struct store_options){.budget = bench->budget,
                                            .directory = bench->directory,
                                            .apply = record_apply,
                                            .memory_bytes = (uint64_t)24 << 20,
                                            .log_bytes_max = (uint64_t)8 << 20,
                                            .series_max = 1000,
                                            .stream_max = 1000};
    bench_reopen(bench);
}

static void bench_close(struct bench *bench)
{
    store_close(&bench->store);
    slu_budget_destroy(&bench->budget);
    folder_remove(bench->directory);
}

static void told(void *arg, const struct store_outcome *outcome)
{
    struct bench *bench = arg;
    assert_int_equal(outcome->err, 0);
    bench->done_count++;
    bench->refused_count += outcome->refused_count;
    if (outcome->refused_count > 0) {
        memcpy(bench->reason, outcome->reason, sizeof(bench->reason));
    }
}

/* Put one, and have it committed, at a time. */
static void put_at(struct bench *bench, enum store_signal signal, const struct record *record,
                   int64_t now_ns)
{
    uint64_t before = bench->done_count;
    struct slu_bytes message = {record, sizeof(*record)};
    assert_int_equal(store_put(bench->store, signal, message, now_ns, told, bench), 0);
    store_commit(bench->store, 0);
    assert_int_equal(bench->done_count, before + 1);
}

static void put(struct bench *bench, enum store_signal signal, const struct record *record)
{
    put_at(bench, signal, record, NOW_NS);
}

static struct record record_of(uint32_t stream, int64_t seconds, double value, const char *text)
{
    struct record record = {.stream = stream,
                            .text_len = (uint32_t)strlen(text),
                            .time_ns = NOW_NS + seconds * SECOND_NS,
                            .value = value};
    memcpy(record.text, text, record.text_len);
    return record;
}

struct found {
    size_t series_count;
    size_t sample_count;
    double sum;
    int64_t last_ms;
};

static int series_count(void *arg, const struct store_series *series)
{
    struct found *found = arg;
    found->series_count++;
    for (size_t i = 0; i < series->count; i++) {
        assert_true(i == 0 || series->samples[i].time_ms > series->samples[i - 1].time_ms);
        found->sum += series->samples[i].value;
        found->last_ms = series->samples[i].time_ms;
    }
    found->sample_count += series->count;
    return 0;
}

static struct found samples_of(struct bench *bench, const struct matcher *matchers, size_t count)
{
    struct found found = {.series_count = 0};
    struct store_query query = {.budget = bench->budget,
                                .matchers = matchers,
                                .matcher_count = count,
                                .from_ns = INT64_MIN,
                                .to_ns = INT64_MAX};
    uint64_t before = budget_used(bench->budget);
    assert_int_equal(store_samples(bench->store, &query, STORE_NUMBER, series_count, &found), 0);
    assert_int_equal(budget_used(bench->budget), before);
    return found;
}

static int row_count(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct found *found = arg;
    struct slu_bytes job;
    assert_true(labels_find(labels, (struct slu_bytes){"job", 3}, &job));
    assert_int_equal(row->scope.len, 5);
    assert_int_equal(row->rest.len, 4);
    found->sample_count++;
    return 0;
}

static size_t rows_of(struct bench *bench, struct store_row_query query)
{
    struct found found = {.series_count = 0};
    query.query.budget = bench->budget;
    query.query.from_ns = query.query.from_ns == 0 ? INT64_MIN : query.query.from_ns;
    query.query.to_ns = INT64_MAX;
    query.columns = (1U << ROW_COLUMN_COUNT) - 1;
    uint64_t before = budget_used(bench->budget);
    assert_int_equal(store_rows(bench->store, STORE_LOGS, &query, row_count, &found), 0);
    assert_int_equal(budget_used(bench->budget), before);
    return found.sample_count;
}

/* What is there is the same in the head, in parts, after merges and after a start. */
static void at_each_stage(struct bench *bench, void (*check)(struct bench *bench))
{
    check(bench);
    assert_int_equal(store_flush(bench->store), 0);
    check(bench);
    store_tend(bench->store, NOW_NS + 3 * 86400 * SECOND_NS);
    check(bench);
    store_close(&bench->store);
    bench_reopen(bench);
    check(bench);
}

static void samples_check(struct bench *bench)
{
    struct matcher seven = {.kind = MATCH_EQUAL, .name = {"stream", 6}, .value = {"7", 1}};
    struct found all = samples_of(bench, NULL, 0);
    struct found one = samples_of(bench, &seven, 1);
    assert_int_equal(all.series_count, 10);
    assert_int_equal(all.sample_count, 1000);
    assert_int_equal(one.series_count, 1);
    assert_int_equal(one.sample_count, 100);
    assert_true(one.sum == 7 * 100 + 99 * 50);
}

static void samples_are_read_back_wherever_they_are(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (uint32_t i = 0; i < 1000; i++) {
        struct record record =
            record_of(i % 10, (int64_t)(i / 10) - 100, i % 10 + (double)(i / 10), "");
        put(&bench, STORE_METRICS, &record);
        if (i % 90 == 89) {
            assert_int_equal(store_flush(bench.store), 0);
        }
    }
    assert_int_equal(bench.refused_count, 0);
    at_each_stage(&bench, samples_check);
    bench_close(&bench);
}

static void rows_check(struct bench *bench)
{
    struct matcher seven = {.kind = MATCH_EQUAL, .name = {"stream", 6}, .value = {"7", 1}};
    assert_int_equal(rows_of(bench, (struct store_row_query){.is_backward = true}), 1000);
    assert_int_equal(
        rows_of(bench, (struct store_row_query){.query = {.matchers = &seven, .matcher_count = 1}}),
        100);
    assert_int_equal(rows_of(bench, (struct store_row_query){.needle = {"line 12 ", 8}}), 1);
    assert_int_equal(rows_of(bench, (struct store_row_query){.word = {"12", 2}}), 1);
    assert_int_equal(rows_of(bench, (struct store_row_query){.word = {"absent", 6}}), 0);
    assert_int_equal(rows_of(bench, (struct store_row_query){.key = {"0123456789abcdef", 16}}),
                     500);
    assert_int_equal(rows_of(bench, (struct store_row_query){.key = {"0123456789abcdee", 16}}), 0);
    assert_int_equal(
        rows_of(bench, (struct store_row_query){.query = {.from_ns = NOW_NS - 10 * SECOND_NS}}),
        100);
}

static void rows_are_read_back_wherever_they_are(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (uint32_t i = 0; i < 1000; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "line %u of all", i);
        struct record record = record_of(i % 10, (int64_t)(i / 10) - 100, 0, text);
        put(&bench, STORE_LOGS, &record);
        if (i % 90 == 89) {
            assert_int_equal(store_flush(bench.store), 0);
        }
    }
    assert_int_equal(bench.refused_count, 0);
    at_each_stage(&bench, rows_check);
    bench_close(&bench);
}

/* Of the host: what is stamped by it leaps along, and comes back with it. */
static void a_clock_that_leapt_ahead_and_back_costs_nothing(void **state)
{
    static const int64_t leaps[] = {0, 86400, 0, -86400, 0, 400 * 86400, 0};
    const int64_t count = sizeof(leaps) / sizeof(leaps[0]);
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (int64_t i = 0; i < 10 * count; i++) {
        int64_t leap = leaps[i / 10];
        struct record record = record_of(1, i + leap, 1, "line");
        put_at(&bench, STORE_METRICS, &record, record.time_ns);
        put_at(&bench, STORE_LOGS, &record, record.time_ns);
        assert_int_equal(bench.refused_count, 0);
        if (i % 10 == 4) {
            assert_int_equal(store_flush(bench.store), 0);
        }
        if (i % 10 == 7) { /* with some in the log alone */
            store_close(&bench.store);
            bench_reopen(&bench);
        }
    }
    assert_int_equal(samples_of(&bench, NULL, 0).sample_count, 10 * count);
    assert_int_equal(rows_of(&bench, (struct store_row_query){.columns = 0}), 10 * count);
    bench_close(&bench);
}

static void what_is_too_old_or_too_new_is_refused_and_counted(void **state)
{
    struct bench bench;
    struct store_signal_stats stats;
    (void)state;
    bench_open(&bench);
    struct record record = record_of(1, 0, 1, "now");
    put(&bench, STORE_LOGS, &record);
    record = record_of(1, -601, 1, "late");
    put(&bench, STORE_LOGS, &record);
    assert_int_equal(bench.refused_count, 1);
    assert_non_null(strstr(bench.reason, "too old"));
    record = record_of(1, 601, 1, "early");
    put(&bench, STORE_LOGS, &record);
    assert_int_equal(bench.refused_count, 2);
    assert_non_null(strstr(bench.reason, "clock"));
    record = record_of(1, -600, 1, "just");
    put(&bench, STORE_LOGS, &record);
    assert_int_equal(bench.refused_count, 2);
    store_stats(bench.store, STORE_LOGS, &stats);
    assert_int_equal(stats.late_count, 1);
    assert_int_equal(stats.future_count, 1);
    assert_int_equal(stats.record_count, 2);
    bench_close(&bench);
}

static void one_series_too_many_is_refused_and_the_label_is_named(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (uint32_t i = 0; i < 1001; i++) {
        struct record record = record_of(i, 0, 1, "");
        put(&bench, STORE_METRICS, &record);
    }
    assert_int_equal(bench.refused_count, 1);
    assert_non_null(strstr(bench.reason, "\"stream\""));
    bench_close(&bench);
}

static void what_was_acknowledged_is_there_after_a_start_without_a_flush(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (uint32_t i = 0; i < 50; i++) {
        struct record record = record_of(i, 0, 1, "x");
        put(&bench, STORE_LOGS, &record);
        put(&bench, STORE_METRICS, &record);
    }
    store_close(&bench.store);
    bench_reopen(&bench);
    assert_int_equal(rows_of(&bench, (struct store_row_query){.is_backward = true}), 50);
    assert_int_equal(samples_of(&bench, NULL, 0).series_count, 50);
    bench_close(&bench);
}

/* The log is written out piece by piece while it is replayed. */
static void a_log_longer_than_the_memory_is_there_after_a_start(void **state)
{
    struct bench bench;
    struct store_signal_stats stats;
    const uint32_t count = 20000;
    (void)state;
    bench_open(&bench);
    store_close(&bench.store);
    bench.options.memory_bytes = (uint64_t)96 << 20;
    bench.options.is_relaxed = true;
    bench_reopen(&bench);
    for (uint32_t i = 0; i < count; i++) {
        struct record record = record_of(i % 10, 0, 1, "what there is to say, in many bytes");
        put(&bench, STORE_LOGS, &record);
    }
    store_stats(bench.store, STORE_LOGS, &stats);
    assert_int_equal(stats.part_count, 0);
    store_close(&bench.store);
    bench.options.memory_bytes = STORE_MEMORY_MIN;
    bench_reopen(&bench);
    store_stats(bench.store, STORE_LOGS, &stats);
    assert_true(stats.part_count > 0);
    assert_int_equal(rows_of(&bench, (struct store_row_query){.is_backward = false}), count);
    bench_close(&bench);
}

static int text_count(void *arg, struct slu_bytes text)
{
    size_t *count = arg;
    assert_true(text.len > 0);
    ++*count;
    return 0;
}

static void labels_check(struct bench *bench)
{
    struct store_query query = {.budget = bench->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    size_t names = 0;
    size_t values = 0;
    size_t streams = 0;
    assert_int_equal(store_label_names(bench->store, STORE_LOGS, &query, text_count, &names), 0);
    assert_int_equal(store_label_values(bench->store, STORE_LOGS, &query,
                                        (struct slu_bytes){"stream", 6}, text_count, &values),
                     0);
    assert_int_equal(store_streams(bench->store, STORE_LOGS, &query, text_count, &streams), 0);
    assert_int_equal(names, 2);
    assert_int_equal(values, 40);
    assert_int_equal(streams, 40);
}

static void names_values_and_streams_are_told_once(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    for (uint32_t i = 0; i < 80; i++) {
        struct record record = record_of(i % 40, 0, 1, "x");
        put(&bench, STORE_LOGS, &record);
        if (i % 30 == 0) {
            assert_int_equal(store_flush(bench.store), 0);
        }
    }
    at_each_stage(&bench, labels_check);
    bench_close(&bench);
}

static void a_row_that_is_refused_opens_no_stream(void **state)
{
    struct bench bench;
    struct store_signal_stats stats;
    (void)state;
    bench_open(&bench);
    struct record record = record_of(1, 0, 1, "now");
    put(&bench, STORE_LOGS, &record);
    record = record_of(2, 601, 1, "early");
    put(&bench, STORE_LOGS, &record);
    assert_int_equal(bench.refused_count, 1);
    store_stats(bench.store, STORE_LOGS, &stats);
    assert_int_equal(stats.stream_count, 1);
    struct store_query query = {.budget = bench.budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    size_t streams = 0;
    assert_int_equal(store_streams(bench.store, STORE_LOGS, &query, text_count, &streams), 0);
    assert_int_equal(streams, 1);
    bench_close(&bench);
}

static int text_is_newest(void *arg, struct slu_bytes name, struct slu_bytes text)
{
    size_t *count = arg;
    (void)name;
    assert_int_equal(text.len, 3);
    assert_memory_equal(text.data, "new", 3);
    ++*count;
    return 0;
}

static void metadata_check(struct bench *bench)
{
    size_t count = 0;
    assert_int_equal(
        store_metadata(bench->store, (struct slu_bytes){NULL, 0}, text_is_newest, &count), 0);
    assert_int_equal(count, 1);
}

/* The older text lies in the part of a later day; then, beside it, in a part and the newer in the
 * log. */
static void the_newest_text_of_a_metric_is_there_after_a_start(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    struct record record = record_of(1, 0, 1, "old");
    put(&bench, STORE_METRICS, &record);
    assert_int_equal(store_flush(bench.store), 0);
    record = record_of(2, -86400, 1, "new");
    put(&bench, STORE_METRICS, &record);
    store_close(&bench.store);
    bench_reopen(&bench);
    metadata_check(&bench);
    at_each_stage(&bench, metadata_check);
    bench_close(&bench);
}

/* Nothing is written without a sample, so that the text has to wait in the log. */
static void the_text_of_a_refused_sample_is_there_after_a_start(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    struct record record = record_of(1, 601, 1, "new");
    put(&bench, STORE_METRICS, &record);
    assert_int_equal(bench.refused_count, 1);
    at_each_stage(&bench, metadata_check);
    record = record_of(1, 0, 1, "new");
    put(&bench, STORE_METRICS, &record);
    at_each_stage(&bench, metadata_check);
    bench_close(&bench);
}

static void refused_records_take_no_days_from_others(void **state)
{
    static const enum store_signal signals[] = {STORE_METRICS, STORE_TRACES};
    struct bench bench;
    struct store_signal_stats stats;
    (void)state;
    bench_open(&bench);
    for (size_t i = 0; i < 2; i++) {
        struct record record;
        for (uint32_t day = 1; day <= 100; day++) {
            record = record_of(1, 86400 * (int64_t)day, 1, "early");
            put(&bench, signals[i], &record);
        }
        assert_int_equal(bench.refused_count, (i + 1) * 100);
        record = record_of(1, 0, 1, "now");
        put(&bench, signals[i], &record);
        assert_int_equal(bench.refused_count, (i + 1) * 100);
    }
    assert_int_equal(store_flush(bench.store), 0);
    for (size_t i = 0; i < 2; i++) {
        store_stats(bench.store, signals[i], &stats);
        assert_int_equal(stats.part_count, 1);
    }
    bench_close(&bench);
}

/* The store ends between the commit of a message and its way into the head. */
static void a_message_that_the_end_overtakes_is_there_once_after_a_start(void **state)
{
    struct bench bench;
    (void)state;
    bench_open(&bench);
    struct record record = record_of(1, 0, 1, "line");
    struct slu_bytes message = {&record, sizeof(record)};
    put(&bench, STORE_LOGS, &record);
    assert_int_equal(store_put(bench.store, STORE_LOGS, message, NOW_NS, told, &bench), 0);
    store_end(bench.store);
    store_commit(bench.store, 0);
    assert_int_equal(bench.done_count, 2);
    assert_int_equal(store_flush(bench.store), 0); /* one that was under way */
    store_close(&bench.store);
    bench_reopen(&bench);
    assert_int_equal(rows_of(&bench, (struct store_row_query){.is_backward = false}), 2);
    bench_close(&bench);
}

static int part_open_fails(void *context, const char *path, enum store_open how, int *fd)
{
    bool is_part = how == STORE_OPEN_EXCLUSIVE && strstr(path, "/logs/") != NULL;
    return is_part ? -ENOSPC : store_io_real.open(context, path, how, fd);
}

/* Else what has no room in the head would be let go with what comes later. */
static void a_log_that_has_no_room_on_a_full_disk_is_not_opened_and_stays(void **state)
{
    struct bench bench;
    struct slu_diag diag = {0};
    struct store_io full = store_io_real;
    const uint32_t count = 20000;
    (void)state;
    full.open = part_open_fails;
    bench_open(&bench);
    store_close(&bench.store);
    bench.options.memory_bytes = (uint64_t)96 << 20;
    bench.options.is_relaxed = true;
    bench_reopen(&bench);
    for (uint32_t i = 0; i < count; i++) {
        struct record record = record_of(i % 10, 0, 1, "what there is to say, in many bytes");
        put(&bench, STORE_LOGS, &record);
    }
    store_close(&bench.store);
    bench.options.memory_bytes = STORE_MEMORY_MIN;
    bench.options.io = &full;
    assert_int_equal(store_open(&bench.options, &diag, &bench.store), -ENOSPC);
    assert_null(bench.store);
    assert_non_null(strstr(diag.message, "logs.log"));
    bench.options.io = NULL;
    bench_reopen(&bench);
    assert_int_equal(rows_of(&bench, (struct store_row_query){.is_backward = false}), count);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_read_back_wherever_they_are),
        cmocka_unit_test(rows_are_read_back_wherever_they_are),
        cmocka_unit_test(what_is_too_old_or_too_new_is_refused_and_counted),
        cmocka_unit_test(a_clock_that_leapt_ahead_and_back_costs_nothing),
        cmocka_unit_test(one_series_too_many_is_refused_and_the_label_is_named),
        cmocka_unit_test(what_was_acknowledged_is_there_after_a_start_without_a_flush),
        cmocka_unit_test(a_log_longer_than_the_memory_is_there_after_a_start),
        cmocka_unit_test(names_values_and_streams_are_told_once),
        cmocka_unit_test(a_row_that_is_refused_opens_no_stream),
        cmocka_unit_test(the_newest_text_of_a_metric_is_there_after_a_start),
        cmocka_unit_test(the_text_of_a_refused_sample_is_there_after_a_start),
        cmocka_unit_test(refused_records_take_no_days_from_others),
        cmocka_unit_test(a_message_that_the_end_overtakes_is_there_once_after_a_start),
        cmocka_unit_test(a_log_that_has_no_room_on_a_full_disk_is_not_opened_and_stays),
    };
    return TEST_RUN("store", tests);
}
