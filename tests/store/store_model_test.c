/*
 * Property: whatever is put, written to parts, merged, dropped by age or size and begun again, in
 * whatever order, every question is answered as by a store that is an array (store_model.h).
 */
#include "store_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "budget.h"
#include "folder_fixture.h"
#include "match/regex.h"
#include "store/queue.h"
#include "store/shelf.h"
#include "store/store_io.h"
#include "store/store_state.h"
#include "store_questions.h"

#define BUDGET_BYTES ((uint64_t)256 << 20)
#define SECOND_NS    INT64_C(1000000000)
#define HOUR_NS      (3600 * SECOND_NS)
#define DAY_NS       (24 * HOUR_NS)
#define NOW_NS       (INT64_C(1700000000) * SECOND_NS)
#define STEPS        60
#define MESSAGE_MOST 12
#define PARTS_SEEN   512

/* What happens to what is old, in a round. */
enum keeping {
    KEEP_ALL,
    KEEP_BY_AGE,
    KEEP_BY_SIZE,
    KEEPING_COUNT
};

struct bench {
    struct slu_budget *budget;
    struct store *store;
    struct store_options options;
    struct store_io io;
    struct model *model;
    struct test_random random;
    struct questions questions;
    enum keeping keeping;
    int64_t now_ns;
    char directory[64];
    uint64_t sequence; /* of the last message that was taken apart */
    uint64_t refused;
    uint64_t told;
};

static uint64_t below(struct bench *bench, uint64_t bound)
{
    return test_random_below(&bench->random, bound);
}

static int sample_add(struct store_batch *batch, const struct model_record *record,
                      struct label *labels, size_t count)
{
    char bytes[MODEL_BYTES_MAX];
    struct store_sample sample = {.labels = labels,
                                  .label_count = count,
                                  .time_ms = record->time_ns / 1000000,
                                  .kind = record->kind};
    if (record->kind == MODEL_METADATA) {
        char text[16];
        int len = snprintf(text, sizeof(text), "%u", record->number);
        store_add_metadata(batch, labels[0].value, (struct slu_bytes){text, (size_t)len});
        return 0;
    }
    if (record->kind == STORE_NUMBER) {
        memcpy(&sample.number, &record->bits, sizeof(sample.number));
    } else {
        sample.message = model_message_of(record, bytes);
    }
    return store_add_sample(batch, &sample);
}

static int records_apply(void *arg, enum store_signal signal, struct slu_bytes message,
                         int64_t now_ns, struct store_batch *batch)
{
    struct bench *bench = arg;
    int err = 0;
    (void)now_ns;
    bench->sequence = batch->sequence;
    for (size_t at = 0; err == 0 && at < message.len; at += sizeof(struct model_record)) {
        struct model_record record;
        struct label labels[MODEL_LABELS_MAX];
        char text[16];
        char bytes[MODEL_BYTES_MAX];
        memcpy(&record, (const char *)message.data + at, sizeof(record));
        assert_int_equal(record.signal, signal);
        size_t count = model_labels(record.stream, text, labels);
        if (signal == STORE_METRICS) {
            err = sample_add(batch, &record, labels, count);
        } else {
            struct row row = model_row(&record, bytes);
            err = store_add_row(batch, labels, count, &row);
        }
    }
    return err;
}

static int nothing_synced(void *context, int fd)
{
    (void)context;
    (void)fd;
    return 0;
}

static int no_directory_synced(void *context, const char *path)
{
    (void)context;
    (void)path;
    return 0;
}

static void bench_reopen(struct bench *bench)
{
    bench->store = store_opened(&bench->options);
}

