#include <sluice/quantile.h>

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "harness.h"
#include "window/quantile.h"

#define VALUES_MAX 4096

static struct slu_quantile_sketch *sketch_of(struct slu_budget *budget, double error, size_t bytes)
{
    struct slu_quantile_sketch_options options = {.relative_error = error, .size_bytes = bytes};
    struct slu_quantile_sketch *sketch = NULL;
    assert_int_equal(slu_quantile_sketch_create(budget, &options, NULL, &sketch), 0);
    return sketch;
}

static double sketch_error(const struct slu_quantile_sketch *sketch)
{
    struct slu_quantile_sketch_stats stats;
    slu_quantile_sketch_stats(sketch, &stats);
    return stats.relative_error;
}

static int compare_values(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static const double quantiles[] = {0, 1, 0.5, 0.95, 0.99, 0.001, 0.25, 0.999};

#define QUANTILE_COUNT (sizeof(quantiles) / sizeof(quantiles[0]))

/* The model: the sorted list of all values. */
static void assert_like_sorted(const struct slu_quantile_sketch *sketch, double *values,
                               size_t count)
{
    double error = sketch_error(sketch);
    double got[QUANTILE_COUNT];
    qsort(values, count, sizeof(values[0]), compare_values);
    assert_int_equal(slu_quantile_sketch_get(sketch, quantiles, QUANTILE_COUNT, got), 0);
    for (size_t i = 0; i < QUANTILE_COUNT; i++) {
        size_t rank = (size_t)ceil(quantiles[i] * (double)count - 1e-6);
        double exact = values[rank == 0 ? 0 : rank - 1];
        if (isinf(exact)) {
            assert_true(got[i] == exact);
        } else {
            /* Joined buckets at zero reach up from the smallest normal number. */
            assert_true(fabs(got[i] - exact) <= error * fabs(exact) + 1e-290);
        }
    }
}

/* From one value for all to the whole range of doubles. */
static double random_value(struct test_random *random, uint64_t kind)
{
    double unit = test_random_unit(random);
    switch (kind) {
    case 0:
        return 42.5;
    case 1:
        return exp(8 * (unit - 0.5));
    case 2:
        return floor(unit * 10);
    case 3:
        return unit - 0.5;
    case 4:
        return pow(10, 40 * (unit - 0.5)) * (test_random_below(random, 2) == 0 ? 1 : -1);
    default: {
        uint64_t bits = test_random_next(random);
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        return isnan(value) ? INFINITY : value;
    }
    }
}

#define KIND_COUNT 6

static void answers_are_within_the_error_of_the_sorted_list(void **state)
{
    (void)state;
    static const size_t sizes[] = {1024, 1500, 4096, 65536};
    static double values[VALUES_MAX];
    struct test_random random = test_random_start(1);
    struct slu_budget *budget = budget_of(1 << 20);
    for (uint64_t round = 0; round < test_rounds(60); round++) {
        double error = round % 3 == 0 ? SLU_QUANTILE_ERROR_MIN : 0;
        struct slu_quantile_sketch *sketch = sketch_of(budget, error, sizes[round % 4]);
        uint64_t kind = test_random_below(&random, KIND_COUNT);
        size_t count = 1 + test_random_below(&random, VALUES_MAX);
        uint64_t allocations = alloc_count();
        for (size_t i = 0; i < count; i++) {
            values[i] = random_value(&random, kind);
            assert_int_equal(slu_quantile_sketch_add(sketch, values[i]), 0);
        }
        assert_int_equal(alloc_count(), allocations);
        pages_validate(&sketch->pages);
        assert_like_sorted(sketch, values, count);
        slu_quantile_sketch_destroy(&sketch);
    }
    slu_budget_destroy(&budget);
}

static void assert_same(const struct slu_quantile_sketch *left,
                        const struct slu_quantile_sketch *right)
{
    assert_int_equal(left->count, right->count);
    assert_int_equal(left->pages.level, right->pages.level);
    assert_int_equal(left->pages.page_count, right->pages.page_count);
    for (uint32_t n = 0; n < left->pages.page_count; n++) {
        int32_t id = 0;
        int32_t right_id = 0;
        struct page_counts counts;
        struct page_counts right_counts;
        pages_read(&left->pages, pages_at(&left->pages, n, &id), &counts);
        pages_read(&right->pages, pages_at(&right->pages, n, &right_id), &right_counts);
        assert_int_equal(id, right_id);
        assert_memory_equal(&counts.open, &right_counts.open, sizeof(counts.open));
    }
}

static void merging_equals_recording_everything(void **state)
{
    (void)state;
    static const size_t sizes[] = {1024, 1300, 2000, 4096, 20000};
    struct test_random random = test_random_start(2);
    struct slu_budget *budget = budget_of(1 << 20);
    for (uint64_t round = 0; round < test_rounds(100); round++) {
        size_t bytes = sizes[round % 5];
        struct slu_quantile_sketch *all = sketch_of(budget, 0, bytes);
        struct slu_quantile_sketch *parts[3];
        for (int part = 0; part < 3; part++) {
            uint64_t kind = test_random_below(&random, KIND_COUNT);
            parts[part] = sketch_of(budget, 0, bytes);
            for (uint64_t left = test_random_below(&random, 1000); left > 0; left--) {
                double value = random_value(&random, kind);
                assert_int_equal(slu_quantile_sketch_add(parts[part], value), 0);
                assert_int_equal(slu_quantile_sketch_add(all, value), 0);
            }
        }
        assert_int_equal(slu_quantile_sketch_merge(parts[0], parts[1]), 0);
        assert_int_equal(slu_quantile_sketch_merge(parts[2], parts[0]), 0);
        pages_validate(&parts[2]->pages);
        assert_same(parts[2], all);
        for (int part = 0; part < 3; part++) {
            slu_quantile_sketch_destroy(&parts[part]);
        }
        slu_quantile_sketch_destroy(&all);
    }
    slu_budget_destroy(&budget);
}

/* By doubling: a sketch is merged into another and back, as Fibonacci's numbers grow. */
static void counts_grow_to_the_end_of_their_type_and_no_further(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_sketch *left = sketch_of(budget, 0, 1024);
    struct slu_quantile_sketch *right = sketch_of(budget, 0, 1024);
    for (double value = -3; value < 4; value++) {
        assert_int_equal(slu_quantile_sketch_add(left, value), 0);
        assert_int_equal(slu_quantile_sketch_add(right, value * 1e9), 0);
    }
    int err = 0;
    while (err == 0) {
        uint64_t sum = 0;
        bool passes = __builtin_add_overflow(left->count, right->count, &sum);
        struct slu_quantile_sketch *swap = left;
        err = slu_quantile_sketch_merge(left, right);
        assert_int_equal(err, passes ? -EOVERFLOW : 0);
        assert_true(passes || left->count == sum);
        left = right;
        right = swap;
    }
    double got[QUANTILE_COUNT];
    assert_int_equal(slu_quantile_sketch_get(left, quantiles, QUANTILE_COUNT, got), 0);
    assert_true(fabs(got[0] + 3e9) <= sketch_error(left) * 3e9);
    assert_true(fabs(got[1] - 3e9) <= sketch_error(left) * 3e9);
    left->count = UINT64_MAX;
    assert_int_equal(slu_quantile_sketch_add(left, 1), -EOVERFLOW);
    slu_quantile_sketch_destroy(&left);
    slu_quantile_sketch_destroy(&right);
    slu_budget_destroy(&budget);
}

static void odd_values_are_defined(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_sketch *sketch = sketch_of(budget, 0, 4096);
    static const double asked[] = {0, 0.5, 1};
    double got[3] = {1, 1, 1};
    assert_int_equal(slu_quantile_sketch_get(sketch, asked, 3, got), 0);
    assert_true(isnan(got[0]) && isnan(got[1]) && isnan(got[2]));
    assert_int_equal(slu_quantile_sketch_add(sketch, NAN), -EINVAL);
    assert_int_equal(sketch->count, 0);
    static const double odd[] = {-INFINITY, -0.0, DBL_TRUE_MIN, 0, INFINITY};
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        assert_int_equal(slu_quantile_sketch_add(sketch, odd[i]), 0);
    }
    assert_int_equal(slu_quantile_sketch_get(sketch, asked, 3, got), 0);
    assert_true(got[0] == -INFINITY && got[1] == 0 && got[2] == INFINITY);
    slu_quantile_sketch_clear(sketch);
    assert_int_equal(slu_quantile_sketch_add(sketch, DBL_MAX), 0);
    assert_int_equal(slu_quantile_sketch_get(sketch, asked, 3, got), 0);
    assert_true(isfinite(got[1]) && got[1] >= 0.99 * DBL_MAX);
    slu_quantile_sketch_destroy(&sketch);
    slu_budget_destroy(&budget);
}

