#include "window/quantile_index.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#include <sluice/quantile.h>

#include "harness.h"

static const double errors[] = {SLU_QUANTILE_ERROR_MIN,     0.005, SLU_QUANTILE_ERROR_DEFAULT,
                                SLU_QUANTILE_ERROR_DEFAULT, 0.05,  SLU_QUANTILE_ERROR_MAX};

#define ERROR_COUNT (sizeof(errors) / sizeof(errors[0]))

/* Any finite normal double. */
static double random_value(struct test_random *random)
{
    for (;;) {
        uint64_t bits = test_random_next(random);
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        if (isnormal(value)) {
            return value;
        }
    }
}

static void assert_within(double value, double relative_error)
{
    uint64_t octave_buckets = quantile_octave_buckets(relative_error);
    int32_t ordinal = quantile_ordinal(octave_buckets, value);
    for (unsigned level = 0; level <= QUANTILE_LEVEL_MAX; level++) {
        double error = quantile_level_error(relative_error, level);
        double reported = quantile_value(octave_buckets, ordinal >> level, level);
        if (ordinal >> level == 0) {
            assert_true(reported == 0); /* joined with zero, below 1e-307 at 1 % and level 1 */
            continue;
        }
        assert_true(fabs(reported - value) <= error * fabs(value));
    }
}

static void a_bucket_stands_for_its_values_within_the_error(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(20000); round++) {
        double value = random_value(&random);
        for (size_t i = 0; i < ERROR_COUNT; i++) {
            assert_within(value, errors[i]);
        }
    }
}

/* Both sides of each place where two buckets, two segments or two octaves meet. */
static void the_error_holds_at_every_edge(void **state)
{
    (void)state;
    static const int exponents[] = {-1022, -1021, -1, 0, 1, 52, 1022, 1023};
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        uint64_t octave_buckets = quantile_octave_buckets(errors[i]);
        for (size_t e = 0; e < sizeof(exponents) / sizeof(exponents[0]); e++) {
            for (int segment = 0; segment < 32; segment++) {
                double start = ldexp(1 + segment / 32.0, exponents[e]);
                assert_within(start, errors[i]);
                assert_within(fmax(nextafter(start, 0), DBL_MIN), errors[i]);
                int32_t ordinal = quantile_ordinal(octave_buckets, start);
                double low = start;
                double high = fmin(start * 1.5, DBL_MAX);
                while (high > nextafter(low, INFINITY)) {
                    double middle = low + (high - low) / 2;
                    if (quantile_ordinal(octave_buckets, middle) == ordinal) {
                        low = middle;
                    } else {
                        high = middle;
                    }
                }
                assert_within(low, errors[i]);
                assert_within(-low, errors[i]);
                assert_within(high, errors[i]);
            }
        }
        assert_within(DBL_MAX, errors[i]);
        assert_within(DBL_MIN, errors[i]);
    }
}

static void ordinals_keep_the_order_of_values(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    for (uint64_t round = 0; round < test_rounds(50000); round++) {
        double value = random_value(&random);
        double other = round % 2 == 0 ? nextafter(value, INFINITY) : random_value(&random);
        uint64_t octave_buckets = quantile_octave_buckets(errors[round % ERROR_COUNT]);
        int32_t of_value = quantile_ordinal(octave_buckets, value);
        int32_t of_other = quantile_ordinal(octave_buckets, other);
        assert_true(value < other ? of_value <= of_other : of_value >= of_other);
        assert_int_equal(quantile_ordinal(octave_buckets, -value), -of_value);
    }
}

