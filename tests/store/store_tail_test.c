/* The tail of a signal beside heads that are written: by hand, without tasks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#include "budget.h"
#include "folder_fixture.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)128 << 20)
#define MEMORY_BYTES ((uint64_t)96 << 20)
#define NOW_NS       INT64_C(1700000000000000000)
#define TEXT_BYTES   ((size_t)16 << 10)

struct message {
    uint32_t number;
    uint32_t text_bytes;
};

struct bench {
    char directory[64];
    struct slu_budget *budget;
    struct slu_budget *tail_budget;
    struct store *store;
    uint32_t next; /* of messages */
};

/* One row, whose time tells its number. */
static int message_apply(void *arg, enum store_signal signal, struct slu_bytes bytes,
                         int64_t now_ns, struct store_batch *batch)
{
    static char text[TEXT_BYTES];
    struct message message;
    (void)arg;
    (void)signal;
    memcpy(&message, bytes.data, sizeof(message));
    struct label labels[] = {{{"odd", 3}, {message.number % 2 == 0 ? "0" : "1", 1}}};
    struct row row = {.time_ns = now_ns + message.number, .text = {text, message.text_bytes}};
    return store_add_row(batch, labels, 1, &row);
}

static void bench_open(struct bench *bench, uint64_t memory_bytes)
{
    *bench = (struct bench){.directory = "/tmp/sluice-store-XXXXXX"};
    folder_make(bench->directory);
    bench->budget = budget_of(BUDGET_BYTES);
    bench->tail_budget = budget_of(BUDGET_BYTES);
    const struct store_options options = {.budget = bench->budget,
                                          .directory = bench->directory,
                                          .apply = message_apply,
                                          .memory_bytes = memory_bytes,
                                          .log_bytes_max = (uint64_t)8 << 20,
                                          .series_max = 100,
                                          .stream_max = 100};
    bench->store = store_opened(&options);
}

static void bench_close(struct bench *bench)
{
    store_close(&bench->store);
    slu_budget_destroy(&bench->tail_budget);
    slu_budget_destroy(&bench->budget);
    folder_remove(bench->directory);
}

static void kept(void *arg, const struct store_outcome *outcome)
{
    (void)arg;
    assert_int_equal(outcome->err, 0);
    assert_int_equal(outcome->refused_count, 0);
}

static void put(struct bench *bench, uint32_t text_bytes)
{
    struct message message = {bench->next++, text_bytes};
    struct slu_bytes bytes = {&message, sizeof(message)};
    assert_int_equal(store_put(bench->store, STORE_LOGS, bytes, NOW_NS, kept, NULL), 0);
    store_commit(bench->store, 0);
}

static void flush(struct bench *bench)
{
    assert_int_equal(store_flush(bench->store), 0);
}

static struct store_tail *tail_of(struct bench *bench)
{
    struct store_tail *tail = NULL;
    assert_int_equal(store_tail_open(bench->store, STORE_LOGS, bench->tail_budget, &tail), 0);
    return tail;
}

struct told {
    uint32_t next; /* that is expected */
    uint32_t step;
    uint32_t stop; /* the visit of it returns an error; UINT32_MAX: none does */
    uint64_t count;
    bool has_gaps;
};

static int row_told(void *arg, struct slu_bytes labels, const struct row *row)
{
    struct told *told = arg;
    (void)labels;
    uint32_t number = (uint32_t)(row->time_ns - NOW_NS);
    assert_true(number == told->next || (told->has_gaps && number > told->next));
    told->next = number;
    told->count++;
    if (told->next == told->stop) {
        return -EPIPE;
    }
    told->next += told->step;
    return 0;
}

static int tail_read(struct bench *bench, struct store_tail *tail, struct told *told)
{
    struct matcher odd = {.kind = MATCH_EQUAL, .name = {"odd", 3}, .value = {"1", 1}};
    struct store_row_query query = {.query = {.budget = bench->tail_budget,
                                              .matchers = &odd,
                                              .matcher_count = told->step - 1,
                                              .from_ns = INT64_MIN,
                                              .to_ns = INT64_MAX},
                                    .columns = (1U << ROW_COLUMN_COUNT) - 1};
    return store_tail_read(tail, &query, row_told, told);
}

static void rows_come_in_their_order_each_once_from_the_opening_on(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, MEMORY_BYTES);
    struct store_tail *early = tail_of(&bench); /* while the head has nothing */
    put(&bench, 10);
    struct store_tail *late = tail_of(&bench);
    struct told early_told = {.next = 0, .step = 1, .stop = UINT32_MAX};
    struct told late_told = {.next = 1, .step = 1, .stop = UINT32_MAX};
    struct told odd_told = {.next = 1, .step = 2, .stop = UINT32_MAX};
    struct store_tail *odd = tail_of(&bench);
    for (uint32_t i = 1; i < 40; i++) {
        put(&bench, 10);
        assert_int_equal(tail_read(&bench, early, &early_told), 0);
        if (i % 5 == 0) {
            assert_int_equal(tail_read(&bench, late, &late_told), 0);
        }
        if (i % 7 == 0) {
            flush(&bench);
        }
    }
    assert_int_equal(tail_read(&bench, late, &late_told), 0);
    assert_int_equal(tail_read(&bench, odd, &odd_told), 0);
    assert_int_equal(early_told.next, 40);
    assert_int_equal(late_told.next, 40);
    assert_int_equal(odd_told.next, 41);
    store_tail_close(&early);
    store_tail_close(&late);
    store_tail_close(&odd);
    bench_close(&bench);
}

