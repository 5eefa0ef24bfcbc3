/*
 * A store at work with its own tasks: two put, two read, one follows the tail, one has heads
 * written, all at once. Whoever reads sees all that was acknowledged before, and nothing twice.
 */
#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sluice/diag.h>
#include <sluice/scope.h>

#include "store/labels.h"
#include "store/store.h"
#include "sys/wall_clock.h"

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES   ((uint64_t)128 << 20)
#define STACK_BYTES    ((size_t)256 * 1024)
#define WRITERS        2
#define READERS        2
#define MESSAGES_EACH  1000 /* of a writer, of each signal */
#define RECORDS_EACH   20   /* of a message */
#define RECORDS_WRITER (MESSAGES_EACH * RECORDS_EACH)
#define MS_NS          INT64_C(1000000)

static const enum store_signal signals[] = {STORE_METRICS, STORE_LOGS};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/* Records `first` and on of a writer; each is a millisecond after the one before. */
struct message {
    uint32_t writer;
    uint32_t first;
};

struct stage {
    char directory[64];
    struct slu_budget *budget;
    struct slu_scope *scope; /* of the store */
    struct slu_scope *tasks;
    struct store *store;
    int64_t begin_ns;
    _Atomic uint32_t acknowledged[SIGNALS][WRITERS]; /* messages, of the first ones on */
    _Atomic uint32_t writing_count;
    _Atomic uint32_t flush_count;
    _Atomic uint32_t look_count;
    _Atomic uint32_t next_writer;
};

static int64_t time_of(const struct stage *stage, uint32_t number)
{
    return stage->begin_ns + number * MS_NS;
}

static int message_apply(void *arg, enum store_signal signal, struct slu_bytes bytes,
                         int64_t now_ns, struct store_batch *batch)
{
    const struct stage *stage = arg;
    struct message message;
    char name[16];
    int err = 0;
    (void)now_ns;
    memcpy(&message, bytes.data, sizeof(message));
    int len = snprintf(name, sizeof(name), "%u", message.writer);
    struct label labels[] = {{{"writer", 6}, {name, (size_t)len}}};
    for (uint32_t i = message.first; err == 0 && i < message.first + RECORDS_EACH; i++) {
        int64_t time_ns = time_of(stage, i);
        struct store_sample sample = {
            .labels = labels, .label_count = 1, .time_ms = time_ns / MS_NS, .number = i};
        struct row row = {.time_ns = time_ns, .text = {"a line", 6}};
        err = signal == STORE_METRICS ? store_add_sample(batch, &sample)
                                      : store_add_row(batch, labels, 1, &row);
    }
    return err;
}

/* ---- What a reader finds. ---- */

struct found {
    const struct stage *stage;
    bool has[WRITERS][RECORDS_WRITER];
    uint32_t counts[WRITERS];
};

static uint32_t writer_of(struct slu_bytes labels)
{
    struct slu_bytes value;
    assert_true(labels_find(labels, (struct slu_bytes){"writer", 6}, &value));
    uint32_t writer = (uint32_t)(*(const char *)value.data - '0');
    assert_true(value.len == 1 && writer < WRITERS);
    return writer;
}

static void found_note(struct found *found, uint32_t writer, int64_t time_ns)
{
    int64_t number = (time_ns - found->stage->begin_ns) / MS_NS;
    assert_true(number >= 0 && number < RECORDS_WRITER);
    assert_false(found->has[writer][number]);
    found->has[writer][number] = true;
    found->counts[writer]++;
}

static int series_note(void *arg, const struct store_series *series)
{
    struct found *found = arg;
    uint32_t writer = writer_of(series->labels);
    for (size_t i = 0; i < series->count; i++) {
        found_note(found, writer, series->samples[i].time_ms * MS_NS);
    }
    return 0;
}

static int row_note(void *arg, struct slu_bytes labels, const struct row *row)
{
    found_note(arg, writer_of(labels), row->time_ns);
    return 0;
}

