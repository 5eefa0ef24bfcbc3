/*
 * A store at work with its own tasks: two put, into streams of their own and into one that they
 * share, two read, one follows the tail, one has heads written, all at once; parts are merged.
 * Whoever reads sees all that was acknowledged before, in its order, and nothing twice.
 *
 * Tasks have assertions of ours: cmocka's would end the program there without a word.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/scope.h>

#include "base/assert.h"
#include "store/labels.h"
#include "store/store.h"
#include "sys/wall_clock.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES   ((uint64_t)128 << 20)
#define STACK_BYTES    ((size_t)256 * 1024)
#define WRITERS        2
#define READERS        2
#define SHARED         WRITERS /* the stream of all writers */
#define STREAMS        (WRITERS + 1)
#define MESSAGES_EACH  1000 /* of a writer, of each signal */
#define RECORDS_EACH   20   /* of a message */
#define RECORDS_WRITER (MESSAGES_EACH * RECORDS_EACH)
#define RECORDS_STREAM (WRITERS * RECORDS_WRITER) /* at most: of the one that is shared */
#define KEY_BYTES      16
#define WRITES_OWN     8 /* of heads, by a writer itself in its first half */
#define DAY_NS         (24 * 3600 * INT64_C(1000000000))
#define MS_NS          INT64_C(1000000)

static const enum store_signal signals[] = {STORE_METRICS, STORE_LOGS};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

/*
 * Records `first` and on of a writer. Each goes to the writer's stream and to the shared one, where
 * records of writers take turns. A record's place in a stream tells its time, in milliseconds.
 */
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
    bool
        is_of_old; /* days that are over: their parts are merged, and streams are never open long */
    _Atomic uint32_t acknowledged[SIGNALS][WRITERS]; /* messages, of the first ones on */
    _Atomic uint32_t writing_count;
    _Atomic uint32_t flush_count;
    _Atomic uint32_t look_count;
    _Atomic uint32_t next_writer;
};

static int64_t time_of(const struct stage *stage, uint32_t place)
{
    return stage->begin_ns + place * MS_NS;
}

static void key_write(uint32_t stream, uint32_t place, char key[KEY_BYTES + 1])
{
    SLU_ASSERT(snprintf(key, KEY_BYTES + 1, "%04u%012u", stream, place) == KEY_BYTES);
}

static int record_add(const struct stage *stage, enum store_signal signal, uint32_t stream,
                      uint32_t place, struct store_batch *batch)
{
    char name[16];
    char key[KEY_BYTES + 1];
    int len = snprintf(name, sizeof(name), "%u", stream);
    struct label labels[] = {{{"writer", 6}, {name, (size_t)len}}};
    int64_t time_ns = time_of(stage, place);
    struct store_sample sample = {.labels = labels, .label_count = 1, .time_ms = time_ns / MS_NS};
    key_write(stream, place, key);
    if (signal != STORE_METRICS) {
        struct row row = {.time_ns = time_ns, .key = {key, KEY_BYTES}, .text = {"a line", 6}};
        return store_add_row(batch, labels, 1, &row);
    }
    sample.number = place;
    int err = store_add_sample(batch, &sample);
    sample.kind = STORE_HISTOGRAM;
    sample.message = (struct slu_bytes){key, KEY_BYTES};
    return err != 0 ? err : store_add_sample(batch, &sample);
}

static int message_apply(void *arg, enum store_signal signal, struct slu_bytes bytes,
                         int64_t now_ns, struct store_batch *batch)
{
    const struct stage *stage = arg;
    struct message message;
    int err = 0;
    (void)now_ns;
    memcpy(&message, bytes.data, sizeof(message));
    for (uint32_t i = message.first; err == 0 && i < message.first + RECORDS_EACH; i++) {
        err = record_add(stage, signal, message.writer, i, batch);
        if (err == 0) {
            err = record_add(stage, signal, SHARED, i * WRITERS + message.writer, batch);
        }
    }
    return err;
}

/* ---- What a reader finds. ---- */

struct found {
    const struct stage *stage;
    bool has[STREAMS][RECORDS_STREAM];
    uint32_t counts[STREAMS];
    uint32_t shared_counts[WRITERS];
};