static void quantiles_mean_the_same_place_as_people_mean(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_sketch *sketch = sketch_of(budget, SLU_QUANTILE_ERROR_MIN, 65536);
    for (int value = 1; value <= 100; value++) {
        assert_int_equal(slu_quantile_sketch_add(sketch, value), 0);
    }
    for (int percent = 1; percent <= 100; percent++) {
        double quantile = percent / 100.0;
        double got = 0;
        assert_int_equal(slu_quantile_sketch_get(sketch, &quantile, 1, &got), 0);
        assert_int_equal(lround(got), percent);
    }
    static const double outside[] = {-0.001, 1.001, NAN, INFINITY};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        double asked[2] = {0.5, outside[i]};
        double got[2] = {7, 7};
        assert_int_equal(slu_quantile_sketch_get(sketch, asked, 2, got), -EINVAL);
        assert_true(got[0] == 7 && got[1] == 7);
    }
    slu_quantile_sketch_destroy(&sketch);
    slu_budget_destroy(&budget);
}

static void a_small_block_joins_buckets_and_says_so(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_sketch *small = sketch_of(budget, 0, 1024);
    struct slu_quantile_sketch *large = sketch_of(budget, 0, 65536);
    for (int decade = -12; decade < 12; decade++) {
        for (double digit = 1; digit < 10; digit += 0.1) {
            assert_int_equal(slu_quantile_sketch_add(small, digit * pow(10, decade)), 0);
            assert_int_equal(slu_quantile_sketch_add(large, digit * pow(10, decade)), 0);
        }
    }
    assert_true(fabs(sketch_error(large) - 0.01) < 1e-12);
    assert_true(sketch_error(small) > 0.03 && sketch_error(small) < 0.2);
    assert_int_equal(slu_quantile_sketch_merge(large, small), 0);
    assert_true(sketch_error(large) == sketch_error(small));
    slu_quantile_sketch_clear(small);
    assert_true(fabs(sketch_error(small) - 0.01) < 1e-12);
    slu_quantile_sketch_destroy(&small);
    slu_quantile_sketch_destroy(&large);
    slu_budget_destroy(&budget);
}