static void bench_open(struct bench *bench, uint64_t seed)
{
    static const int64_t windows_ns[] = {600 * SECOND_NS, 2 * HOUR_NS, 3 * DAY_NS};
    bench->random = (struct test_random){seed};
    bench->now_ns = NOW_NS;
    bench->keeping = (enum keeping)below(bench, KEEPING_COUNT);
    (void)snprintf(bench->directory, sizeof(bench->directory), "/tmp/sluice-model-XXXXXX");
    folder_make(bench->directory);
    bench->io = store_io_real;
    bench->io.sync = nothing_synced;
    bench->io.sync_directory = no_directory_synced;
    *bench->model = (struct model){.out_of_order_ns = windows_ns[below(bench, 3)],
                                   .future_ns = windows_ns[below(bench, 2)]};
    if (bench->keeping == KEEP_BY_AGE) {
        bench->model->retention_ns = windows_ns[1 + below(bench, 2)];
    }
    bench->options = (struct store_options){
        .budget = bench->budget,
        .directory = bench->directory,
        .io = &bench->io,
        .apply = records_apply,
        .apply_arg = bench,
        .memory_bytes = (uint64_t)24 << 20,
        .size_bytes_max = bench->keeping == KEEP_BY_SIZE ? 8000 + below(bench, 60000) : UINT64_MAX,
        .retention_ns = (uint64_t)bench->model->retention_ns,
        .out_of_order_ns = (uint64_t)bench->model->out_of_order_ns,
        .future_ns = (uint64_t)bench->model->future_ns,
        .log_bytes_max = (uint64_t)8 << 20,
        .series_max = 100,
        .stream_max = 100,
        .is_relaxed = true};
    bench_reopen(bench);
}

static void bench_close(struct bench *bench)
{
    store_close(&bench->store);
    folder_remove(bench->directory);
}

static void told(void *arg, const struct store_outcome *outcome)
{
    struct bench *bench = arg;
    assert_int_equal(outcome->err, 0);
    bench->refused = outcome->refused_count;
    bench->told++;
}

static void put(struct bench *bench)
{
    struct model *model = bench->model;
    enum store_signal signal = (enum store_signal)below(bench, STORE_SIGNAL_COUNT);
    size_t count = 1 + below(bench, MESSAGE_MOST);
    uint64_t before = bench->told;
    if (model->record_count + count > MODEL_RECORDS_MAX) {
        return;
    }
    struct model_message *message = &model->messages[model->message_count++];
    *message = (struct model_message){.signal = (uint8_t)signal,
                                      .now_ns = bench->now_ns,
                                      .first = model->record_count,
                                      .count = count};
    for (size_t i = 0; i < count; i++) {
        struct model_record *record = &model->records[model->record_count++];
        *record = model_record_make(&bench->random, signal, bench->now_ns);
        record->number = (uint32_t)model->record_count;
    }
    struct slu_bytes bytes = {&model->records[message->first], count * sizeof(struct model_record)};
    assert_int_equal(store_put(bench->store, signal, bytes, bench->now_ns, told, bench), 0);
    store_commit(bench->store, 0);
    assert_int_equal(bench->told, before + 1);
    message->sequence = bench->sequence;
    assert_int_equal(bench->refused, model_apply(model, message));
}

static void flush(struct bench *bench)
{
    size_t signal = below(bench, STORE_SIGNAL_COUNT);
    assert_int_equal(shelf_flush(&bench->store->shelves[signal], bench->now_ns), 0);
    model_flush(bench->model, (enum store_signal)signal, bench->now_ns);
}

/* A part as it was before something was dropped. */
struct seen_part {
    struct part_name name;
    enum store_signal signal;
    uint64_t bytes;
    int64_t max_ns;
};

static size_t parts_see(struct bench *bench, struct seen_part *seen, uint64_t *disk_bytes)
{
    size_t count = 0;
    *disk_bytes = 0;
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        struct store_signal_stats stats;
        const struct part_list *list = &bench->store->shelves[i].parts;
        store_stats(bench->store, (enum store_signal)i, &stats);
        *disk_bytes += stats.disk_bytes + stats.log_bytes;
        for (uint32_t part = 0; part < list->count; part++) {
            assert_true(count < PARTS_SEEN);
            seen[count++] = (struct seen_part){.name = list->parts[part]->name,
                                               .signal = (enum store_signal)i,
                                               .bytes = list->parts[part]->size_bytes,
                                               .max_ns = list->parts[part]->facts.max_ns};
        }
    }
    return count;
}

