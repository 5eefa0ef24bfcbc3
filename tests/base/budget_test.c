#include <sluice/budget.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "budget.h"
#include "harness.h"

static uint64_t own_bytes(void)
{
    struct slu_budget *root = budget_of(1 << 20);
    uint64_t bytes = budget_used(root);
    slu_budget_destroy(&root);
    return bytes;
}

static void a_charge_counts_in_every_ancestor(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(10000);
    struct slu_budget *child = NULL;
    assert_int_equal(slu_budget_create(root, "child", 5000, &child), 0);
    uint64_t root_before = budget_used(root);
    uint64_t child_before = budget_used(child);
    assert_int_equal(slu_budget_charge(child, 100), 0);
    assert_int_equal(budget_used(root), root_before + 100);
    assert_int_equal(budget_used(child), child_before + 100);
    slu_budget_release(child, 100);
    assert_int_equal(budget_used(root), root_before);
    slu_budget_destroy(&child);
    assert_null(child);
    assert_int_equal(budget_used(root), own_bytes());
    slu_budget_destroy(&root);
}

static void the_last_byte_fits_and_the_next_is_refused_and_counted(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(1000);
    uint64_t room = 1000 - budget_used(root);
    assert_int_equal(slu_budget_charge(root, room), 0);
    assert_int_equal(slu_budget_charge(root, 1), -EDQUOT);
    assert_int_equal(slu_budget_charge(root, UINT64_MAX), -EDQUOT);
    assert_int_equal(slu_budget_charge(root, 0), 0);
    struct slu_budget_stats stats;
    slu_budget_stats(root, &stats);
    assert_int_equal(stats.used_bytes, 1000);
    assert_int_equal(stats.high_water_bytes, 1000);
    assert_int_equal(stats.refused_count, 2);
    slu_budget_release(root, room);
    slu_budget_destroy(&root);
}

static void a_refusal_by_the_parent_leaves_the_child_as_it_was(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(2000);
    struct slu_budget *child = NULL;
    assert_int_equal(slu_budget_create(root, "child", 1 << 20, &child), 0);
    struct slu_budget_stats before;
    struct slu_budget_stats after;
    slu_budget_stats(child, &before);
    assert_int_equal(slu_budget_charge(child, 2000), -EDQUOT);
    slu_budget_stats(child, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    slu_budget_stats(root, &after);
    assert_int_equal(after.refused_count, 1);
    assert_int_equal(after.refused_bytes, 2000);
    slu_budget_destroy(&child);
    slu_budget_destroy(&root);
}

static void creation_refuses_what_cannot_be(void **state)
{
    (void)state;
    struct slu_budget *untouched = (struct slu_budget *)(uintptr_t)0x1;
    struct slu_budget *budget = untouched;
    assert_int_equal(slu_budget_create(NULL, NULL, 1000, &budget), -EINVAL);
    assert_int_equal(slu_budget_create(NULL, "small", own_bytes() - 1, &budget), -EDQUOT);
    struct slu_budget *full = budget_of(own_bytes());
    assert_int_equal(slu_budget_create(full, "child", 1000, &budget), -EDQUOT);
    assert_ptr_equal(budget, untouched);
    slu_budget_destroy(&full);
}

static void the_tree_is_no_deeper_than_documented(void **state)
{
    (void)state;
    struct slu_budget *chain[SLU_BUDGET_DEPTH_MAX] = {NULL};
    for (int depth = 0; depth < SLU_BUDGET_DEPTH_MAX; depth++) {
        struct slu_budget *parent = depth == 0 ? NULL : chain[depth - 1];
        assert_int_equal(slu_budget_create(parent, "link", 1 << 20, &chain[depth]), 0);
    }
    struct slu_budget *deeper = NULL;
    assert_int_equal(slu_budget_create(chain[SLU_BUDGET_DEPTH_MAX - 1], "x", 1 << 20, &deeper),
                     -EINVAL);
    assert_int_equal(slu_budget_charge(chain[SLU_BUDGET_DEPTH_MAX - 1], 77), 0);
    assert_int_equal(budget_used(chain[0]), SLU_BUDGET_DEPTH_MAX * own_bytes() + 77);
    slu_budget_release(chain[SLU_BUDGET_DEPTH_MAX - 1], 77);
    for (int depth = SLU_BUDGET_DEPTH_MAX - 1; depth >= 0; depth--) {
        slu_budget_destroy(&chain[depth]);
    }
}

static void pressure_rises_with_use_here_or_above(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(8000);
    struct slu_budget *child = NULL;
    assert_int_equal(slu_budget_create(root, "child", 1 << 20, &child), 0);
    assert_int_equal(slu_budget_pressure(child), SLU_PRESSURE_LOW);
    uint64_t to_soft = 6000 - budget_used(root);
    assert_int_equal(slu_budget_charge(root, to_soft - 1), 0);
    assert_int_equal(slu_budget_pressure(child), SLU_PRESSURE_LOW);
    assert_int_equal(slu_budget_charge(root, 1), 0);
    assert_int_equal(slu_budget_pressure(child), SLU_PRESSURE_HIGH);
    assert_int_equal(slu_budget_charge(root, 1000), 0);
    assert_int_equal(slu_budget_pressure(child), SLU_PRESSURE_CRITICAL);
    assert_int_equal(slu_budget_set_soft_limit(root, 8001), -EINVAL);
    assert_int_equal(slu_budget_set_soft_limit(root, 8000), 0);
    assert_int_equal(slu_budget_pressure(child), SLU_PRESSURE_LOW);
    slu_budget_release(root, to_soft + 1000);
    slu_budget_destroy(&child);
    slu_budget_destroy(&root);
}

static void a_lowered_limit_refuses_until_use_has_fallen(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(4000);
    assert_int_equal(slu_budget_charge(root, 3000), 0);
    slu_budget_set_limit(root, 2000);
    assert_int_equal(slu_budget_charge(root, 1), -EDQUOT);
    assert_int_equal(slu_budget_pressure(root), SLU_PRESSURE_CRITICAL);
    slu_budget_release(root, 2500);
    assert_int_equal(slu_budget_charge(root, 1), 0);
    slu_budget_release(root, 501);
    slu_budget_destroy(&root);
}

static void blocks_are_zeroed_aligned_and_charged_by_the_stated_rule(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(8 << 20);
    static const size_t sizes[] = {
        1, 64, 65, 4096, SLU_BUDGET_MAP_MIN - 1, SLU_BUDGET_MAP_MIN, SLU_BUDGET_MAP_MIN + 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t before = budget_used(root);
        void *block = NULL;
        assert_int_equal(slu_budget_alloc(root, sizes[i], &block), 0);
        assert_int_equal((uintptr_t)block % 64, 0);
        size_t charged = slu_budget_block_bytes(sizes[i]);
        assert_int_equal(budget_used(root) - before, charged);
        assert_true(charged >= sizes[i] && charged % 64 == 0);
        const unsigned char *bytes = block;
        for (size_t at = 0; at < charged; at++) {
            assert_int_equal(bytes[at], 0);
        }
        memset(block, 0xff, charged);
        slu_budget_free(root, block, sizes[i]);
        assert_int_equal(budget_used(root), before);
    }
    slu_budget_free(root, NULL, 100);
    slu_budget_destroy(&root);
}

static void impossible_blocks_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(1 << 20);
    void *block = root;
    assert_int_equal(slu_budget_alloc(root, 0, &block), -EINVAL);
    assert_int_equal(slu_budget_alloc(root, SIZE_MAX, &block), -EOVERFLOW);
    assert_int_equal(slu_budget_alloc(root, 1 << 20, &block), -EDQUOT);
    assert_ptr_equal(block, root);
    assert_int_equal(budget_used(root), own_bytes());
    slu_budget_destroy(&root);
}