static void all_find(const struct stage *stage, enum store_signal signal, struct found *found)
{
    struct store_row_query query = {
        .query = {.budget = stage->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX},
        .columns = (1U << ROW_COLUMN_COUNT) - 1};
    memset(found, 0, sizeof(*found));
    found->stage = stage;
    assert_int_equal(
        signal == STORE_METRICS
            ? store_samples(stage->store, &query.query, STORE_NUMBER, series_note, found)
            : store_rows(stage->store, signal, &query, row_note, found),
        0);
}

static int label_count(void *arg, struct slu_bytes text)
{
    (void)text;
    ++*(uint32_t *)arg;
    return 0;
}

/* All that was acknowledged by now is found, and what is found is a beginning. */
static void look(struct stage *stage, size_t at, struct found *found)
{
    uint32_t acknowledged[WRITERS];
    uint32_t values = 0;
    uint32_t wanted = 0;
    struct store_query labels = {.budget = stage->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        acknowledged[writer] = atomic_load(&stage->acknowledged[at][writer]);
        wanted += acknowledged[writer] > 0;
    }
    all_find(stage, signals[at], found);
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        assert_true(found->counts[writer] >= acknowledged[writer] * RECORDS_EACH);
        for (uint32_t i = 0; i < found->counts[writer]; i++) {
            assert_true(found->has[writer][i]);
        }
    }
    assert_int_equal(store_label_values(stage->store, signals[at], &labels,
                                        (struct slu_bytes){"writer", 6}, label_count, &values),
                     0);
    assert_true(values >= wanted && values <= WRITERS);
    atomic_fetch_add(&stage->look_count, 1);
}

/* ---- The tasks. ---- */

struct put {
    struct stage *stage;
    struct message message;
    size_t signal_at;
};

static void put_told(void *arg, const struct store_outcome *outcome)
{
    struct put *put = arg;
    struct stage *stage = put->stage;
    assert_int_equal(outcome->err, 0);
    assert_int_equal(outcome->refused_count, 0);
    uint32_t before =
        atomic_fetch_add(&stage->acknowledged[put->signal_at][put->message.writer], 1);
    assert_int_equal(before * RECORDS_EACH, put->message.first); /* in order */
    free(put);
}

static void message_put(struct stage *stage, size_t at, uint32_t writer, uint32_t number)
{
    struct put *put = malloc(sizeof(*put));
    assert_non_null(put);
    *put = (struct put){stage, {writer, number * RECORDS_EACH}, at};
    struct slu_bytes bytes = {&put->message, sizeof(put->message)};
    int err = -EDQUOT;
    while (err == -EDQUOT || err == -ENOSPC) { /* come again: it is at work */
        err = store_put(stage->store, signals[at], bytes, wall_clock_ns(), put_told, put);
        if (err != 0) {
            sched_yield();
        }
    }
    assert_int_equal(err, 0);
}

static void writer_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    uint32_t writer = atomic_fetch_add(&stage->next_writer, 1);
    (void)scope;
    for (uint32_t number = 0; number < MESSAGES_EACH; number++) {
        for (size_t at = 0; at < SIGNALS; at++) {
            message_put(stage, at, writer, number);
        }
    }
    store_drain(stage->store);
    atomic_fetch_sub(&stage->writing_count, 1);
}

static void reader_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct found *found = malloc(sizeof(*found));
    assert_non_null(found);
    (void)scope;
    for (size_t turn = 0; atomic_load(&stage->writing_count) > 0 || turn < 2; turn++) {
        look(stage, turn % SIGNALS, found);
    }
    free(found);
}

static void flusher_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    while (atomic_load(&stage->writing_count) > 0) {
        assert_int_equal(store_flush(stage->store), 0);
        atomic_fetch_add(&stage->flush_count, 1);
    }
}

