/*
 * What the late fold promises beside its answers: that item_max items fit in whatever order they
 * come, how many combines a call takes, how much memory it takes and when, what it refuses.
 */
#include <sluice/fold_late_block.h>

#include <stdio.h>

#include "late_subjects.h"

#define MIDDLE (UINT64_C(1) << 40)

/* The orders in which a window is filled to its last item. */
enum order {
    ORDER_ASCENDING,
    ORDER_DESCENDING,
    ORDER_BOTH_ENDS,
    ORDER_TO_THE_MIDDLE,
    ORDER_RANDOM,
    ORDER_SLIGHTLY_LATE,
    ORDER_FULLEST_LEAF, /* always where a split comes soonest */
    ORDER_COUNT,
};

static uint64_t order_time(enum order order, uint32_t nth, const struct subject *subject,
                           const void *late, struct test_random *random)
{
    uint64_t away = nth % 2 == 0 ? nth : UINT64_C(0) - nth;
    switch (order) {
    case ORDER_ASCENDING:
        return MIDDLE + nth;
    case ORDER_DESCENDING:
        return MIDDLE - nth;
    case ORDER_BOTH_ENDS:
        return MIDDLE + away;
    case ORDER_TO_THE_MIDDLE:
        return MIDDLE + (away << 20) - away;
    case ORDER_RANDOM:
        return MIDDLE + test_random_below(random, 1 << 20);
    case ORDER_SLIGHTLY_LATE:
        return MIDDLE + nth - test_random_below(random, 100);
    default:
        return nth == 0 ? MIDDLE : subject->fullest_time(late);
    }
}

/* Take items in that order until the window is full; one more is refused and changes nothing. */
static void fill_to_the_last(const struct subject *subject, void *late, enum order order,
                             uint32_t item_max, struct test_random *random)
{
    struct slu_late_stats stats;
    subject->stats(late, &stats);
    uint32_t held = (uint32_t)stats.item_count;
    for (uint32_t nth = 0; held < item_max; nth++, held++) {
        uint64_t time_ns = order_time(order, nth, subject, late, random);
        if (time_ns < stats.horizon_ns) {
            time_ns = stats.horizon_ns + test_random_below(random, 1000);
        }
        assert_int_equal(subject->insert(late, time_ns, affine_random(random)), 0);
        if (nth % 64 == 0) {
            assert_sound(subject, late);
        }
    }
    subject->stats(late, &stats);
    uint64_t refused = stats.refused_count;
    struct affine before = subject->query(late);
    assert_int_equal(subject->insert(late, stats.newest_ns, affine_random(random)), -EDQUOT);
    assert_int_equal(subject->insert(late, stats.newest_ns + 1, affine_random(random)), -EDQUOT);
    assert_int_equal(subject->insert(late, stats.horizon_ns, affine_random(random)), -EDQUOT);
    assert_true(affine_equal(subject->query(late), before));
    subject->stats(late, &stats);
    assert_int_equal(stats.item_count, item_max);
    assert_int_equal(stats.refused_count, refused + 3);
    assert_sound(subject, late);
}

static void item_max_items_fit_in_every_order(void **state)
{
    (void)state;
    static const uint32_t maxima[] = {1, 2, 3, 5, 6, 7, 10, 11, 25, 63, 64, 65, 127, 400, 3000};
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(64 << 20);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++) {
            for (enum order order = 0; order < ORDER_COUNT; order++) {
                void *late = late_of(subjects[shape], budget, UINT64_MAX, maxima[i]);
                fill_to_the_last(subjects[shape], late, order, maxima[i], &random);
                subjects[shape]->destroy(late);
            }
        }
    }
    slu_budget_destroy(&budget);
}

static void nodes_given_back_suffice_for_every_order(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(64 << 20);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        const struct subject *subject = subjects[shape];
        for (int run = 0; run < 60; run++) {
            uint32_t item_max = 1 + (uint32_t)test_random_below(&random, 1200);
            void *late = late_of(subject, budget, UINT64_MAX, item_max);
            for (int round = 0; round < 3; round++) {
                enum order order = (enum order)test_random_below(&random, ORDER_COUNT);
                fill_to_the_last(subject, late, order, item_max, &random);
                subject->evict_before(late, subject->fullest_time(late) + 1);
                assert_sound(subject, late);
            }
            subject->destroy(late);
        }
    }
    slu_budget_destroy(&budget);
}

static void a_full_window_takes_an_item_that_moves_it_on(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    void *late = late_of(&least_subject, budget, 99, 100);
    for (uint64_t time_ns = 1; time_ns <= 5000; time_ns++) {
        assert_int_equal(least_subject.insert(late, time_ns, (struct affine){3, 1}), 0);
        assert_sound(&least_subject, late);
    }
    assert_int_equal(least_subject.insert(late, 4950, (struct affine){3, 1}), -EDQUOT);
    least_subject.destroy(late);
    slu_budget_destroy(&budget);
}

