/*
 * The late fold against a sorted array that is folded anew each time, with the whole tree checked
 * after every operation.
 */
#include <sluice/fold_late_block.h>

#include <stdio.h>

#include "late_subjects.h"

#define SECOND UINT64_C(1000000000)

static struct late_model model;

/* A fold and the model beside it; the model is one for all tests. */
struct pair {
    const struct subject *subject;
    struct slu_budget *budget;
    void *late;
};

static struct pair pair_of(const struct subject *subject, uint64_t span_ns, uint32_t item_max)
{
    struct pair pair = {.subject = subject, .budget = budget_of(64 << 20)};
    pair.late = late_of(subject, pair.budget, span_ns, item_max);
    model_init(&model, span_ns, item_max);
    return pair;
}

static void pair_end(struct pair *pair)
{
    pair->subject->destroy(pair->late);
    slu_budget_destroy(&pair->budget);
}

static int pair_insert(const struct pair *pair, uint64_t time_ns, struct affine value)
{
    int err = pair->subject->insert(pair->late, time_ns, value);
    assert_int_equal(err, model_insert(&model, time_ns, value));
    return err;
}

static void pair_evict(const struct pair *pair, uint64_t time_ns)
{
    pair->subject->evict_before(pair->late, time_ns);
    model_evict_before(&model, time_ns);
}

static void assert_same_range(const struct pair *pair, uint64_t from_ns, uint64_t to_ns)
{
    struct affine seen = pair->subject->query_range(pair->late, from_ns, to_ns);
    struct affine expected = model_query_range(&model, from_ns, to_ns);
    assert_true(affine_equal(seen, expected));
}

static void assert_same(const struct pair *pair)
{
    struct slu_late_stats stats;
    assert_sound(pair->subject, pair->late);
    assert_true(affine_equal(pair->subject->query(pair->late), model_query(&model)));
    pair->subject->stats(pair->late, &stats);
    assert_int_equal(stats.item_count, model.count);
    assert_int_equal(stats.stale_count, model.stale_count);
    assert_int_equal(stats.refused_count, model.refused_count);
    assert_int_equal(stats.newest_ns, model.newest_ns);
    assert_int_equal(stats.horizon_ns, model.horizon_ns);
}

/* The streams that a random run is mixed of. */
enum stream {
    STREAM_IN_ORDER,
    STREAM_SLIGHTLY_LATE,
    STREAM_ANYWHERE,
    STREAM_BEFORE_ALL,
    STREAM_IN_THE_MIDDLE,
    STREAM_ONE_IN_ONE_OUT,
    STREAM_COUNT,
};

static uint64_t stream_time(struct test_random *random, enum stream stream)
{
    uint64_t newest = model.newest_ns;
    uint64_t back = 0;
    switch (stream) {
    case STREAM_IN_ORDER:
    case STREAM_ONE_IN_ONE_OUT:
        return newest + test_random_below(random, 10);
    case STREAM_SLIGHTLY_LATE:
        back = test_random_below(random, 50);
        return back < newest ? newest - back : 0;
    case STREAM_ANYWHERE:
        return model.horizon_ns +
               test_random_below(random, newest - model.horizon_ns + 1 + newest / 8);
    case STREAM_BEFORE_ALL:
        return model.count == 0 || model.times[0] == 0
                   ? newest + SECOND
                   : model.times[0] - test_random_below(random, 2);
    default:
        return model.count == 0 ? newest : model.times[model.count / 2];
    }
}

static void random_step(const struct pair *pair, struct test_random *random, enum stream stream)
{
    uint64_t chance = test_random_below(random, 1000);
    if (chance < 4) {
        /* In bulk, up to an item, between two, or beyond them all. */
        uint64_t at = test_random_below(random, model.count + 1);
        uint64_t time_ns = at < model.count ? model.times[at] : model.newest_ns;
        pair_evict(pair, time_ns + test_random_below(random, 2));
    } else if (stream == STREAM_ONE_IN_ONE_OUT && chance < 500 && model.count > 0) {
        pair_evict(pair, model.times[0] + 1);
    } else {
        (void)pair_insert(pair, stream_time(random, stream), affine_random(random)); /* compared */
    }
    uint64_t from = model.count == 0 ? 0 : model.times[test_random_below(random, model.count)];
    uint64_t to = model.count == 0 ? 1 : model.times[test_random_below(random, model.count)];
    assert_same(pair);
    assert_same_range(pair, from + test_random_below(random, 2), to + test_random_below(random, 2));
}