/* All rows, from the first one on, each once. */
static void tail_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct store_tail *tail = NULL;
    struct found *found = calloc(1, sizeof(*found));
    struct store_row_query query = {
        .query = {.budget = stage->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX},
        .columns = (1U << ROW_COLUMN_COUNT) - 1};
    bool goes_on = true;
    (void)scope;
    assert_non_null(found);
    found->stage = stage;
    assert_int_equal(store_tail_open(stage->store, STORE_LOGS, stage->budget, &tail), 0);
    atomic_fetch_add(&stage->look_count, 1);
    while (goes_on) {
        goes_on = atomic_load(&stage->writing_count) > 0; /* once more behind the last */
        assert_int_equal(store_tail_read(tail, &query, row_note, found), 0);
    }
    store_tail_close(&tail);
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        assert_int_equal(found->counts[writer], RECORDS_WRITER);
    }
    free(found);
}

/* ---- The stage. ---- */

static void store_begin(struct stage *stage)
{
    struct slu_diag diag = {0};
    const struct store_options options = {.budget = stage->budget,
                                          .scope = stage->scope,
                                          .directory = stage->directory,
                                          .apply = message_apply,
                                          .apply_arg = stage,
                                          .memory_bytes = (uint64_t)16 << 20,
                                          .log_bytes_max = (uint64_t)4 << 20,
                                          .series_max = 100,
                                          .stream_max = 100};
    if (store_open(&options, &diag, &stage->store) != 0) {
        fail_msg("%s", diag.message);
    }
}

static void stage_begin(struct stage *stage)
{
    *stage = (struct stage){.directory = "/tmp/sluice-store-XXXXXX", .writing_count = WRITERS};
    assert_non_null(mkdtemp(stage->directory));
    stage->budget = budget_of(BUDGET_BYTES);
    stage->begin_ns = wall_clock_ns() / MS_NS * MS_NS - RECORDS_WRITER * MS_NS;
    const struct slu_scope_options root = {.name = "stage", .budget = stage->budget};
    const struct slu_scope_options tasks = {
        .name = "tasks", .task_max = 8, .task_stack_bytes = STACK_BYTES};
    assert_int_equal(slu_scope_create(NULL, &root, NULL, &stage->scope), 0);
    assert_int_equal(slu_scope_create(stage->scope, &tasks, NULL, &stage->tasks), 0);
    store_begin(stage);
}

static int entry_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static void stage_end(struct stage *stage)
{
    store_close(&stage->store);
    assert_int_equal(slu_scope_close(&stage->scope), 0);
    slu_budget_destroy(&stage->budget);
    assert_int_equal(nftw(stage->directory, entry_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void all_check(struct stage *stage)
{
    static struct found found;
    for (size_t at = 0; at < SIGNALS; at++) {
        all_find(stage, signals[at], &found);
        for (uint32_t writer = 0; writer < WRITERS; writer++) {
            assert_int_equal(found.counts[writer], RECORDS_WRITER);
        }
    }
}

static void readers_see_what_was_acknowledged_while_all_are_at_work(void **state)
{
    static struct stage stage;
    (void)state;
    stage_begin(&stage);
    assert_int_equal(slu_go(stage.tasks, "tail", tail_run, &stage), 0);
    while (atomic_load(&stage.look_count) == 0) { /* the tail is open */
        sched_yield();
    }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(slu_go(stage.tasks, "reader", reader_run, &stage), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(slu_go(stage.tasks, "writer", writer_run, &stage), 0);
    }
    assert_int_equal(slu_go(stage.tasks, "flusher", flusher_run, &stage), 0);
    assert_int_equal(slu_scope_close(&stage.tasks), 0); /* they heed no end but their own */
    assert_true(atomic_load(&stage.flush_count) > 0 && atomic_load(&stage.look_count) > READERS);
    all_check(&stage);
    store_close(&stage.store);
    store_begin(&stage);
    all_check(&stage);
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_was_acknowledged_while_all_are_at_work),
    };
    return TEST_RUN("store threads", tests);
}