static uint32_t stream_of(struct slu_bytes labels)
{
    struct slu_bytes value;
    SLU_ASSERT(labels_find(labels, (struct slu_bytes){"writer", 6}, &value));
    uint32_t stream = (uint32_t)(*(const char *)value.data - '0');
    SLU_ASSERT(value.len == 1 && stream < STREAMS);
    return stream;
}

static uint32_t found_note(struct found *found, uint32_t stream, int64_t time_ns)
{
    int64_t place = (time_ns - found->stage->begin_ns) / MS_NS;
    SLU_ASSERT(place >= 0 && place < RECORDS_STREAM);
    SLU_ASSERT(!found->has[stream][place]);
    found->has[stream][place] = true;
    found->counts[stream]++;
    found->shared_counts[place % WRITERS] += stream == SHARED;
    return (uint32_t)place;
}

static int series_note(void *arg, const struct store_series *series)
{
    struct found *found = arg;
    uint32_t stream = stream_of(series->labels);
    SLU_ASSERT(series->count > 0);
    for (size_t i = 0; i < series->count; i++) {
        SLU_ASSERT(i == 0 || series->samples[i].time_ms > series->samples[i - 1].time_ms);
        SLU_ASSERT(found_note(found, stream, series->samples[i].time_ms * MS_NS) ==
                   series->samples[i].value);
    }
    return 0;
}

static int histograms_note(void *arg, const struct store_series *series)
{
    struct found *found = arg;
    char key[KEY_BYTES + 1];
    uint32_t stream = stream_of(series->labels);
    for (size_t i = 0; i < series->count; i++) {
        const struct sample_message *message = &series->messages[i];
        SLU_ASSERT(i == 0 || message->time_ms > series->messages[i - 1].time_ms);
        key_write(stream, found_note(found, stream, message->time_ms * MS_NS), key);
        SLU_ASSERT(message->bytes.len == KEY_BYTES);
        SLU_ASSERT(memcmp(message->bytes.data, key, KEY_BYTES) == 0);
    }
    return 0;
}

static int row_note(void *arg, struct slu_bytes labels, const struct row *row)
{
    char key[KEY_BYTES + 1];
    uint32_t stream = stream_of(labels);
    key_write(stream, found_note(arg, stream, row->time_ns), key);
    SLU_ASSERT(row->key.len == KEY_BYTES);
    SLU_ASSERT(memcmp(row->key.data, key, KEY_BYTES) == 0);
    return 0;
}

static struct store_row_query query_of(const struct stage *stage)
{
    return (struct store_row_query){
        .query = {.budget = stage->budget, .from_ns = INT64_MIN, .to_ns = INT64_MAX},
        .columns = (1U << ROW_COLUMN_COUNT) - 1};
}

/* What is asked for, one after another. */
enum wish {
    WISH_NUMBERS,
    WISH_ROWS,
    WISH_HISTOGRAMS,
    WISH_ROWS_BACKWARD,
    WISH_COUNT
};

static size_t signal_at_of(enum wish wish)
{
    return wish == WISH_NUMBERS || wish == WISH_HISTOGRAMS ? 0 : 1;
}

static void all_find(const struct stage *stage, enum wish wish, struct found *found)
{
    struct store_row_query query = query_of(stage);
    int err = 0;
    memset(found, 0, sizeof(*found));
    found->stage = stage;
    query.is_backward = wish == WISH_ROWS_BACKWARD;
    if (wish == WISH_NUMBERS) {
        err = store_samples(stage->store, &query.query, STORE_NUMBER, series_note, found);
    } else if (wish == WISH_HISTOGRAMS) {
        err = store_samples(stage->store, &query.query, STORE_HISTOGRAM, histograms_note, found);
    } else {
        err = store_rows(stage->store, STORE_LOGS, &query, row_note, found);
    }
    SLU_ASSERT(err == 0);
}