static uint64_t node_slots(const struct subject *subject, const void *late)
{
    return (uint64_t)subject->inner_slots * subject->levels(late);
}

/* Each call of a random mix takes at most the combines that the header states. */
static void no_call_passes_its_stated_combines(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    struct slu_budget *budget = budget_of(64 << 20);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        const struct subject *subject = subjects[shape];
        uint64_t leaf_slots = subject->leaf_slots;
        void *late = late_of(subject, budget, 40000, 20000);
        uint64_t clock = 100000;
        for (int step = 0; step < 100000; step++) {
            uint64_t lateness = test_random_below(&random, 4) == 0 ? 40000 : 30;
            uint64_t levels_before = node_slots(subject, late);
            uint64_t start = affine_combines;
            clock += test_random_below(&random, 10000) == 0 ? 20000 : 2;
            (void)subject->insert(late, clock - test_random_below(&random, lateness),
                                  (struct affine){3, 1}); /* stale and refused ones count, too */
            uint64_t inserted = affine_combines;
            uint64_t nodes = node_slots(subject, late);
            nodes = nodes > levels_before ? nodes : levels_before;
            assert_true(inserted - start <= 7 * leaf_slots + 10 * nodes);
            if (step % 2500 == 0) {
                subject->evict_before(late, clock - test_random_below(&random, 40000));
                assert_true(affine_combines - inserted <= leaf_slots + 4 * nodes);
            }
            start = affine_combines;
            (void)subject->query(late); /* for its combines */
            assert_true(affine_combines - start <= 2);
            start = affine_combines;
            (void)subject->query_range(late, clock - lateness, clock); /* for its combines */
            assert_true(affine_combines - start <= 2 * (leaf_slots + nodes));
        }
        subject->destroy(late);
    }
    slu_budget_destroy(&budget);
}

/* Combines of an insert, an eviction and a query, on average, at `window` items in order. */
static double combines_in_order(const struct subject *subject, uint32_t window)
{
    struct slu_budget *budget = budget_of(64 << 20);
    void *late = late_of(subject, budget, 10 * (uint64_t)window - 5, window);
    const uint64_t steps = 8 * (uint64_t)window + 1000;
    uint64_t start = 0;
    for (uint64_t step = 0; step < window + steps; step++) {
        start = step == window ? affine_combines : start;
        assert_int_equal(subject->insert(late, 10 * step, (struct affine){3, 1}), 0);
        (void)subject->query(late); /* for its combines */
    }
    double combines = (double)(affine_combines - start) / (double)steps;
    subject->destroy(late);
    slu_budget_destroy(&budget);
    return combines;
}

static void in_order_the_combines_are_few_whatever_the_window(void **state)
{
    (void)state;
    static const uint32_t windows[] = {1, 2, 10, 62, 63, 64, 100, 1000, 10000, 100000};
    for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        double usual = combines_in_order(&usual_subject, windows[i]);
        double least = combines_in_order(&least_subject, windows[i]);
        printf("# in order, window %u: %.2f combines, with the least nodes %.2f\n", windows[i],
               usual, least);
        assert_true(usual <= 5.0);
        assert_true(least <= 7.0);
    }
}

/*
 * Combines of an insertion `distance` places before the newest item, on average, in a window of
 * `window` items from which the oldest leaves each time.
 */
static double combines_late(uint32_t window, uint32_t distance)
{
    struct slu_budget *budget = budget_of(64 << 20);
    const struct subject *subject = &usual_subject;
    void *late = late_of(subject, budget, UINT64_MAX, window);
    uint64_t clock = 1;
    for (; clock <= window - distance; clock++) {
        assert_int_equal(subject->insert(late, clock, (struct affine){3, 1}), 0);
    }
    for (uint64_t i = 0; i < distance; i++) {
        assert_int_equal(subject->insert(late, MIDDLE + i, (struct affine){3, 1}), 0);
    }
    uint64_t combines = 0;
    for (uint64_t step = 1; step <= 2 * window; step++, clock++) {
        subject->evict_before(late, step + 1);
        uint64_t start = affine_combines;
        assert_int_equal(subject->insert(late, clock, (struct affine){3, 1}), 0);
        combines += step > window ? affine_combines - start : 0;
    }
    subject->destroy(late);
    slu_budget_destroy(&budget);
    return (double)combines / window;
}

