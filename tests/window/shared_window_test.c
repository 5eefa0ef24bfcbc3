#include <sluice/window.h>

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "harness.h"

#define SECOND UINT64_C(1000000000)

static struct slu_shared_window *window_of(struct slu_budget *budget, uint64_t span_ns,
                                           uint32_t slots, uint32_t shards)
{
    struct slu_shared_window_options options = {
        .span_ns = span_ns, .slot_count = slots, .shard_count = shards};
    struct slu_shared_window *window = NULL;
    assert_int_equal(slu_shared_window_create(budget, &options, NULL, &window), 0);
    return window;
}

static void assert_same_figures(const struct slu_window_snapshot *one,
                                const struct slu_window_snapshot *other)
{
    assert_int_equal(one->count, other->count);
    assert_int_equal(one->sum, other->sum);
    assert_int_equal(one->min, other->min);
    assert_int_equal(one->max, other->max);
    assert_int_equal(one->covered_ns, other->covered_ns);
    assert_true(one->rate == other->rate);
    assert_true(isnan(one->mean) ? isnan(other->mean) : one->mean == other->mean);
}

static void shards_together_equal_one_window_when_time_goes_on(void **state)
{
    (void)state;
    static const uint32_t slot_counts[] = {1, 2, 7, 60};
    for (uint64_t i = 0; i < 4; i++) {
        struct test_random random = test_random_start(i);
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_shared_window *shared = window_of(budget, 6000, slot_counts[i], 5);
        struct slu_window_options options = {.span_ns = 6000, .slot_count = slot_counts[i]};
        struct slu_window *single = NULL;
        assert_int_equal(slu_window_create(budget, &options, NULL, &single), 0);
        uint64_t now_ns = test_random_below(&random, 100000);
        uint64_t allocations = alloc_count();
        for (int step = 0; step < 5000; step++) {
            uint64_t value = test_random_below(&random, 1000);
            now_ns += test_random_below(&random, step % 100 == 0 ? 20000 : 100);
            uint32_t shard = (uint32_t)test_random_below(&random, 5);
            assert_int_equal(slu_shared_window_add(shared, shard, now_ns, value), 0);
            assert_int_equal(slu_window_add(single, now_ns, value), 0);
            struct slu_window_snapshot all;
            struct slu_window_snapshot one;
            uint64_t later_ns = now_ns + test_random_below(&random, 8000);
            slu_shared_window_snapshot(shared, later_ns, &all);
            slu_window_snapshot(single, later_ns, &one);
            assert_same_figures(&all, &one);
        }
        assert_int_equal(alloc_count(), allocations);
        slu_window_destroy(&single);
        slu_shared_window_destroy(&shared);
        slu_budget_destroy(&budget);
    }
}

/*
 * A shard follows at its next event, a reader at once: both as a window that is rescaled then. All
 * shards get their event at the same time, so that one window can stand for them all.
 */