/* Of all parts the one whose newest record is the oldest goes, until there is room. */
static void surplus_drop(struct bench *bench)
{
    static struct seen_part seen[PARTS_SEEN];
    uint64_t disk_bytes = 0;
    size_t count = parts_see(bench, seen, &disk_bytes);
    while (disk_bytes > bench->options.size_bytes_max && count > 0) {
        size_t oldest = 0;
        for (size_t i = 1; i < count; i++) {
            oldest = seen[i].max_ns < seen[oldest].max_ns ? i : oldest;
        }
        model_drop(bench->model, seen[oldest].signal, seen[oldest].name.day,
                   seen[oldest].name.first_sequence, seen[oldest].name.last_sequence);
        disk_bytes -= seen[oldest].bytes;
        memmove(&seen[oldest], &seen[oldest + 1], (count - oldest - 1) * sizeof(seen[0]));
        count--;
    }
}

static void ages_check(struct bench *bench, int64_t from_ns)
{
    static struct seen_part seen[PARTS_SEEN];
    uint64_t disk_bytes = 0;
    size_t count = parts_see(bench, seen, &disk_bytes);
    for (size_t i = 0; i < count; i++) {
        assert_true(seen[i].max_ns >= from_ns);
    }
}

/* Heads first, which the model is told of, so that it knows all parts when some are dropped. */
static void tend(struct bench *bench)
{
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        if (shelf_is_due(&bench->store->shelves[i], bench->now_ns)) {
            assert_int_equal(shelf_flush(&bench->store->shelves[i], bench->now_ns), 0);
            model_flush(bench->model, (enum store_signal)i, bench->now_ns);
        }
    }
    surplus_drop(bench);
    store_tend(bench->store, bench->now_ns);
    if (bench->keeping == KEEP_BY_AGE) {
        int64_t from_ns = bench->now_ns - bench->model->retention_ns;
        model_age(bench->model, from_ns);
        ages_check(bench, from_ns);
    }
}

static void reopen(struct bench *bench)
{
    store_close(&bench->store);
    bench_reopen(bench);
    model_reopen(bench->model);
    bench->questions.is_metadata_sure = bench->keeping == KEEP_ALL;
}

static void step(struct bench *bench)
{
    static const int64_t steps_ns[] = {0, SECOND_NS, 60 * SECOND_NS, HOUR_NS, 20 * HOUR_NS};
    uint64_t kind = below(bench, 20);
    bench->now_ns += steps_ns[below(bench, 20) == 0 ? 3 + below(bench, 2) : below(bench, 3)];
    if (kind < 12) {
        put(bench);
    } else if (kind < 14) {
        flush(bench);
    } else if (kind < 16) {
        tend(bench);
    } else if (kind < 17) {
        reopen(bench);
    } else {
        questions_ask(&bench->questions);
    }
}

static void round_run(struct bench *bench, uint64_t seed)
{
    bench_open(bench, seed);
    bench->questions.model = bench->model;
    bench->questions.random = (struct test_random){seed ^ 1};
    bench->questions.store = &bench->store;
    bench->questions.now_ns = &bench->now_ns;
    bench->questions.is_metadata_sure = true;
    for (size_t i = 0; i < STEPS; i++) {
        step(bench);
    }
    questions_ask(&bench->questions);
    reopen(bench);
    questions_ask(&bench->questions);
    for (size_t i = 0; i < STORE_SIGNAL_COUNT; i++) {
        struct store_signal_stats stats;
        store_stats(bench->store, (enum store_signal)i, &stats);
        assert_int_equal(stats.damaged_count, 0);
        assert_int_equal(stats.disk_error_count, 0);
    }
    bench_close(bench);
}

static void every_question_is_answered_as_by_an_array(void **state)
{
    struct test_random random = test_random_start(61);
    struct bench bench = {.budget = budget_of(BUDGET_BYTES)};
    (void)state;
    bench.model = malloc(sizeof(*bench.model));
    assert_non_null(bench.model);
    questions_init(&bench.questions, bench.budget);
    uint64_t before = budget_used(bench.budget);
    for (uint64_t round = 0; round < test_rounds(300); round++) {
        uint64_t seed = test_random_next(&random);
        round_run(&bench, seed);
        assert_int_equal(budget_used(bench.budget), before);
    }
    questions_deinit(&bench.questions);
    free(bench.model);
    slu_budget_destroy(&bench.budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_is_answered_as_by_an_array),
    };
    return TEST_RUN("store model", tests);
}
