#include <sluice/bloom.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "budget.h"
#include "harness.h"

static struct slu_bloom *bloom_of(struct slu_budget *budget, uint64_t capacity, double rate,
                                  uint64_t seed)
{
    struct slu_bloom_options options = {.capacity = capacity, .positive_rate = rate, .seed = seed};
    struct slu_bloom *bloom = NULL;
    assert_int_equal(slu_bloom_create(budget, &options, NULL, &bloom), 0);
    return bloom;
}

static struct slu_bytes key_of(const uint64_t *number)
{
    return (struct slu_bytes){number, sizeof(*number)};
}

static void what_was_added_is_always_found(void **state)
{
    (void)state;
    static const uint64_t capacities[] = {1, 2, 100, 5000};
    struct slu_budget *budget = budget_of(1 << 20);
    for (uint64_t i = 0; i < 4; i++) {
        struct test_random random = test_random_start(i);
        struct slu_bloom *bloom = bloom_of(budget, capacities[i], 0.01, i);
        uint64_t allocations = alloc_count();
        /* Twice the capacity: the rate suffers, the promise does not. */
        for (uint64_t added = 0; added < 2 * capacities[i]; added++) {
            uint64_t number = test_random_next(&random);
            bool absent = !slu_bloom_may_contain(bloom, key_of(&number));
            assert_int_equal(slu_bloom_add(bloom, key_of(&number)), absent);
            assert_true(slu_bloom_may_contain(bloom, key_of(&number)));
            assert_true(slu_bloom_may_contain_hash(bloom, slu_bloom_hash(bloom, key_of(&number))));
        }
        random = test_random_start(i);
        for (uint64_t added = 0; added < 2 * capacities[i]; added++) {
            uint64_t number = test_random_next(&random);
            assert_true(slu_bloom_may_contain(bloom, key_of(&number)));
        }
        assert_int_equal(alloc_count(), allocations);
        slu_bloom_destroy(&bloom);
    }
    slu_budget_destroy(&budget);
}

/* Absent keys that are taken for present, of 200,000, in a filter that is as full as it may be. */
static double measured_rate(double rate, uint64_t capacity, struct slu_bloom_stats *stats,
                            double *expected)
{
    enum {
        ASKED = 200000
    };
    struct slu_budget *budget = budget_of(1 << 22);
    struct slu_bloom *bloom = bloom_of(budget, capacity, rate, test_seed());
    /* Counting numbers: the hash alone must spread them. */
    for (uint64_t number = 0; number < capacity; number++) {
        slu_bloom_add(bloom, key_of(&number));
    }
    uint64_t positives = 0;
    for (uint64_t number = capacity; number < capacity + ASKED; number++) {
        positives += slu_bloom_may_contain(bloom, key_of(&number));
    }
    slu_bloom_stats(bloom, stats);
    *expected = slu_bloom_positive_rate(bloom);
    slu_bloom_destroy(&bloom);
    slu_budget_destroy(&budget);
    return (double)positives / ASKED;
}

static void a_full_filter_has_the_rate_asked_for(void **state)
{
    (void)state;
    static const double rates[] = {0.5, 0.1, 0.01, 0.001, 0.0001};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct slu_bloom_stats stats;
        double expected = 0;
        double seen = measured_rate(rates[i], 50000, &stats, &expected);
        /* Five standard deviations of the sample above the promise; half of it below. */
        double noise = 5 * sqrt(rates[i] / 200000);
        assert_true(seen <= rates[i] * 1.05 + noise);
        assert_true(seen >= rates[i] * 0.5 - noise);
        assert_true(fabs(expected - seen) <= 0.05 * expected + noise);
        assert_true(stats.added_count <= 50000);
        assert_true((double)stats.added_count >= 50000 * (1 - rates[i]));
    }
}