static void rescaling_shows_at_once_and_is_followed_at_the_next_event(void **state)
{
    (void)state;
    static const uint32_t slot_counts[] = {1, 2, 7, 60};
    for (uint64_t i = 0; i < 4; i++) {
        struct test_random random = test_random_start(50 + i);
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_shared_window *shared = window_of(budget, 6000, slot_counts[i], 3);
        struct slu_window_options options = {.span_ns = 6000, .slot_count = slot_counts[i]};
        struct slu_window *single = NULL;
        assert_int_equal(slu_window_create(budget, &options, NULL, &single), 0);
        uint64_t now_ns = test_random_below(&random, 100000);
        for (int step = 0; step < 3000; step++) {
            now_ns += test_random_below(&random, step % 100 == 0 ? 20000 : 200);
            if (test_random_below(&random, 10) == 0) {
                uint64_t span_ns = 60 + test_random_below(&random, 40000);
                assert_int_equal(slu_shared_window_rescale(shared, span_ns, NULL), 0);
                assert_int_equal(slu_window_rescale(single, now_ns, span_ns, NULL), 0);
            }
            struct slu_window_snapshot all;
            struct slu_window_snapshot one;
            slu_shared_window_snapshot(shared, now_ns, &all);
            slu_window_snapshot(single, now_ns, &one);
            assert_same_figures(&all, &one);
            for (uint32_t shard = 0; shard < 3; shard++) {
                uint64_t value = test_random_below(&random, 1000);
                assert_int_equal(slu_shared_window_add(shared, shard, now_ns, value), 0);
                assert_int_equal(slu_window_add(single, now_ns, value), 0);
                slu_shared_window_snapshot(shared, now_ns, &all);
                slu_window_snapshot(single, now_ns, &one);
                assert_same_figures(&all, &one);
            }
        }
        struct slu_diag diag = {0};
        assert_int_equal(slu_shared_window_rescale(shared, 0, &diag), -EINVAL);
        assert_non_null(strstr(diag.message, "span_ns is 0"));
        slu_window_destroy(&single);
        slu_shared_window_destroy(&shared);
        slu_budget_destroy(&budget);
    }
}

static void a_shards_clock_that_goes_back_counts_in_its_newest_slot(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_shared_window *window = window_of(budget, 100, 10, 2);
    assert_int_equal(slu_shared_window_add(window, 0, 1000, 1), 0);
    assert_int_equal(slu_shared_window_add(window, 0, 10, 2), 0);
    assert_int_equal(slu_shared_window_add(window, 1, 950, 4), 0);
    struct slu_window_snapshot seen;
    slu_shared_window_snapshot(window, 0, &seen); /* the newest event's time is taken */
    assert_int_equal(seen.sum, 7);
    slu_shared_window_snapshot(window, 1050, &seen); /* the other shard's event has left */
    assert_int_equal(seen.sum, 3);
    slu_shared_window_snapshot(window, UINT64_MAX, &seen);
    assert_int_equal(seen.count, 0);
    slu_shared_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void each_shard_has_its_part_of_the_sums_range(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_shared_window *window = window_of(budget, 10, 10, 2);
    uint64_t half = UINT64_MAX / 2;
    assert_int_equal(slu_shared_window_add(window, 0, 1, half), 0);
    assert_int_equal(slu_shared_window_add(window, 0, 1, 1), -EOVERFLOW);
    assert_int_equal(slu_shared_window_add(window, 1, 1, half), 0);
    assert_int_equal(slu_shared_window_add(window, 2, 1, 0), -EINVAL);
    struct slu_window_snapshot seen;
    slu_shared_window_snapshot(window, 1, &seen);
    assert_int_equal(seen.sum, UINT64_MAX - 1);
    assert_int_equal(seen.count, 2);
    assert_int_equal(slu_shared_window_add(window, 0, 11, half), 0); /* the first has left */
    slu_shared_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void rescaling_keeps_account_of_the_sums_range(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_shared_window *window = window_of(budget, 1000, 10, 1);
    assert_int_equal(slu_shared_window_add(window, 0, 0, UINT64_MAX - 10), 0);
    assert_int_equal(slu_shared_window_add(window, 0, 950, 10), 0);
    assert_int_equal(slu_shared_window_rescale(window, 2000, NULL), 0);
    assert_int_equal(slu_shared_window_add(window, 0, 950, 1), -EOVERFLOW);
    assert_int_equal(slu_shared_window_rescale(window, 100, NULL), 0);
    assert_int_equal(slu_shared_window_add(window, 0, 950, UINT64_MAX - 10),
                     0); /* the first left */
    assert_int_equal(slu_shared_window_add(window, 0, 950, 1), -EOVERFLOW);
    slu_shared_window_destroy(&window);
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct slu_shared_window_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0, 1, 1}, -EINVAL, "span_ns is 0"},
        {{SECOND, 0, 1}, -EINVAL, "slot_count is 0"},
        {{SECOND, 10, 0}, -EINVAL, "shard_count is 0"},
        {{SECOND, 10, 4097}, -EINVAL, "shard_count is 4097"},
        {{SECOND, 1000, 2}, -EDQUOT, "128320 bytes"},
        {{SECOND, SLU_WINDOW_SLOTS_MAX, 4096}, -EDQUOT, "budget 'test'"},
    };
    struct slu_budget *budget = budget_of(65536);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_shared_window *window = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(slu_shared_window_create(budget, &cases[i].options, &diag, &window),
                         cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(window);
    }
    struct slu_shared_window_options options = {SECOND, 10, 2};
    struct slu_shared_window *window = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_shared_window_create(budget, &options, NULL, &window), -ENOMEM);
    assert_null(window);
    slu_shared_window_destroy(&window);
    slu_budget_destroy(&budget);
}