static void late_items_cost_by_their_distance_and_not_by_the_window(void **state)
{
    (void)state;
    const double leaf_slots = usual_subject.leaf_slots;
    const double inner_slots = usual_subject.inner_slots;
    uint32_t levels = 0;
    for (uint32_t distance = 1; distance <= 8000; distance *= 20, levels++) {
        /* One node a level of the tree over the items passed, and what sharing adds. */
        double most = 1.25 * (leaf_slots + inner_slots * levels);
        double small = combines_late(25000, distance);
        double large = combines_late(200000, distance);
        double at_old_end = combines_late(200000, 200000 - distance);
        printf("# %u places late: %.1f combines of 25,000 items, %.1f of 200,000; %.1f as far from "
               "the oldest\n",
               distance, small, large, at_old_end);
        assert_true(large <= most && at_old_end <= most);
        assert_true(large <= small * 1.25 + 8.0);
    }
}

/* Combines of an item that comes before all of `window` items and goes again, on average. */
static double combines_in_and_out(uint32_t window)
{
    struct slu_budget *budget = budget_of(64 << 20);
    void *late = late_of(&least_subject, budget, UINT64_MAX, window + 1);
    for (uint32_t nth = 0; nth < window; nth++) {
        /* Downwards, so that the nodes at the old end are as full as they can be. */
        assert_int_equal(least_subject.insert(late, 2 * MIDDLE - nth, (struct affine){3, 1}), 0);
    }
    uint64_t start = affine_combines;
    for (uint64_t step = 0; step < 10000; step++) {
        assert_int_equal(least_subject.insert(late, step, (struct affine){3, 1}), 0);
        least_subject.evict_before(late, step + 1);
    }
    double combines = (double)(affine_combines - start) / 10000;
    assert_sound(&least_subject, late);
    least_subject.destroy(late);
    slu_budget_destroy(&budget);
    return combines;
}

static void items_that_come_and_go_at_the_old_end_do_not_shake_the_tree(void **state)
{
    (void)state;
    /* Sizes at which full nodes line up in different ways. */
    for (uint32_t window = 100; window < 100000; window = window * 3 + 1) {
        assert_true(combines_in_and_out(window) <= 30.0);
    }
}

/* A bulk eviction takes about the same combines for ten items and for a hundred thousand. */
static void bulk_evictions_cost_by_the_height_and_not_by_the_items(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    for (uint32_t gone = 10; gone <= 100000; gone *= 10) {
        void *late = late_of(&least_subject, budget, UINT64_MAX, 100000);
        for (uint64_t time_ns = 0; time_ns < 100000; time_ns++) {
            assert_int_equal(least_subject.insert(late, time_ns, (struct affine){3, 1}), 0);
        }
        uint64_t nodes = node_slots(&least_subject, late);
        uint64_t start = affine_combines;
        least_subject.evict_before(late, gone);
        assert_true(affine_combines - start <= least_subject.leaf_slots + 4 * nodes);
        assert_sound(&least_subject, late);
        least_subject.destroy(late);
    }
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        struct slu_late_options options;
        int err;
        const char *reason;
    } rows[] = {
        {{.span_ns = 0, .item_max = 10}, -EINVAL, "span_ns is 0; it must be at least 1"},
        {{.span_ns = 1, .item_max = 0}, -EINVAL, "item_max is 0; it must be 1 to 4294967294"},
        {{.span_ns = 1, .item_max = UINT64_MAX}, -EINVAL, "item_max is 18446744073709551615"},
        {{.span_ns = 1, .item_max = SLU_LATE_ITEMS_MAX}, -EDQUOT, "budget 'late'"},
        {{.span_ns = 1, .item_max = 100000}, -EDQUOT, "item_max 100000 needs"},
    };
    struct slu_budget *budget = budget_of(1 << 20);
    for (size_t shape = 0; shape < SUBJECT_COUNT; shape++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct slu_diag diag = {.line = 7};
            void *late = budget;
            assert_int_equal(subjects[shape]->create(budget, &rows[i].options, &diag, &late),
                             rows[i].err);
            assert_non_null(strstr(diag.message, rows[i].reason));
            assert_ptr_equal(late, budget);
            assert_int_equal(subjects[shape]->create(budget, &rows[i].options, NULL, &late),
                             rows[i].err);
        }
    }
    slu_budget_destroy(&budget); /* asserts that nothing is charged */
}

static void sizes_beyond_the_address_space_are_refused(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(UINT64_MAX);
    const struct slu_late_options options = {.span_ns = 1, .item_max = SLU_LATE_ITEMS_MAX};
    const struct slu_late_shape shape = {.head_bytes = 1024,
                                         .level_bytes = 64,
                                         .leaf_bytes = SIZE_MAX / 1000,
                                         .inner_bytes = 64,
                                         .leaf_slots = 5,
                                         .inner_slots = 5};
    struct slu_late_plan plan;
    struct slu_diag diag;
    void *block = NULL;
    assert_int_equal(slu_late_alloc(budget, &options, &shape, &diag, &plan, &block), -EOVERFLOW);
    assert_non_null(strstr(diag.message, "item_max 4294967294"));
    assert_null(block);
    slu_budget_destroy(&budget);
}