/* A value joined up to a level and parted down to a lower one, as a window does. */
static void parted_buckets_stay_within_their_error(void **state)
{
    (void)state;
    struct test_random random = test_random_start(3);
    for (uint64_t round = 0; round < test_rounds(20000); round++) {
        double value = random_value(&random);
        unsigned from = 1 + (unsigned)test_random_below(&random, 6);
        unsigned to = (unsigned)test_random_below(&random, from);
        uint64_t octave_buckets = quantile_octave_buckets(0.01);
        int32_t ordinal = quantile_ordinal(octave_buckets, value);
        int32_t bucket = quantile_relevel(ordinal, 0, from);
        int32_t parted = quantile_relevel(bucket, from, to);
        assert_int_equal(quantile_relevel(parted, to, from), bucket);
        double reported = quantile_value(octave_buckets, parted, to);
        assert_true(fabs(reported - value) <=
                    quantile_parted_error(0.01, from) * fabs(value) + 1e-290);
    }
    static const double special[] = {0, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        uint64_t octave_buckets = quantile_octave_buckets(0.01);
        int32_t bucket = quantile_relevel(quantile_ordinal(octave_buckets, special[i]), 0, 5);
        int32_t parted = quantile_relevel(bucket, 5, 2);
        assert_true(quantile_value(octave_buckets, parted, 2) == special[i]);
    }
}

static void zero_and_the_infinities_keep_to_themselves(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        uint64_t octave_buckets = quantile_octave_buckets(errors[i]);
        assert_int_equal(quantile_ordinal(octave_buckets, 0.0), 0);
        assert_int_equal(quantile_ordinal(octave_buckets, -0.0), 0);
        assert_int_equal(quantile_ordinal(octave_buckets, DBL_TRUE_MIN), 0);
        assert_int_equal(quantile_ordinal(octave_buckets, -nextafter(DBL_MIN, 0)), 0);
        assert_true(quantile_ordinal(octave_buckets, DBL_MIN) > 0);
        assert_true(quantile_ordinal(octave_buckets, -DBL_MIN) < 0);
        int32_t highest = quantile_ordinal(octave_buckets, INFINITY);
        int32_t lowest = quantile_ordinal(octave_buckets, -INFINITY);
        for (unsigned level = 0; level <= QUANTILE_LEVEL_MAX; level++) {
            int32_t finite = quantile_ordinal(octave_buckets, DBL_MAX);
            assert_true(finite >> level < highest >> level);
            assert_true(-finite >> level > lowest >> level);
            assert_true(quantile_value(octave_buckets, highest >> level, level) == INFINITY);
            assert_true(quantile_value(octave_buckets, lowest >> level, level) == -INFINITY);
            assert_true(quantile_value(octave_buckets, 0, level) == 0);
        }
    }
}

static void the_table_is_what_its_comment_says(void **state)
{
    (void)state;
    double sum = 0;
    for (int segment = 0; segment < 32; segment++) {
        sum += 32.0 / (32 + segment);
    }
    double start = 0;
    for (int segment = 0; segment < 32; segment++) {
        double length = 32.0 / (32 + segment) / sum * 4294967296.0;
        assert_true(fabs(quantile_segments[segment].start - start) <= 1);
        assert_true(fabs(quantile_segments[segment].length - length) <= 1);
        if (segment > 0) {
            assert_int_equal(quantile_segments[segment].start,
                             quantile_segments[segment - 1].start +
                                 quantile_segments[segment - 1].length);
        }
        start += length;
    }
}

static void an_octave_has_few_more_buckets_than_the_logarithm_needs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        double buckets = (double)quantile_octave_buckets(errors[i]) / 4294967296.0;
        double exact = log(2) / (2 * atanh(errors[i]));
        assert_true(buckets > exact && buckets < 1.012 * exact);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_stands_for_its_values_within_the_error),
        cmocka_unit_test(the_error_holds_at_every_edge),
        cmocka_unit_test(parted_buckets_stay_within_their_error),
        cmocka_unit_test(ordinals_keep_the_order_of_values),
        cmocka_unit_test(zero_and_the_infinities_keep_to_themselves),
        cmocka_unit_test(the_table_is_what_its_comment_says),
        cmocka_unit_test(an_octave_has_few_more_buckets_than_the_logarithm_needs),
    };
    return TEST_RUN("quantile_index", tests);
}
