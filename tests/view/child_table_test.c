/* The table of children beside a plain list. */
#include "view/child_table.h"

#include <errno.h>

#include "budget.h"
#include "harness.h"

#define BUDGET_BYTES ((uint64_t)16 << 20)
#define CHILDREN     20000
#define PARENTS      64

static uint32_t parents[CHILDREN];
static uint32_t entries[CHILDREN];

/* Pairs that are all different: the entry tells them apart below one parent. */
static void pairs_make(struct test_random *random)
{
    for (uint32_t i = 0; i < CHILDREN; i++) {
        parents[i] = (uint32_t)test_random_below(random, PARENTS);
        entries[i] = i * 3;
    }
}

static void what_was_added_is_found_and_nothing_else(void **state)
{
    struct test_random random = test_random_start(71);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct child_table table;
    (void)state;
    pairs_make(&random);
    assert_int_equal(child_table_init(&table, budget), 0);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        uint32_t hash = child_hash(parents[i], entries[i]);
        assert_int_equal(child_table_find(&table, hash, parents[i], entries[i]), CHILD_NONE);
        assert_int_equal(child_table_add(&table, hash, parents[i], entries[i], i + 1), 0);
    }
    for (uint32_t i = 0; i < CHILDREN; i++) {
        uint32_t hash = child_hash(parents[i], entries[i]);
        child_table_fetch(&table, hash);
        assert_int_equal(child_table_find(&table, hash, parents[i], entries[i]), i + 1);
        hash = child_hash(parents[i], entries[i] + 1);
        assert_int_equal(child_table_find(&table, hash, parents[i], entries[i] + 1), CHILD_NONE);
    }
    child_table_deinit(&table);
    slu_budget_destroy(&budget);
}

static void hashes_that_collide_do_no_harm(void **state)
{
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct child_table table;
    (void)state;
    assert_int_equal(child_table_init(&table, budget), 0);
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(child_table_add(&table, 7, i, 5, i + 1), 0);
    }
    for (uint32_t i = 0; i < 2000; i++) {
        assert_int_equal(child_table_find(&table, 7, i, 5), i + 1);
    }
    assert_int_equal(child_table_find(&table, 7, 2000, 5), CHILD_NONE);
    child_table_deinit(&table);
    slu_budget_destroy(&budget);
}

static void a_budget_that_is_used_up_leaves_it_as_it_was(void **state)
{
    struct slu_budget *budget = budget_of(64 * 1024);
    struct child_table table;
    uint32_t count = 0;
    int err = 0;
    (void)state;
    assert_int_equal(child_table_init(&table, budget), 0);
    while (err == 0) {
        err = child_table_add(&table, child_hash(count, count), count, count, count + 1);
        count += err == 0;
    }
    assert_int_equal(err, -EDQUOT);
    assert_true(count > 1000);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(child_table_find(&table, child_hash(i, i), i, i), i + 1);
    }
    child_table_deinit(&table);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_and_nothing_else),
        cmocka_unit_test(hashes_that_collide_do_no_harm),
        cmocka_unit_test(a_budget_that_is_used_up_leaves_it_as_it_was),
    };
    return TEST_RUN("child table", tests);
}
