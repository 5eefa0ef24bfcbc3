#include "base/layout.h"

#include <errno.h>

#include <sluice/budget.h>

#include "harness.h"

static void parts_follow_each_other_at_their_alignment(void **state)
{
    (void)state;
    struct layout layout = {0};
    assert_int_equal(layout_add(&layout, 1, 3, 1), 0);
    assert_int_equal(layout_add(&layout, 2, 8, 8), 8);
    assert_int_equal(layout_add(&layout, 1, 1, 64), 64);
    size_t size = 0;
    assert_int_equal(layout_size(&layout, &size), 0);
    assert_int_equal(size, 65);
}

static void an_overflow_anywhere_is_remembered(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        size_t item_bytes;
    } parts[] = {{SIZE_MAX, 2}, {SIZE_MAX, 1}, {SIZE_MAX / 2 + 1, 2}, {2, SIZE_MAX / 2}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct layout layout = {0};
        (void)layout_add(&layout, 1, 8, 8); /* the offset is of no interest here */
        (void)layout_add(&layout, parts[i].count, parts[i].item_bytes, 8);
        (void)layout_add(&layout, 1, 8, 8);
        size_t size = 1234;
        assert_int_equal(layout_size(&layout, &size), -EOVERFLOW);
        assert_int_equal(size, 1234);
    }
}

static void a_block_is_charged_or_nothing_is(void **state)
{
    (void)state;
    struct slu_budget *budget = NULL;
    struct slu_budget_stats before;
    struct slu_budget_stats after;
    assert_int_equal(slu_budget_create(NULL, "layout", 4096, &budget), 0);
    slu_budget_stats(budget, &before);
    struct layout layout = {0};
    (void)layout_add(&layout, 2, 100, 8);
    size_t size = 0;
    void *block = NULL;
    assert_int_equal(layout_alloc(&layout, budget, &size, &block), 0);
    assert_int_equal(size, 200);
    slu_budget_free(budget, block, size);
    block = NULL;
    (void)layout_add(&layout, 1, 100000, 8);
    assert_int_equal(layout_alloc(&layout, budget, &size, &block), -EDQUOT);
    assert_int_equal(size, 100200);
    (void)layout_add(&layout, SIZE_MAX, 2, 8);
    assert_int_equal(layout_alloc(&layout, budget, &size, &block), -EOVERFLOW);
    assert_int_equal(size, 100200);
    assert_null(block);
    slu_budget_stats(budget, &after);
    assert_int_equal(after.used_bytes, before.used_bytes);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_follow_each_other_at_their_alignment),
        cmocka_unit_test(an_overflow_anywhere_is_remembered),
        cmocka_unit_test(a_block_is_charged_or_nothing_is),
    };
    return TEST_RUN("layout", tests);
}
