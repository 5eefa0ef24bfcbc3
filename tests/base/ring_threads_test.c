/* The rings between threads. Meant for ThreadSanitizer too. */
#include <sluice/ring.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "harness.h"

#define WORDS_MAX      8
#define PRODUCERS_MAX  4
#define RECORDS_PUSHED 60000
#define BATCH_MAX      7

/*
 * Each word of a record is made from its producer and its number in that producer's sequence, so
 * that a torn or stale record shows.
 */
struct traffic {
    struct slu_spsc *spsc; /* or NULL */
    struct slu_mpsc *mpsc;
    size_t words;
    bool overwrites;
    uint64_t producer_count;
    _Atomic uint64_t running_count;
    _Atomic bool consumer_done;
    _Atomic bool watch_passed;
};

struct producer {
    struct traffic *traffic;
    uint64_t id;
    bool passed;
};

static uint64_t word_of(uint64_t producer, uint64_t number, size_t word)
{
    return producer << 56 | number << 8 | word;
}

static void record_make(const struct traffic *traffic, uint64_t producer, uint64_t number,
                        uint64_t *record)
{
    for (size_t word = 0; word < traffic->words; word++) {
        record[word] = word_of(producer, number, word);
    }
}

static void produce_spsc(struct producer *producer)
{
    struct traffic *traffic = producer->traffic;
    struct test_random random = test_random_start(producer->id + 1);
    uint64_t records[BATCH_MAX * WORDS_MAX];
    uint64_t pushed = 0;
    while (pushed < RECORDS_PUSHED) {
        uint64_t count = 1 + test_random_below(&random, BATCH_MAX);
        count = count < RECORDS_PUSHED - pushed ? count : RECORDS_PUSHED - pushed;
        for (uint64_t i = 0; i < count; i++) {
            record_make(traffic, 0, pushed + i, records + i * traffic->words);
        }
        size_t taken = count == 1 ? slu_spsc_push(traffic->spsc, records) == 0
                                  : slu_spsc_push_many(traffic->spsc, records, count);
        producer->passed &= taken == count || !traffic->overwrites;
        pushed += taken;
        if (taken == 0) {
            sched_yield();
        }
    }
}

static void produce_mpsc(struct producer *producer)
{
    struct traffic *traffic = producer->traffic;
    uint64_t record[WORDS_MAX];
    for (uint64_t number = 0; number < RECORDS_PUSHED; number++) {
        record_make(traffic, producer->id, number, record);
        while (slu_mpsc_push(traffic->mpsc, record) != 0) {
            sched_yield();
        }
    }
}

static void *produce(void *argument)
{
    struct producer *producer = argument;
    producer->passed = true;
    if (producer->traffic->spsc != NULL) {
        produce_spsc(producer);
    } else {
        produce_mpsc(producer);
    }
    producer->traffic->running_count--;
    return NULL;
}

static void traffic_stats(const struct traffic *traffic, struct slu_ring_stats *stats)
{
    if (traffic->spsc != NULL) {
        slu_spsc_stats(traffic->spsc, stats);
    } else {
        slu_mpsc_stats(traffic->mpsc, stats);
    }
}

/* A third party that reads the statistics all the time. */
static void *watch(void *argument)
{
    struct traffic *traffic = argument;
    uint64_t sum = traffic->producer_count * RECORDS_PUSHED;
    struct slu_ring_stats stats;
    while (!traffic->consumer_done) {
        traffic_stats(traffic, &stats);
        if (stats.length > stats.capacity || stats.pushed_count > sum || stats.popped_count > sum ||
            stats.overwritten_count > sum) {
            traffic->watch_passed = false;
        }
        sched_yield();
    }
    return NULL;
}

static size_t traffic_pop(struct traffic *traffic, uint64_t *records, size_t count_max)
{
    if (count_max == 1) {
        int err = traffic->spsc != NULL ? slu_spsc_pop(traffic->spsc, records)
                                        : slu_mpsc_pop(traffic->mpsc, records);
        return err == 0;
    }
    return traffic->spsc != NULL ? slu_spsc_pop_many(traffic->spsc, records, count_max)
                                 : slu_mpsc_pop_many(traffic->mpsc, records, count_max);
}

/* Check one record and that its producer's numbers rise; by exactly one unless some may be lost. */
static void record_meet(const struct traffic *traffic, const uint64_t *record, uint64_t *next)
{
    uint64_t producer = record[0] >> 56;
    uint64_t number = record[0] << 8 >> 16;
    assert_true(producer < traffic->producer_count);
    uint64_t expected[WORDS_MAX];
    record_make(traffic, producer, number, expected);
    assert_memory_equal(record, expected, traffic->words * sizeof(uint64_t));
    assert_true(traffic->overwrites ? number >= next[producer] : number == next[producer]);
    next[producer] = number + 1;
}