#define WRITER_COUNT      4
#define EVENTS_BY_WRITER  40000
#define VALUE_OF_ANY_TEST 7

struct writer {
    struct slu_shared_window *window;
    uint32_t shard;
    _Atomic uint32_t *running;
    int err;
};

static void *writer_run(void *argument)
{
    struct writer *writer = argument;
    for (uint64_t i = 0; i < EVENTS_BY_WRITER; i++) {
        writer->err |=
            slu_shared_window_add(writer->window, writer->shard, i * 10, VALUE_OF_ANY_TEST);
    }
    atomic_fetch_sub_explicit(writer->running, 1, memory_order_release);
    return NULL;
}

static void a_snapshot_holds_each_event_wholly_or_not_at_all(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    /* The span holds everything, so the counts that are seen can only grow. */
    struct slu_shared_window *window =
        window_of(budget, 10 * EVENTS_BY_WRITER * 2, 50, WRITER_COUNT);
    _Atomic uint32_t running = WRITER_COUNT;
    struct writer writers[WRITER_COUNT];
    pthread_t threads[WRITER_COUNT];
    for (uint32_t i = 0; i < WRITER_COUNT; i++) {
        writers[i] = (struct writer){.window = window, .shard = i, .running = &running};
        assert_int_equal(pthread_create(&threads[i], NULL, writer_run, &writers[i]), 0);
    }
    uint64_t seen_before = 0;
    struct slu_window_snapshot seen;
    uint64_t rounds = 0;
    do {
        /* The span always holds everything, whatever its slots. */
        uint64_t span_ns = UINT64_C(10) * EVENTS_BY_WRITER * (2 + rounds++ % 7);
        assert_int_equal(slu_shared_window_rescale(window, span_ns, NULL), 0);
        slu_shared_window_snapshot(window, 0, &seen);
        assert_int_equal(seen.sum, seen.count * VALUE_OF_ANY_TEST);
        assert_true(seen.count >= seen_before);
        seen_before = seen.count;
    } while (atomic_load_explicit(&running, memory_order_acquire) != 0);
    for (int i = 0; i < WRITER_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].err, 0);
    }
    slu_shared_window_snapshot(window, 0, &seen);
    assert_int_equal(seen.count, (uint64_t)WRITER_COUNT * EVENTS_BY_WRITER);
    assert_int_equal(seen.min, VALUE_OF_ANY_TEST);
    assert_int_equal(seen.max, VALUE_OF_ANY_TEST);
    slu_shared_window_destroy(&window);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_together_equal_one_window_when_time_goes_on),
        cmocka_unit_test(rescaling_shows_at_once_and_is_followed_at_the_next_event),
        cmocka_unit_test(a_shards_clock_that_goes_back_counts_in_its_newest_slot),
        cmocka_unit_test(each_shard_has_its_part_of_the_sums_range),
        cmocka_unit_test(rescaling_keeps_account_of_the_sums_range),
        cmocka_unit_test(impossible_options_are_refused_by_name),
        cmocka_unit_test(a_snapshot_holds_each_event_wholly_or_not_at_all),
    };
    return TEST_RUN("shared window", tests);
}
