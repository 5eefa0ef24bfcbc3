#include "store/time_sort.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)1 << 20)
#define ITEMS_MAX    300

struct item {
    int64_t time;
    uint32_t order; /* in which it came */
    uint32_t rest;
};

static size_t some_items(struct test_random *random, struct item *items)
{
    size_t count = test_random_below(random, ITEMS_MAX + 1);
    uint64_t spread = 1 + test_random_below(random, 400);
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct item){(int64_t)test_random_below(random, spread) - 200, (uint32_t)i,
                                 (uint32_t)i * 3};
    }
    return count;
}

static void items_are_in_order_and_of_one_time_as_they_came(void **state)
{
    static struct item items[ITEMS_MAX];
    static struct item before[ITEMS_MAX];
    struct test_random random = test_random_start(72);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    uint64_t used = budget_used(budget);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(500); round++) {
        size_t count = some_items(&random, items);
        memcpy(before, items, sizeof(items));
        assert_int_equal(time_sort(items, sizeof(items[0]), count, budget), 0);
        bool is_there[ITEMS_MAX] = {false};
        for (size_t i = 0; i < count; i++) {
            assert_memory_equal(&items[i], &before[items[i].order], sizeof(items[i]));
            assert_false(is_there[items[i].order]);
            is_there[items[i].order] = true;
            assert_true(
                i == 0 || items[i - 1].time < items[i].time ||
                (items[i - 1].time == items[i].time && items[i - 1].order < items[i].order));
        }
        assert_int_equal(budget_used(budget), used);
    }
    slu_budget_destroy(&budget);
}

static void of_one_time_the_last_is_kept(void **state)
{
    static struct item items[ITEMS_MAX];
    static struct item kept[ITEMS_MAX];
    struct test_random random = test_random_start(73);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    (void)state;
    for (uint64_t round = 0; round < test_rounds(500); round++) {
        size_t count = some_items(&random, items);
        assert_int_equal(time_sort(items, sizeof(items[0]), count, budget), 0);
        size_t wanted = 0;
        for (size_t i = 0; i < count; i++) {
            wanted -= wanted > 0 && kept[wanted - 1].time == items[i].time;
            kept[wanted++] = items[i];
        }
        assert_int_equal(time_unique(items, sizeof(items[0]), count), wanted);
        assert_memory_equal(items, kept, wanted * sizeof(kept[0]));
    }
    slu_budget_destroy(&budget);
}

static void what_is_sorted_takes_no_memory_and_what_fails_changes_nothing(void **state)
{
    struct item sorted[] = {{INT64_MIN, 0, 0}, {0, 1, 0}, {0, 2, 0}, {INT64_MAX, 3, 0}};
    struct item unsorted[] = {{INT64_MAX, 0, 0}, {INT64_MIN, 1, 0}};
    struct item before[] = {{INT64_MAX, 0, 0}, {INT64_MIN, 1, 0}};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_budget *none = budget_of(130);
    (void)state;
    uint64_t calls = alloc_count();
    assert_int_equal(time_sort(sorted, sizeof(sorted[0]), 4, budget), 0);
    assert_int_equal(alloc_count(), calls);
    assert_int_equal(time_sort(unsorted, sizeof(unsorted[0]), 2, none), -EDQUOT);
    alloc_fault_at(1);
    assert_int_equal(time_sort(unsorted, sizeof(unsorted[0]), 2, budget), -ENOMEM);
    alloc_fault_at(0);
    assert_memory_equal(unsorted, before, sizeof(before));
    assert_int_equal(time_sort(unsorted, sizeof(unsorted[0]), 2, budget), 0);
    assert_int_equal(unsorted[0].order, 1);
    slu_budget_destroy(&none);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_in_order_and_of_one_time_as_they_came),
        cmocka_unit_test(of_one_time_the_last_is_kept),
        cmocka_unit_test(what_is_sorted_takes_no_memory_and_what_fails_changes_nothing),
    };
    return TEST_RUN("time sort", tests);
}