/* What is found of each writer are its first records, as many as `least` messages have or more. */
static void found_check(const struct found *found, const uint32_t least[WRITERS])
{
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        SLU_ASSERT(found->counts[writer] >= least[writer] * RECORDS_EACH);
        SLU_ASSERT(found->shared_counts[writer] >= least[writer] * RECORDS_EACH);
        for (uint32_t i = 0; i < found->counts[writer]; i++) {
            SLU_ASSERT(found->has[writer][i]);
        }
        for (uint32_t i = 0; i < found->shared_counts[writer]; i++) {
            SLU_ASSERT(found->has[SHARED][i * WRITERS + writer]);
        }
    }
}

/* A record that was acknowledged is found by its key: one row. */
static void key_look(const struct stage *stage, uint32_t stream, uint32_t place,
                     struct found *found)
{
    struct store_row_query query = query_of(stage);
    char key[KEY_BYTES + 1];
    key_write(stream, place, key);
    query.key = (struct slu_bytes){key, KEY_BYTES};
    memset(found, 0, sizeof(*found));
    found->stage = stage;
    SLU_ASSERT(store_rows(stage->store, STORE_LOGS, &query, row_note, found) == 0);
    for (uint32_t i = 0; i < STREAMS; i++) {
        SLU_ASSERT(found->counts[i] == (i == stream));
    }
    SLU_ASSERT(found->has[stream][place]);
}

static int label_count(void *arg, struct slu_bytes text)
{
    (void)text;
    ++*(uint32_t *)arg;
    return 0;
}

/* All that was acknowledged by now is found, and what is found is a beginning. */
static void look(struct stage *stage, enum wish wish, struct found *found)
{
    size_t at = signal_at_of(wish);
    uint32_t acknowledged[WRITERS];
    uint32_t values = 0;
    uint32_t wanted = 0;
    struct store_query labels = query_of(stage).query;
    for (uint32_t writer = 0; writer < WRITERS; writer++) {
        acknowledged[writer] = atomic_load(&stage->acknowledged[at][writer]);
        wanted += acknowledged[writer] > 0;
    }
    all_find(stage, wish, found);
    found_check(found, acknowledged);
    SLU_ASSERT(store_label_values(stage->store, signals[at], &labels,
                                  (struct slu_bytes){"writer", 6}, label_count, &values) == 0);
    SLU_ASSERT(values >= wanted + (wanted > 0) && values <= STREAMS);
    if (wish == WISH_ROWS && acknowledged[0] > 0) {
        uint32_t last = acknowledged[0] * RECORDS_EACH - 1;
        key_look(stage, 0, last, found);
        key_look(stage, SHARED, last / 2 * WRITERS, found);
    }
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
    if (outcome->err == -ECANCELED) {
        free(put);
        return;
    }
    SLU_ASSERT(outcome->err == 0);
    SLU_ASSERT(outcome->refused_count == 0);
    uint32_t before =
        atomic_fetch_add(&stage->acknowledged[put->signal_at][put->message.writer], 1);
    SLU_ASSERT(before * RECORDS_EACH == put->message.first); /* in order */
    free(put);
}

/* Returns 0; -ECANCELED */
static int message_put(struct stage *stage, size_t at, uint32_t writer, uint32_t number)
{
    struct put *put = malloc(sizeof(*put));
    SLU_ASSERT(put != NULL);
    *put = (struct put){stage, {writer, number * RECORDS_EACH}, at};
    struct slu_bytes bytes = {&put->message, sizeof(put->message)};
    int64_t now_ns = time_of(stage, RECORDS_STREAM);
    int err = -EDQUOT;
    while (err == -EDQUOT || err == -ENOSPC) { /* come again: it is at work */
        err = store_put(stage->store, signals[at], bytes, now_ns, put_told, put);
        if (err != 0) {
            sched_yield();
        }
    }
    if (err != 0) {
        free(put);
    }
    return err;
}

static void merges_await(struct stage *stage)
{
    struct store_signal_stats stats = {.merge_count = 0};
    for (size_t at = 0; at<SIGNALS; at += stats.merge_count> 0) {
        sched_yield();
        store_stats(stage->store, signals[at], &stats);
    }
}

/* A writer has parts made, whatever the others do, and waits half-way until some were merged. */
static void parts_make(struct stage *stage, uint32_t number)
{
    if (number % (MESSAGES_EACH / 2 / WRITES_OWN) == 0) {
        store_drain(stage->store);
        SLU_ASSERT(store_flush(stage->store) == 0);
    }
    if (number == MESSAGES_EACH / 2) {
        merges_await(stage);
    }
}