static void only_sketches_of_one_error_merge(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_quantile_sketch *one = sketch_of(budget, 0.01, 2048);
    struct slu_quantile_sketch *same = sketch_of(budget, 0, 4096);
    struct slu_quantile_sketch *other = sketch_of(budget, 0.02, 2048);
    assert_int_equal(slu_quantile_sketch_add(same, 5), 0);
    assert_int_equal(slu_quantile_sketch_merge(one, other), -EINVAL);
    assert_int_equal(slu_quantile_sketch_merge(one, one), -EINVAL);
    assert_int_equal(slu_quantile_sketch_merge(one, same), 0);
    assert_int_equal(one->count, 1);
    slu_quantile_sketch_destroy(&one);
    slu_quantile_sketch_destroy(&same);
    slu_quantile_sketch_destroy(&other);
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct slu_quantile_sketch_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0.01, 1023}, -EINVAL, "size_bytes is 1023"},
        {{0.01, SLU_QUANTILE_SKETCH_BYTES_MAX + 1}, -EINVAL, "size_bytes"},
        {{0.001, 4096}, -EINVAL, "relative_error is 0.001"},
        {{0.3, 4096}, -EINVAL, "relative_error is 0.3"},
        {{NAN, 4096}, -EINVAL, "relative_error"},
        {{-0.01, 4096}, -EINVAL, "relative_error"},
        {{0.01, 16384}, -EDQUOT, "16384 bytes"},
    };
    struct slu_budget *budget = budget_of(16384);
    uint64_t before = budget_used(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_quantile_sketch *sketch = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(slu_quantile_sketch_create(budget, &cases[i].options, &diag, &sketch),
                         cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_null(sketch);
        assert_int_equal(budget_used(budget), before);
    }
    struct slu_quantile_sketch_options options = {.size_bytes = 1024};
    struct slu_quantile_sketch *sketch = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_quantile_sketch_create(budget, &options, NULL, &sketch), -ENOMEM);
    assert_true(alloc_fault_hit());
    assert_null(sketch);
    assert_int_equal(budget_used(budget), before);
    sketch = sketch_of(budget, 0, 1024);
    assert_int_equal(budget_used(budget), before + 1024);
    slu_quantile_sketch_destroy(&sketch);
    slu_quantile_sketch_destroy(&sketch);
    slu_quantile_sketch_destroy(NULL);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_within_the_error_of_the_sorted_list),
        cmocka_unit_test(merging_equals_recording_everything),
        cmocka_unit_test(counts_grow_to_the_end_of_their_type_and_no_further),
        cmocka_unit_test(odd_values_are_defined),
        cmocka_unit_test(quantiles_mean_the_same_place_as_people_mean),
        cmocka_unit_test(a_small_block_joins_buckets_and_says_so),
        cmocka_unit_test(only_sketches_of_one_error_merge),
        cmocka_unit_test(impossible_options_are_refused_by_name),
    };
    return TEST_RUN("quantile_sketch", tests);
}