static void random_mixes_agree_with_a_sorted_array(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint32_t run = 0; run < 40; run++) {
        const struct subject *subject = subjects[run % SUBJECT_COUNT];
        uint32_t item_max = run % 3 == 0 ? 20 : 1500;
        uint64_t span_ns = run % 2 == 0 ? UINT64_MAX : 1 + test_random_below(&random, 4000);
        struct pair pair = pair_of(subject, span_ns, item_max - run % 5);
        enum stream stream = STREAM_IN_ORDER;
        for (int step = 0; step < 3000; step++) {
            if (test_random_below(&random, 300) == 0) {
                stream = (enum stream)test_random_below(&random, STREAM_COUNT);
            }
            random_step(&pair, &random, stream);
        }
        pair_end(&pair);
    }
}

static void clocks_may_jump_and_run_backwards(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    static const uint64_t jumps[] = {0, 1, 1000, SECOND, UINT64_MAX / 2, UINT64_MAX};
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        struct pair pair = pair_of(subjects[shape], SECOND, 300);
        uint64_t clock = 5 * SECOND;
        for (int step = 0; step < 4000; step++) {
            uint64_t jump = test_random_below(&random, jumps[test_random_below(&random, 4)] + 1);
            clock =
                test_random_below(&random, 3) == 0 && jump < clock ? clock - jump : clock + jump;
            (void)pair_insert(&pair, clock, affine_random(&random)); /* compared with the model */
            assert_same(&pair);
        }
        for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
            (void)pair_insert(&pair, jumps[i], affine_random(&random)); /* compared, too */
            assert_same(&pair);
        }
        assert_int_equal(model.count, 1);
        pair_end(&pair);
    }
}

static void equal_times_keep_the_order_of_arrival(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        struct pair pair = pair_of(subjects[shape], UINT64_MAX, 1000);
        for (int step = 0; step < 1000; step++) {
            uint64_t time_ns = 7 + test_random_below(&random, 3);
            assert_int_equal(pair_insert(&pair, time_ns, affine_random(&random)), 0);
            assert_same(&pair);
        }
        assert_same_range(&pair, 0, 8);
        assert_same_range(&pair, 8, 9);
        assert_same_range(&pair, 9, 10);
        pair_evict(&pair, 8);
        assert_same(&pair);
        pair_evict(&pair, 9);
        assert_same(&pair);
        pair_end(&pair);
    }
}

static void an_empty_window_answers_the_identity(void **state)
{
    (void)state;
    struct pair pair = pair_of(&usual_subject, SECOND, 10);
    assert_true(affine_equal(pair.subject->query(pair.late), AFFINE_IDENTITY));
    assert_true(affine_equal(pair.subject->query_range(pair.late, 0, UINT64_MAX), AFFINE_IDENTITY));
    assert_same(&pair);
    assert_int_equal(pair_insert(&pair, 3, (struct affine){5, 7}), 0);
    assert_same(&pair);
    assert_same_range(&pair, 3, 4);
    assert_same_range(&pair, 4, 4);
    pair_evict(&pair, 4);
    assert_same(&pair);
    assert_true(affine_equal(pair.subject->query(pair.late), AFFINE_IDENTITY));
    pair_end(&pair);
}

static void the_window_includes_both_its_ends(void **state)
{
    (void)state;
    struct pair pair = pair_of(&usual_subject, 100, 10);
    assert_int_equal(pair_insert(&pair, 50, (struct affine){2, 1}), 0);
    assert_int_equal(pair_insert(&pair, 150, (struct affine){3, 1}), 0);
    assert_int_equal(model.count, 2);
    assert_same(&pair);
    assert_int_equal(pair_insert(&pair, 50, (struct affine){5, 1}), 0);
    assert_int_equal(pair_insert(&pair, 49, (struct affine){7, 1}), -ESTALE);
    assert_int_equal(pair_insert(&pair, 151, (struct affine){7, 1}), 0);
    assert_int_equal(model.count, 2);
    assert_same(&pair);
    pair_end(&pair);
}

static void stale_items_are_counted_and_change_nothing(void **state)
{
    (void)state;
    struct pair pair = pair_of(&least_subject, 1000, 100);
    for (uint64_t time_ns = 0; time_ns < 5000; time_ns += 50) {
        assert_int_equal(pair_insert(&pair, time_ns, (struct affine){(uint32_t)time_ns | 1, 3}), 0);
    }
    struct affine before = pair.subject->query(pair.late);
    for (uint64_t time_ns = 0; time_ns < model.horizon_ns; time_ns += 10) {
        assert_int_equal(pair_insert(&pair, time_ns, (struct affine){2, 3}), -ESTALE);
        assert_true(affine_equal(pair.subject->query(pair.late), before));
    }
    assert_same(&pair);
    assert_true(model.stale_count > 100);
    pair_end(&pair);
}