static void writer_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    uint32_t writer = atomic_fetch_add(&stage->next_writer, 1);
    (void)scope;
    for (uint32_t number = 0; number < MESSAGES_EACH; number++) {
        for (size_t at = 0; at < SIGNALS; at++) {
            SLU_ASSERT(message_put(stage, at, writer, number) == 0);
        }
        if (stage->is_of_old) {
            parts_make(stage, number);
        }
    }
    store_drain(stage->store);
    atomic_fetch_sub(&stage->writing_count, 1);
}

static void reader_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct found *found = malloc(sizeof(*found));
    SLU_ASSERT(found != NULL);
    (void)scope;
    for (size_t turn = 0; atomic_load(&stage->writing_count) > 0 || turn < WISH_COUNT; turn++) {
        look(stage, (enum wish)(turn % WISH_COUNT), found);
    }
    free(found);
}

static void flusher_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    while (atomic_load(&stage->writing_count) > 0) {
        SLU_ASSERT(store_flush(stage->store) == 0);
        atomic_fetch_add(&stage->flush_count, 1);
    }
}

struct following {
    struct found found;
    uint32_t next[WRITERS]; /* places in the writers' own streams */
    uint64_t row_count;
    uint64_t missed_count;
};

static int row_follow(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct following *following = arg;
    uint32_t stream = stream_of(labels);
    uint32_t place = (uint32_t)((row->time_ns - following->found.stage->begin_ns) / MS_NS);
    if (stream != SHARED) {
        SLU_ASSERT(place >= following->next[stream]);
        following->next[stream] = place + 1;
    }
    following->row_count++;
    return row_note(&following->found, labels, row);
}

/* All rows, from the first one on, each once, but for those that are told to have gone. */
static void tail_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct store_tail *tail = NULL;
    struct following *following = calloc(1, sizeof(*following));
    struct store_row_query query = query_of(stage);
    bool goes_on = true;
    (void)scope;
    SLU_ASSERT(following != NULL);
    following->found.stage = stage;
    SLU_ASSERT(store_tail_open(stage->store, STORE_LOGS, stage->budget, &tail) == 0);
    atomic_fetch_add(&stage->look_count, 1);
    while (goes_on) {
        goes_on = atomic_load(&stage->writing_count) > 0; /* once more behind the last */
        SLU_ASSERT(store_tail_read(tail, &query, row_follow, following) == 0);
        following->missed_count += store_tail_missed(tail);
    }
    store_tail_close(&tail);
    SLU_ASSERT(following->row_count + following->missed_count == 2 * RECORDS_STREAM);
    free(following);
}

/* ---- The stage. ---- */

static void store_begin(struct stage *stage)
{
    const struct store_options options = {.budget = stage->budget,
                                          .scope = stage->scope,
                                          .directory = stage->directory,
                                          .apply = message_apply,
                                          .apply_arg = stage,
                                          .memory_bytes = (uint64_t)16 << 20,
                                          .log_bytes_max = (uint64_t)4 << 20,
                                          .series_max = 100,
                                          .stream_max = 100};
    stage->store = store_opened(&options);
}

static void stage_begin(struct stage *stage, int64_t age_ns)
{
    *stage = (struct stage){.directory = "/tmp/sluice-store-XXXXXX",
                            .is_of_old = age_ns > DAY_NS,
                            .writing_count = WRITERS};
    folder_make(stage->directory);
    stage->budget = budget_of(BUDGET_BYTES);
    stage->begin_ns = (wall_clock_ns() - age_ns) / MS_NS * MS_NS - RECORDS_STREAM * MS_NS;
    const struct slu_scope_options root = {.name = "stage", .budget = stage->budget};
    const struct slu_scope_options tasks = {
        .name = "tasks", .task_max = 8, .task_stack_bytes = STACK_BYTES};
    assert_int_equal(slu_scope_create(NULL, &root, NULL, &stage->scope), 0);
    assert_int_equal(slu_scope_create(stage->scope, &tasks, NULL, &stage->tasks), 0);
    store_begin(stage);
}