static void heads_that_were_written_between_two_looks_are_seen(void **state)
{
    (void)state;
    struct bench bench;
    for (uint32_t flushes = 1; flushes <= 12; flushes++) {
        bench_open(&bench, MEMORY_BYTES);
        struct store_tail *tail = tail_of(&bench);
        struct told told = {.next = 0, .step = 1, .stop = UINT32_MAX};
        for (uint32_t i = 0; i < flushes; i++) {
            put(&bench, 10);
            flush(&bench);
        }
        put(&bench, 10);
        assert_int_equal(tail_read(&bench, tail, &told), 0);
        assert_int_equal(told.next, flushes + 1);
        assert_int_equal(store_tail_missed(tail), 0);
        store_tail_close(&tail);
        bench_close(&bench);
    }
}

static void what_is_kept_for_a_tail_is_bounded_and_what_is_missed_is_counted(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, STORE_MEMORY_MIN);
    struct store_tail *tail = tail_of(&bench);
    struct told told = {.next = 0, .step = 1, .stop = UINT32_MAX, .has_gaps = true};
    uint64_t used_bytes = 0;
    for (uint32_t i = 0; i < 60; i++) {
        put(&bench, TEXT_BYTES);
        put(&bench, TEXT_BYTES);
        flush(&bench);
        used_bytes = i == 20 ? budget_used(bench.budget) : used_bytes;
    }
    assert_true(budget_used(bench.budget) < used_bytes + ((uint64_t)64 << 10)); /* parts' names */
    put(&bench, 10);
    assert_int_equal(tail_read(&bench, tail, &told), 0);
    assert_int_equal(told.next, bench.next);
    assert_true(store_tail_missed(tail) > 0);
    assert_int_equal(told.count + store_tail_missed(tail), bench.next);
    put(&bench, 10);
    assert_int_equal(tail_read(&bench, tail, &told), 0);
    assert_int_equal(told.next, bench.next);
    assert_int_equal(store_tail_missed(tail), 0);
    store_tail_close(&tail);
    bench_close(&bench);
}

static void memory_that_was_kept_for_a_tail_is_given_back(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, MEMORY_BYTES);
    put(&bench, 10);
    flush(&bench);
    uint64_t used_bytes = budget_used(bench.budget);
    uint64_t tail_bytes = budget_used(bench.tail_budget);
    struct store_tail *closed = tail_of(&bench);
    struct store_tail *read = tail_of(&bench);
    struct told told = {.next = 1, .step = 1, .stop = UINT32_MAX};
    for (uint32_t i = 0; i < 5; i++) {
        put(&bench, TEXT_BYTES);
        flush(&bench);
    }
    assert_true(budget_used(bench.budget) > used_bytes + ((uint64_t)1 << 20));
    store_tail_close(&closed);
    assert_int_equal(tail_read(&bench, read, &told), 0);
    assert_true(budget_used(bench.budget) < used_bytes + ((uint64_t)64 << 10));
    store_tail_close(&read);
    store_tail_close(&read);
    assert_int_equal(budget_used(bench.tail_budget), tail_bytes);
    bench_close(&bench);
}

static void an_error_of_who_visits_ends_one_look_alone(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, MEMORY_BYTES);
    for (uint32_t stop = 0; stop < 6; stop++) {
        uint32_t first = bench.next;
        struct store_tail *tail = tail_of(&bench);
        struct told told = {.next = first, .step = 1, .stop = first + stop};
        for (uint32_t i = 0; i < 6; i++) {
            put(&bench, 10);
            if (i % 2 == 1) {
                flush(&bench);
            }
        }
        assert_int_equal(tail_read(&bench, tail, &told), -EPIPE);
        told = (struct told){.next = bench.next, .step = 1, .stop = UINT32_MAX};
        put(&bench, 10);
        assert_int_equal(tail_read(&bench, tail, &told), 0);
        assert_int_equal(told.count, 1);
        store_tail_close(&tail);
    }
    bench_close(&bench);
}

static void opening_that_fails_leaves_nothing(void **state)
{
    (void)state;
    struct bench bench;
    struct store_tail *tail = NULL;
    bench_open(&bench, MEMORY_BYTES);
    uint64_t used_bytes = budget_used(bench.tail_budget);
    struct slu_budget *small = budget_of(used_bytes + 8); /* a budget has itself */
    assert_int_equal(store_tail_open(bench.store, STORE_LOGS, small, &tail), -EDQUOT);
    alloc_fault_at(1);
    assert_int_equal(store_tail_open(bench.store, STORE_LOGS, bench.tail_budget, &tail), -ENOMEM);
    assert_null(tail);
    assert_int_equal(budget_used(bench.tail_budget), used_bytes);
    slu_budget_destroy(&small);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_their_order_each_once_from_the_opening_on),
        cmocka_unit_test(heads_that_were_written_between_two_looks_are_seen),
        cmocka_unit_test(what_is_kept_for_a_tail_is_bounded_and_what_is_missed_is_counted),
        cmocka_unit_test(memory_that_was_kept_for_a_tail_is_given_back),
        cmocka_unit_test(an_error_of_who_visits_ends_one_look_alone),
        cmocka_unit_test(opening_that_fails_leaves_nothing),
    };
    return TEST_RUN("store_tail", tests);
}