static void an_eviction_beyond_the_newest_item_empties_and_bars_the_past(void **state)
{
    (void)state;
    struct pair pair = pair_of(&uneven_subject, UINT64_MAX, 100);
    for (uint64_t time_ns = 10; time_ns < 100; time_ns++) {
        assert_int_equal(pair_insert(&pair, time_ns, (struct affine){3, 1}), 0);
    }
    pair_evict(&pair, 5000);
    assert_same(&pair);
    assert_int_equal(model.count, 0);
    assert_int_equal(pair_insert(&pair, 4999, (struct affine){3, 1}), -ESTALE);
    assert_int_equal(pair_insert(&pair, 5000, (struct affine){3, 1}), 0);
    pair_evict(&pair, 20); /* going back does not open the window again */
    assert_int_equal(pair_insert(&pair, 4999, (struct affine){3, 1}), -ESTALE);
    assert_same(&pair);
    pair_end(&pair);
}

/* Fill with `count` items of times 10, 20, ... in a shuffled order. */
static void pair_fill_shuffled(const struct pair *pair, struct test_random *random, uint32_t count)
{
    static uint64_t times[MODEL_ITEMS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)test_random_below(random, i + 1);
        times[i] = times[at];
        times[at] = 10 * (i + 1);
    }
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(pair_insert(pair, times[i], affine_random(random)), 0);
    }
}

static void bulk_evictions_cut_at_every_boundary(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    const uint32_t count = 700;
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        for (uint32_t cut = (uint32_t)shape; cut <= count + 1; cut += 3) {
            struct pair pair = pair_of(subjects[shape], UINT64_MAX, count);
            pair_fill_shuffled(&pair, &random, count);
            pair_evict(&pair, 10 * cut + test_random_below(&random, 2));
            assert_same(&pair);
            /* The nodes given back are used again, down to the last. */
            while (model.count < count) {
                uint64_t span = model.newest_ns - model.horizon_ns + 1;
                uint64_t time_ns = model.horizon_ns + test_random_below(&random, span);
                time_ns = model.horizon_ns > model.newest_ns ? model.horizon_ns : time_ns;
                assert_int_equal(pair_insert(&pair, time_ns, affine_random(&random)), 0);
            }
            assert_same(&pair);
            pair_end(&pair);
        }
    }
}

static void every_range_of_a_window_is_answered(void **state)
{
    (void)state;
    struct test_random random = test_random_start(5);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        struct pair pair = pair_of(subjects[shape], UINT64_MAX, 300);
        pair_fill_shuffled(&pair, &random, 150);
        pair_evict(&pair, 275); /* so that the oldest leaf begins after its first slot */
        for (uint64_t from = 0; from < 1510; from += 5) {
            for (uint64_t to = 0; to < 1510; to += 35) {
                assert_same_range(&pair, from, to);
            }
        }
        assert_same_range(&pair, 0, UINT64_MAX);
        assert_same_range(&pair, UINT64_MAX, 0);
        pair_end(&pair);
    }
}

static void a_cleared_window_starts_again(void **state)
{
    (void)state;
    struct test_random random = test_random_start(6);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        struct pair pair = pair_of(subjects[shape], UINT64_MAX, 500);
        for (int round = 0; round < 5; round++) {
            pair_fill_shuffled(&pair, &random, 500);
            assert_same(&pair);
            pair.subject->clear(pair.late);
            model_init(&model, UINT64_MAX, 500);
            assert_same(&pair);
        }
        pair_end(&pair);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_mixes_agree_with_a_sorted_array),
        cmocka_unit_test(clocks_may_jump_and_run_backwards),
        cmocka_unit_test(equal_times_keep_the_order_of_arrival),
        cmocka_unit_test(an_empty_window_answers_the_identity),
        cmocka_unit_test(the_window_includes_both_its_ends),
        cmocka_unit_test(stale_items_are_counted_and_change_nothing),
        cmocka_unit_test(an_eviction_beyond_the_newest_item_empties_and_bars_the_past),
        cmocka_unit_test(bulk_evictions_cut_at_every_boundary),
        cmocka_unit_test(every_range_of_a_window_is_answered),
        cmocka_unit_test(a_cleared_window_starts_again),
    };
    return TEST_RUN("fold_late", tests);
}