static void stage_end(struct stage *stage)
{
    store_close(&stage->store);
    assert_int_equal(slu_scope_close(&stage->scope), 0);
    slu_budget_destroy(&stage->budget);
    folder_remove(stage->directory);
}

static void all_check(struct stage *stage)
{
    static const uint32_t all[WRITERS] = {MESSAGES_EACH, MESSAGES_EACH};
    static struct found found;
    for (uint32_t wish = 0; wish < WISH_COUNT; wish++) {
        all_find(stage, (enum wish)wish, &found);
        found_check(&found, all);
        assert_int_equal(found.counts[SHARED], RECORDS_STREAM);
    }
}

static void tasks_run(struct stage *stage)
{
    assert_int_equal(slu_go(stage->tasks, "tail", tail_run, stage), 0);
    while (atomic_load(&stage->look_count) == 0) { /* the tail is open */
        sched_yield();
    }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(slu_go(stage->tasks, "reader", reader_run, stage), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(slu_go(stage->tasks, "writer", writer_run, stage), 0);
    }
    assert_int_equal(slu_go(stage->tasks, "flusher", flusher_run, stage), 0);
    assert_int_equal(slu_scope_close(&stage->tasks), 0); /* they heed no end but their own */
    assert_true(atomic_load(&stage->flush_count) > 0 && atomic_load(&stage->look_count) > READERS);
}

static void work_check(int64_t age_ns)
{
    static struct stage stage;
    stage_begin(&stage, age_ns);
    tasks_run(&stage);
    all_check(&stage);
    assert_int_equal(store_flush(stage.store), 0);
    all_check(&stage);
    store_close(&stage.store);
    store_begin(&stage);
    all_check(&stage);
    stage_end(&stage);
}

static void readers_see_what_was_acknowledged_while_all_are_at_work(void **state)
{
    (void)state;
    work_check(0);
}

static void readers_see_what_was_acknowledged_while_parts_are_merged(void **state)
{
    (void)state;
    work_check(2 * DAY_NS);
}

/* ---- The end. ---- */

static void writer_until_the_end_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    uint32_t writer = atomic_fetch_add(&stage->next_writer, 1);
    int err = 0;
    (void)scope;
    for (uint32_t number = 0; err == 0 && number < MESSAGES_EACH; number++) {
        for (size_t at = 0; err == 0 && at < SIGNALS; at++) {
            err = message_put(stage, at, writer, number);
        }
    }
    SLU_ASSERT(err == 0 || err == -ECANCELED);
    store_drain(stage->store);
    atomic_fetch_sub(&stage->writing_count, 1);
}

static void ender_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    (void)scope;
    while (atomic_load(&stage->acknowledged[1][0]) < MESSAGES_EACH / 4) {
        sched_yield();
    }
    store_end(stage->store);
}

static void what_was_acknowledged_before_the_end_is_there_after_a_start(void **state)
{
    static struct stage stage;
    static struct found found;
    (void)state;
    stage_begin(&stage, 0);
    assert_int_equal(slu_go(stage.tasks, "ender", ender_run, &stage), 0);
    assert_int_equal(slu_go(stage.tasks, "flusher", flusher_run, &stage), 0);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(slu_go(stage.tasks, "writer", writer_until_the_end_run, &stage), 0);
    }
    assert_int_equal(slu_scope_close(&stage.tasks), 0);
    store_close(&stage.store);
    store_begin(&stage);
    for (uint32_t wish = 0; wish < WISH_COUNT; wish++) {
        uint32_t acknowledged[WRITERS];
        size_t at = signal_at_of((enum wish)wish);
        for (uint32_t writer = 0; writer < WRITERS; writer++) {
            acknowledged[writer] = atomic_load(&stage.acknowledged[at][writer]);
        }
        all_find(&stage, (enum wish)wish, &found);
        found_check(&found, acknowledged);
    }
    stage_end(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_what_was_acknowledged_while_all_are_at_work),
        cmocka_unit_test(readers_see_what_was_acknowledged_while_parts_are_merged),
        cmocka_unit_test(what_was_acknowledged_before_the_end_is_there_after_a_start),
    };
    return TEST_RUN("store threads", tests);
}