static uint64_t consume_all(struct traffic *traffic)
{
    struct test_random random = test_random_start(100);
    uint64_t next[PRODUCERS_MAX] = {0};
    uint64_t records[BATCH_MAX * WORDS_MAX];
    uint64_t consumed = 0;
    for (;;) {
        bool last = traffic->running_count == 0;
        size_t count_max = 1 + test_random_below(&random, BATCH_MAX);
        size_t count = traffic_pop(traffic, records, count_max);
        for (size_t i = 0; i < count; i++) {
            record_meet(traffic, records + i * traffic->words, next);
        }
        consumed += count;
        if (count == 0) {
            if (last) {
                return consumed;
            }
            sched_yield();
        }
    }
}

static void traffic_run(struct traffic *traffic)
{
    struct producer producers[PRODUCERS_MAX];
    pthread_t threads[PRODUCERS_MAX];
    pthread_t watcher;
    traffic->running_count = traffic->producer_count;
    traffic->watch_passed = true;
    for (uint64_t i = 0; i < traffic->producer_count; i++) {
        producers[i] = (struct producer){.traffic = traffic, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    assert_int_equal(pthread_create(&watcher, NULL, watch, traffic), 0);
    uint64_t consumed = consume_all(traffic);
    traffic->consumer_done = true;
    for (uint64_t i = 0; i < traffic->producer_count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(producers[i].passed);
    }
    assert_int_equal(pthread_join(watcher, NULL), 0);
    assert_true(traffic->watch_passed);
    struct slu_ring_stats stats;
    traffic_stats(traffic, &stats);
    assert_int_equal(stats.length, 0);
    assert_int_equal(stats.pushed_count, traffic->producer_count * RECORDS_PUSHED);
    assert_int_equal(stats.popped_count, consumed);
    assert_int_equal(stats.overwritten_count, stats.pushed_count - consumed);
    assert_true(traffic->overwrites || stats.overwritten_count == 0);
}

static void traffic_try(bool many_producers, enum slu_ring_policy policy)
{
    static const struct {
        uint32_t capacity;
        size_t words;
    } shapes[] = {{2, 1}, {16, 3}, {64, WORDS_MAX}};
    struct slu_budget *root = NULL;
    assert_int_equal(slu_budget_create(NULL, "root", 1 << 20, &root), 0);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct slu_ring_options options = {
            .capacity = shapes[i].capacity,
            .record_bytes = (uint32_t)(shapes[i].words * sizeof(uint64_t)),
            .policy = policy,
            .clear_consumed = policy == SLU_RING_REJECT || many_producers,
        };
        struct traffic traffic = {
            .words = shapes[i].words,
            .overwrites = policy == SLU_RING_OVERWRITE,
            .producer_count = many_producers ? PRODUCERS_MAX : 1,
        };
        if (many_producers) {
            assert_int_equal(slu_mpsc_create(root, &options, NULL, &traffic.mpsc), 0);
        } else {
            assert_int_equal(slu_spsc_create(root, &options, NULL, &traffic.spsc), 0);
        }
        traffic_run(&traffic);
        slu_spsc_destroy(&traffic.spsc);
        slu_mpsc_destroy(&traffic.mpsc);
    }
    slu_budget_destroy(&root);
}

static void two_threads_transfer_every_record_in_order(void **state)
{
    (void)state;
    traffic_try(false, SLU_RING_REJECT);
}

static void an_overtaken_consumer_never_sees_a_torn_record(void **state)
{
    (void)state;
    traffic_try(false, SLU_RING_OVERWRITE);
}

static void many_producers_keep_their_order_and_lose_nothing(void **state)
{
    (void)state;
    traffic_try(true, SLU_RING_REJECT);
}

static void many_overwriting_producers_lose_only_what_is_counted(void **state)
{
    (void)state;
    traffic_try(true, SLU_RING_OVERWRITE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_transfer_every_record_in_order),
        cmocka_unit_test(an_overtaken_consumer_never_sees_a_torn_record),
        cmocka_unit_test(many_producers_keep_their_order_and_lose_nothing),
        cmocka_unit_test(many_overwriting_producers_lose_only_what_is_counted),
    };
    return TEST_RUN("ring threads", tests);
}