static void creation_survives_every_failed_allocation(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(8 << 20);
    const struct slu_late_options options = {.span_ns = 1, .item_max = 100000};
    bool created = false;
    for (uint64_t nth = 1; !created; nth++) {
        int64_t live_before = alloc_live_count();
        struct slu_diag diag = {.line = 0};
        void *late = NULL;
        alloc_fault_at(nth);
        int err = usual_subject.create(budget, &options, &diag, &late);
        alloc_fault_at(0);
        created = err == 0;
        if (created) {
            usual_subject.destroy(late);
        } else {
            assert_int_equal(err, -ENOMEM);
            assert_null(late);
            assert_non_null(strstr(diag.message, "gave no memory"));
        }
        assert_int_equal(alloc_live_count(), live_before);
        assert_true(nth <= 2);
    }
    slu_budget_destroy(&budget);
}

static void nothing_is_allocated_after_creation(void **state)
{
    (void)state;
    struct test_random random = test_random_start(4);
    struct slu_budget *budget = budget_of(8 << 20);
    void *late = late_of(&usual_subject, budget, 5000, 20000);
    struct slu_late_stats stats;
    uint64_t allocations = alloc_count();
    for (uint64_t clock = 10000; clock < 150000; clock++) {
        uint64_t lateness = test_random_below(&random, clock % 10 == 0 ? 6000 : 20);
        (void)usual_subject.insert(late, clock - lateness, (struct affine){3, 1}); /* stale, too */
        if (clock % 1000 == 0) {
            usual_subject.evict_before(late, clock - 2500);
            (void)usual_subject.query_range(late, clock - 100, clock); /* for its allocations */
        }
        (void)usual_subject.query(late); /* for its allocations */
    }
    usual_subject.stats(late, &stats);
    assert_int_equal(alloc_count(), allocations);
    assert_true(stats.stale_count > 0);
    usual_subject.destroy(late);
    slu_budget_destroy(&budget);
}

static void the_budget_pays_for_the_block_and_not_a_byte_more(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(8 << 20);
    struct slu_budget_stats before;
    struct slu_budget_stats after;
    struct slu_late_stats stats;
    slu_budget_stats(budget, &before);
    void *late = late_of(&usual_subject, budget, 1, 1000);
    usual_subject.stats(late, &stats);
    slu_budget_stats(budget, &after);
    uint64_t block_bytes = slu_budget_block_bytes(stats.size_bytes);
    assert_int_equal(after.used_bytes - before.used_bytes, block_bytes);
    usual_subject.destroy(late);
    slu_budget_set_limit(budget, before.used_bytes + block_bytes - 1);
    const struct slu_late_options options = {.span_ns = 1, .item_max = 1000};
    assert_int_equal(usual_subject.create(budget, &options, NULL, &late), -EDQUOT);
    slu_budget_set_limit(budget, before.used_bytes + block_bytes);
    assert_int_equal(usual_subject.create(budget, &options, NULL, &late), 0);
    usual_subject.destroy(late);
    slu_budget_destroy(&budget);
}

static void an_item_of_eight_bytes_has_twenty_bytes_of_overhead_at_most(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    void *late = late_of(&usual_subject, budget, 1, 1000000);
    struct slu_late_stats stats;
    usual_subject.stats(late, &stats);
    double overhead = (double)stats.size_bytes / 1e6 - sizeof(struct affine);
    printf("# %.2f bytes of overhead an item, its time included\n", overhead);
    assert_true(overhead <= 20.0);
    usual_subject.destroy(late);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(item_max_items_fit_in_every_order),
        cmocka_unit_test(nodes_given_back_suffice_for_every_order),
        cmocka_unit_test(a_full_window_takes_an_item_that_moves_it_on),
        cmocka_unit_test(no_call_passes_its_stated_combines),
        cmocka_unit_test(in_order_the_combines_are_few_whatever_the_window),
        cmocka_unit_test(late_items_cost_by_their_distance_and_not_by_the_window),
        cmocka_unit_test(items_that_come_and_go_at_the_old_end_do_not_shake_the_tree),
        cmocka_unit_test(bulk_evictions_cost_by_the_height_and_not_by_the_items),
        cmocka_unit_test(impossible_options_are_refused_with_a_reason),
        cmocka_unit_test(sizes_beyond_the_address_space_are_refused),
        cmocka_unit_test(creation_survives_every_failed_allocation),
        cmocka_unit_test(nothing_is_allocated_after_creation),
        cmocka_unit_test(the_budget_pays_for_the_block_and_not_a_byte_more),
        cmocka_unit_test(an_item_of_eight_bytes_has_twenty_bytes_of_overhead_at_most),
    };
    return TEST_RUN("fold_late_limits", tests);
}
