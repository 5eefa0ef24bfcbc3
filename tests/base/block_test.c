#include "base/block.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>

#include "budget.h"
#include "harness.h"

static void a_block_keeps_its_bytes_as_it_grows_to_its_most(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t before = budget_used(budget);
    struct block block;
    assert_int_equal(block_begin(budget, 3, &block), 0);
    memcpy(block.data, "abc", 3);
    block.len = 3;
    static const size_t sizes[] = {6, 12, 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(block_grow(budget, &block, 20), 0);
        assert_int_equal(block.size_bytes, sizes[i]);
        assert_memory_equal(block.data, "abc", 3);
        assert_int_equal(block.len, 3);
    }
    block_free(budget, &block);
    assert_null(block.data);
    assert_int_equal(budget_used(budget), before);
    slu_budget_destroy(&budget);
}

static void a_block_that_may_not_grow_is_as_it_was(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(4096);
    struct block block;
    assert_int_equal(block_begin(budget, 1024, &block), 0);
    struct block before = block;
    assert_int_equal(block_grow(budget, &block, SIZE_MAX / 2), 0);
    assert_int_equal(block.size_bytes, 2 * before.size_bytes);
    before = block;
    assert_int_equal(block_grow(budget, &block, SIZE_MAX / 2), -EDQUOT);
    assert_memory_equal(&block, &before, sizeof(block));
    block_free(budget, &block);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_keeps_its_bytes_as_it_grows_to_its_most),
        cmocka_unit_test(a_block_that_may_not_grow_is_as_it_was),
    };
    return TEST_RUN("block", tests);
}