static void a_failed_allocation_gives_its_charge_back(void **state)
{
    (void)state;
    struct slu_budget *root = budget_of(4 << 20);
    int64_t live = alloc_live_count();
    static const size_t sizes[] = {100, SLU_BUDGET_MAP_MIN};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *block = NULL;
        alloc_fault_at(1);
        assert_int_equal(slu_budget_alloc(root, sizes[i], &block), -ENOMEM);
        assert_true(alloc_fault_hit());
        assert_null(block);
        assert_int_equal(budget_used(root), own_bytes());
    }
    struct slu_budget *child = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_budget_create(root, "child", 1 << 20, &child), -ENOMEM);
    assert_null(child);
    assert_int_equal(budget_used(root), own_bytes());
    assert_int_equal(alloc_live_count(), live);
    slu_budget_destroy(&root);
}

struct rush {
    struct slu_budget *budget;
    uint64_t limit_bytes;
    uint64_t stream;
    bool passed;
};

static void *rush_run(void *argument)
{
    struct rush *rush = argument;
    struct test_random random = test_random_start(rush->stream);
    rush->passed = true;
    uint64_t rounds = test_rounds(20000);
    for (uint64_t round = 0; round < rounds; round++) {
        uint64_t bytes = test_random_below(&random, 400);
        if (slu_budget_charge(rush->budget, bytes) == 0) {
            rush->passed &= budget_used(rush->budget) <= rush->limit_bytes;
            slu_budget_release(rush->budget, bytes);
        }
    }
    return NULL;
}

static void threads_together_never_pass_the_limit(void **state)
{
    (void)state;
    uint64_t limit = own_bytes() + 600;
    struct slu_budget *root = budget_of(limit);
    struct rush rushes[4];
    pthread_t threads[4];
    for (uint64_t i = 0; i < 4; i++) {
        rushes[i] = (struct rush){.budget = root, .limit_bytes = limit, .stream = 10 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, rush_run, &rushes[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(rushes[i].passed);
    }
    struct slu_budget_stats stats;
    slu_budget_stats(root, &stats);
    assert_int_equal(stats.used_bytes, own_bytes());
    assert_true(stats.high_water_bytes <= limit);
    slu_budget_destroy(&root);
}

static void names_are_kept_and_cut_to_their_room(void **state)
{
    (void)state;
    struct slu_budget *budget = NULL;
    char name[2 * SLU_BUDGET_NAME_MAX];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(slu_budget_create(NULL, name, 1000, &budget), 0);
    assert_int_equal(strlen(slu_budget_name(budget)), SLU_BUDGET_NAME_MAX - 1);
    slu_budget_destroy(&budget);
    slu_budget_destroy(&budget);
    slu_budget_destroy(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_charge_counts_in_every_ancestor),
        cmocka_unit_test(the_last_byte_fits_and_the_next_is_refused_and_counted),
        cmocka_unit_test(a_refusal_by_the_parent_leaves_the_child_as_it_was),
        cmocka_unit_test(creation_refuses_what_cannot_be),
        cmocka_unit_test(the_tree_is_no_deeper_than_documented),
        cmocka_unit_test(pressure_rises_with_use_here_or_above),
        cmocka_unit_test(a_lowered_limit_refuses_until_use_has_fallen),
        cmocka_unit_test(blocks_are_zeroed_aligned_and_charged_by_the_stated_rule),
        cmocka_unit_test(impossible_blocks_are_refused_and_change_nothing),
        cmocka_unit_test(a_failed_allocation_gives_its_charge_back),
        cmocka_unit_test(threads_together_never_pass_the_limit),
        cmocka_unit_test(names_are_kept_and_cut_to_their_room),
    };
    return TEST_RUN("budget", tests);
}
