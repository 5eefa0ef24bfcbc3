#include "base/bloom.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define ROOM_BYTES (64 << 20)

static uint64_t used(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

static struct slu_budget *root_of(uint64_t limit_bytes)
{
    struct slu_budget *root = NULL;
    assert_int_equal(slu_budget_create(NULL, "root", limit_bytes, &root), 0);
    return root;
}

static struct slu_bloom *bloom_of(struct slu_budget *root, uint64_t capacity, double rate,
                                  uint64_t seed)
{
    struct slu_bloom_options options = {.capacity = capacity, .rate = rate, .seed = seed};
    struct slu_bloom *bloom = NULL;
    assert_int_equal(slu_bloom_create(root, &options, NULL, &bloom), 0);
    return bloom;
}

static struct slu_bytes key_of(const uint64_t *number)
{
    return (struct slu_bytes){number, sizeof(*number)};
}

static void impossible_options_are_refused_with_the_reason(void **state)
{
    (void)state;
    const struct {
        struct slu_bloom_options options;
        int err;
        const char *reason;
    } cases[] = {
        {{.capacity = 0, .rate = 0.01}, -EINVAL, "capacity is 0"},
        {{.capacity = SLU_BLOOM_CAPACITY_MAX + 1, .rate = 0.01},
         -EINVAL,
         "capacity is 68719476737"},
        {{.capacity = 1, .rate = 0}, -EINVAL, "rate is 0"},
        {{.capacity = 1, .rate = 0.99e-6}, -EINVAL, "rate is 9.9e-07"},
        {{.capacity = 1, .rate = 0.51}, -EINVAL, "rate is 0.51"},
        {{.capacity = 1, .rate = -0.01}, -EINVAL, "rate is -0.01"},
        {{.capacity = 1, .rate = (double)NAN}, -EINVAL, "rate is nan"},
        {{.capacity = 1, .rate = (double)INFINITY}, -EINVAL, "rate is inf"},
        {{.capacity = 1 << 20, .rate = 0.01}, -EDQUOT, "does not fit budget 'root'"},
        {{.capacity = SLU_BLOOM_CAPACITY_MAX, .rate = 1e-6}, -EDQUOT, "does not fit budget 'root'"},
    };
    struct slu_budget *root = root_of(1 << 20);
    uint64_t before = used(root);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        struct slu_bloom *bloom = NULL;
        assert_int_equal(slu_bloom_create(root, &cases[i].options, &diag, &bloom), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].reason));
        assert_null(bloom);
        assert_int_equal(used(root), before);
    }
    slu_budget_destroy(&root);
}

static void a_filter_is_one_block_and_leaves_nothing_when_it_fails(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    uint64_t before = used(root);
    int64_t live = alloc_live_count();
    struct slu_bloom_options options = {.capacity = 1000, .rate = 0.01};
    struct slu_bloom *bloom = NULL;
    int err = -ENOMEM;
    uint64_t nth = 0;
    while (err != 0) {
        alloc_fault_at(++nth);
        err = slu_bloom_create(root, &options, NULL, &bloom);
        assert_int_equal(err, alloc_fault_hit() ? -ENOMEM : 0);
        assert_true(err == 0 || (bloom == NULL && used(root) == before));
    }
    alloc_fault_at(0);
    assert_int_equal(nth, 2);
    struct slu_bloom_stats stats;
    slu_bloom_stats(bloom, &stats);
    assert_int_equal(used(root) - before, 128 + stats.filter_bytes);
    slu_bloom_destroy(&bloom);
    assert_null(bloom);
    slu_bloom_destroy(&bloom);
    slu_bloom_destroy(NULL);
    assert_int_equal(used(root), before);
    assert_int_equal(alloc_live_count(), live);
    slu_budget_destroy(&root);
}

static void the_size_is_as_stated(void **state)
{
    (void)state;
    static const struct {
        double rate;
        double key_bits;
    } stated[] = {{0.01, 10.1}, {0.001, 15.7}, {0.0001, 23.0}};
    struct slu_budget *root = root_of(ROOM_BYTES);
    for (size_t i = 0; i < sizeof(stated) / sizeof(stated[0]); i++) {
        struct slu_bloom *bloom = bloom_of(root, 1000000, stated[i].rate, 1);
        struct slu_bloom_stats stats;
        slu_bloom_stats(bloom, &stats);
        double key_bits = (double)stats.filter_bytes * 8 / 1e6;
        assert_in_range(key_bits * 100, stated[i].key_bits * 100 - 10,
                        stated[i].key_bits * 100 + 10);
        slu_bloom_destroy(&bloom);
    }
    struct slu_bloom *least = bloom_of(root, 1, 0.5, 1);
    struct slu_bloom_stats stats;
    slu_bloom_stats(least, &stats);
    assert_int_equal(stats.filter_bytes, 64);
    slu_bloom_destroy(&least);
    slu_budget_destroy(&root);
}