static void the_size_is_near_that_of_the_unblocked_form(void **state)
{
    (void)state;
    struct slu_bloom_stats stats;
    double expected = 0;
    (void)measured_rate(0.01, 50000, &stats, &expected); /* only the size is of interest */
    double ideal_bits = -log(0.01) / (log(2) * log(2));  /* 9.6 a key */
    assert_true((double)stats.size_bytes * 8 / 50000 < 1.25 * ideal_bits);
}

static void a_union_contains_both(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_bloom *left = bloom_of(budget, 1000, 0.01, 7);
    struct slu_bloom *right = bloom_of(budget, 1000, 0.01, 7);
    for (uint64_t number = 0; number < 1000; number++) {
        slu_bloom_add(number % 2 == 0 ? left : right, key_of(&number));
    }
    assert_int_equal(slu_bloom_unite(left, right), 0);
    for (uint64_t number = 0; number < 1000; number++) {
        assert_true(slu_bloom_may_contain(left, key_of(&number)));
    }
    struct slu_bloom *others[] = {bloom_of(budget, 1001, 0.01, 7), bloom_of(budget, 1000, 0.02, 7),
                                  bloom_of(budget, 1000, 0.01, 8)};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(slu_bloom_unite(left, others[i]), -EINVAL);
        slu_bloom_destroy(&others[i]);
    }
    slu_bloom_destroy(&left);
    slu_bloom_destroy(&right);
    slu_budget_destroy(&budget);
}

static void a_cleared_filter_is_empty(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_bloom *bloom = bloom_of(budget, 100, 0.01, 7);
    struct slu_bytes empty = {NULL, 0};
    assert_false(slu_bloom_may_contain(bloom, empty));
    assert_true(slu_bloom_add(bloom, empty));
    assert_false(slu_bloom_add(bloom, empty));
    assert_true(slu_bloom_may_contain(bloom, empty));
    slu_bloom_clear(bloom);
    assert_false(slu_bloom_may_contain(bloom, empty));
    struct slu_bloom_stats stats;
    slu_bloom_stats(bloom, &stats);
    assert_int_equal(stats.added_count, 0);
    assert_true(slu_bloom_positive_rate(bloom) == 0);
    slu_bloom_destroy(&bloom);
    slu_budget_destroy(&budget);
}

static void impossible_options_and_failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    static const struct {
        struct slu_bloom_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0, 0.01, 0}, -EINVAL, "capacity is 0"},
        {{UINT64_MAX, 0.01, 0}, -EINVAL, "capacity is 18446744073709551615"},
        {{10, 0, 0}, -EINVAL, "positive_rate is 0;"},
        {{10, 0.6, 0}, -EINVAL, "positive_rate is 0.6"},
        {{10, NAN, 0}, -EINVAL, "positive_rate is"},
        {{1000000, 0.01, 0}, -EDQUOT, "budget 'test'"},
        {{SLU_BLOOM_CAPACITY_MAX, SLU_BLOOM_RATE_MIN, 0}, -EDQUOT, "budget 'test'"},
    };
    struct slu_budget *budget = budget_of(65536);
    uint64_t before = budget_used(budget);
    struct slu_bloom *bloom = NULL;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_diag diag = {0};
        assert_int_equal(slu_bloom_create(budget, &cases[i].options, &diag, &bloom), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(bloom);
    }
    struct slu_bloom_options options = {.capacity = 100, .positive_rate = 0.01};
    alloc_fault_at(1);
    assert_int_equal(slu_bloom_create(budget, &options, NULL, &bloom), -ENOMEM);
    assert_true(alloc_fault_hit());
    assert_int_equal(budget_used(budget), before);
    slu_bloom_destroy(&bloom);
    slu_bloom_destroy(NULL);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_always_found),
        cmocka_unit_test(a_full_filter_has_the_rate_asked_for),
        cmocka_unit_test(the_size_is_near_that_of_the_unblocked_form),
        cmocka_unit_test(a_union_contains_both),
        cmocka_unit_test(a_cleared_filter_is_empty),
        cmocka_unit_test(impossible_options_and_failed_allocations_leave_nothing_behind),
    };
    return TEST_RUN("bloom", tests);
}