/* Adds `capacity` keys, all of which must be found, and counts false ones among as many as asked.
 */
static double measured_rate(struct slu_bloom *bloom, uint64_t capacity, uint64_t probes,
                            struct test_random *random)
{
    uint64_t first = test_random_next(random);
    for (uint64_t i = 0; i < capacity; i++) {
        uint64_t key = first + i;
        (void)slu_bloom_add(bloom, key_of(&key)); /* a false positive changes nothing */
    }
    for (uint64_t i = 0; i < capacity; i++) {
        uint64_t key = first + i;
        assert_true(slu_bloom_may_contain(bloom, key_of(&key)));
    }
    uint64_t false_count = 0;
    for (uint64_t i = 0; i < probes; i++) {
        uint64_t key = first + capacity + i;
        false_count += slu_bloom_may_contain(bloom, key_of(&key));
    }
    return (double)false_count / (double)probes;
}

static void the_rate_at_capacity_is_the_one_asked_for(void **state)
{
    (void)state;
    static const struct {
        uint64_t capacity;
        double rate;
        uint64_t probes;
    } cases[] = {
        {50000, 0.5, 200000},   {50000, 0.1, 200000},   {50000, 0.01, 400000},
        {300000, 0.01, 400000}, {50000, 0.001, 600000}, {50000, 1e-4, 1000000},
        {20000, 1e-5, 2000000}, {20000, 1e-6, 3000000}, {1000, 0.01, 400000},
        {100000, 0.02, 400000},
    };
    struct slu_budget *root = root_of(ROOM_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct test_random random = test_random_start(i);
        struct slu_bloom *bloom =
            bloom_of(root, cases[i].capacity, cases[i].rate, test_random_next(&random));
        double measured = measured_rate(bloom, cases[i].capacity, cases[i].probes, &random);
        /* Five standard deviations of the count of probes, and of how lines happen to fill. */
        double expected = cases[i].rate;
        double sigma = sqrt(expected / (double)cases[i].probes) +
                       2 * expected / sqrt((double)cases[i].capacity);
        assert_true(measured <= expected + 5 * sigma);
        /* Nor is memory wasted: the rate is not far below either. */
        assert_true(measured >= 0.8 * expected - 5 * sigma);
        slu_bloom_destroy(&bloom);
    }
    slu_budget_destroy(&root);
}

static void both_forms_of_a_key_are_the_same_key(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_bloom *bloom = bloom_of(root, 1000, 0.001, 9);
    struct slu_bytes key = {"key", 3};
    assert_false(slu_bloom_may_contain(bloom, key));
    assert_true(slu_bloom_add(bloom, key));
    assert_false(slu_bloom_add(bloom, key));
    uint64_t hash = slu_bloom_hash(bloom, key);
    assert_true(slu_bloom_may_contain_hash(bloom, hash));
    assert_false(slu_bloom_add_hash(bloom, hash));
    struct slu_bytes empty = {NULL, 0};
    assert_true(slu_bloom_add_hash(bloom, slu_bloom_hash(bloom, empty)));
    assert_true(slu_bloom_may_contain(bloom, empty));
    struct slu_bloom_stats stats;
    slu_bloom_stats(bloom, &stats);
    assert_int_equal(stats.added_count, 2);
    assert_int_equal(stats.capacity, 1000);
    slu_bloom_clear(bloom);
    assert_false(slu_bloom_may_contain(bloom, key));
    slu_bloom_stats(bloom, &stats);
    assert_int_equal(stats.added_count, 0);
    slu_bloom_destroy(&bloom);
    slu_budget_destroy(&root);
}

static void the_seed_decides_which_keys_are_false(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_bloom *one = bloom_of(root, 2000, 0.05, 1);
    struct slu_bloom *two = bloom_of(root, 2000, 0.05, 2);
    for (uint64_t key = 0; key < 2000; key++) {
        (void)slu_bloom_add(one, key_of(&key)); /* either answer is fine */
        (void)slu_bloom_add(two, key_of(&key));
    }
    uint64_t false_count = 0;
    uint64_t both_count = 0;
    for (uint64_t key = 2000; key < 102000; key++) {
        bool in_one = slu_bloom_may_contain(one, key_of(&key));
        false_count += in_one;
        both_count += in_one && slu_bloom_may_contain(two, key_of(&key));
    }
    /* Independent: 5 % of 5 %. */
    assert_in_range(false_count, 4000, 6000);
    assert_in_range(both_count, 150, 400);
    slu_bloom_destroy(&one);
    slu_bloom_destroy(&two);
    slu_budget_destroy(&root);
}

static void counts_are_estimated_within_two_percent(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    static const double rates[] = {0.1, 0.01, 1e-4};
    for (uint64_t i = 0; i < 3; i++) {
        struct slu_bloom *bloom = bloom_of(root, 50000, rates[i], i);
        assert_int_equal(slu_bloom_count_estimate(bloom), 0);
        struct test_random random = test_random_start(i);
        for (uint64_t count = 1; count <= 100000; count++) {
            (void)slu_bloom_add_hash(bloom, test_random_next(&random)); /* new or not */
            if (count % 10000 == 0) {
                assert_in_range(slu_bloom_count_estimate(bloom), count - count / 50,
                                count + count / 50);
            }
        }
        /* When every bit is set, still a number, and at least what fills it. */
        memset(bloom->lines, 0xff, bloom->line_count * sizeof(*bloom->lines));
        assert_in_range(slu_bloom_count_estimate(bloom), 100000, UINT64_MAX / 2);
        slu_bloom_destroy(&bloom);
    }
    slu_budget_destroy(&root);
}

static void a_union_has_the_keys_of_both(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_bloom *left = bloom_of(root, 20000, 0.001, 5);
    struct slu_bloom *right = bloom_of(root, 20000, 0.001, 5);
    struct slu_bloom *both = bloom_of(root, 20000, 0.001, 5);
    for (uint64_t key = 0; key < 20000; key++) {
        (void)slu_bloom_add(key < 12000 ? left : right, key_of(&key)); /* new or not */
        (void)slu_bloom_add(both, key_of(&key));
    }
    assert_int_equal(slu_bloom_unite(left, right), 0);
    assert_memory_equal(left->lines, both->lines, left->line_count * sizeof(*left->lines));
    assert_in_range(slu_bloom_count_estimate(left), 19600, 20400);
    struct slu_bloom *others[] = {
        bloom_of(root, 20001, 0.001, 5),
        bloom_of(root, 20000, 0.002, 5),
        bloom_of(root, 20000, 0.001, 6),
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_int_equal(slu_bloom_unite(left, others[i]), -EINVAL);
        slu_bloom_destroy(&others[i]);
    }
    assert_memory_equal(left->lines, both->lines, left->line_count * sizeof(*left->lines));
    slu_bloom_destroy(&left);
    slu_bloom_destroy(&right);
    slu_bloom_destroy(&both);
    slu_budget_destroy(&root);
}

static void a_filter_never_denies_what_was_added(void **state)
{
    (void)state;
    struct slu_budget *root = root_of(ROOM_BYTES);
    struct slu_bloom *bloom = bloom_of(root, 300, 0.01, 1);
    bool present[1000] = {false};
    struct test_random random = test_random_start(7);
    uint64_t allocations = alloc_count();
    for (int round = 0; round < 100000; round++) {
        uint64_t key = test_random_below(&random, 1000);
        if (test_random_below(&random, 5000) == 0) {
            slu_bloom_clear(bloom);
            memset(present, 0, sizeof(present));
        } else if (test_random_below(&random, 2) == 0) {
            bool changed = slu_bloom_add(bloom, key_of(&key));
            assert_true(!changed || !present[key]);
            present[key] = true;
        }
        assert_true(!present[key] || slu_bloom_may_contain(bloom, key_of(&key)));
    }
    assert_int_equal(alloc_count(), allocations);
    slu_bloom_destroy(&bloom);
    slu_budget_destroy(&root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_options_are_refused_with_the_reason),
        cmocka_unit_test(a_filter_is_one_block_and_leaves_nothing_when_it_fails),
        cmocka_unit_test(the_size_is_as_stated),
        cmocka_unit_test(the_rate_at_capacity_is_the_one_asked_for),
        cmocka_unit_test(both_forms_of_a_key_are_the_same_key),
        cmocka_unit_test(the_seed_decides_which_keys_are_false),
        cmocka_unit_test(counts_are_estimated_within_two_percent),
        cmocka_unit_test(a_union_has_the_keys_of_both),
        cmocka_unit_test(a_filter_never_denies_what_was_added),
    };
    return TEST_RUN("bloom", tests);
}
