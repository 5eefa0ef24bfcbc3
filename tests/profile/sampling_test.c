#include "profile/sampling.h"

#include <errno.h>
#include <fenv.h>
#include <math.h>

#include "harness.h"

#define ONE_OBJECT ((double)(1 << SAMPLING_WEIGHT_SHIFT))

static double exact_weight(double size_bytes, double rate_bytes)
{
    return 1 / -expm1(-size_bytes / rate_bytes);
}

static void assert_weight(uint64_t size_bytes, uint64_t rate_bytes)
{
    double weight = (double)sampling_weight(size_bytes, rate_bytes) / ONE_OBJECT;
    double exact = exact_weight((double)size_bytes, (double)rate_bytes);
    if (fabs(weight - exact) > 1 / ONE_OBJECT + exact * 0x1p-18) {
        fail_msg("size %g rate %g: %.9g is not %.9g", (double)size_bytes, (double)rate_bytes,
                 weight, exact);
    }
}

static void weights_are_the_closed_form(void **state)
{
    (void)state;
    static const uint64_t rates[] = {2, 3, 1000, 524288, 1 << 20, SAMPLING_RATE_MAX};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        for (uint64_t size = 1; size < UINT64_C(1) << 45; size += 1 + size / 7) {
            assert_weight(size, rates[i]);
        }
        assert_weight(rates[i] - 1, rates[i]);
        assert_weight(rates[i], rates[i]);
        assert_weight(rates[i] + 1, rates[i]);
        assert_weight(24 * rates[i] - 1, rates[i]);
        assert_weight(24 * rates[i], rates[i]);
    }
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(100000); round++) {
        uint64_t size = (test_random_next(&random) >> test_random_below(&random, 63)) | 1;
        uint64_t rate = 2 + test_random_below(&random, SAMPLING_RATE_MAX - 1);
        assert_weight(size, rate);
    }
}

static void a_weight_is_never_below_one_object(void **state)
{
    (void)state;
    assert_int_equal(sampling_weight(0, 1000), sampling_weight(1, 1000));
    assert_int_equal(sampling_weight(1, 1), ONE_OBJECT);
    assert_int_equal(sampling_weight(UINT64_MAX, 1), ONE_OBJECT);
    assert_int_equal(sampling_weight(UINT64_MAX, SAMPLING_RATE_MAX), ONE_OBJECT);
    for (uint64_t size = 1; size < UINT64_C(1) << 62; size *= 2) {
        assert_true((double)sampling_weight(size, 524288) >= ONE_OBJECT);
    }
}

static void weighted_bytes_are_rounded_and_bounded(void **state)
{
    (void)state;
    assert_int_equal(sampling_weighted_bytes(100, 1 << SAMPLING_WEIGHT_SHIFT), 100);
    assert_int_equal(sampling_weighted_bytes(1, 3 << (SAMPLING_WEIGHT_SHIFT - 1)), 2);
    assert_int_equal(sampling_weighted_bytes(1, (3 << (SAMPLING_WEIGHT_SHIFT - 1)) - 1), 1);
    assert_int_equal(sampling_weighted_bytes(UINT64_MAX, UINT64_MAX), INT64_MAX);
    assert_int_equal(sampling_weighted_bytes(0, UINT64_MAX), 0);
}

static void distances_are_exponential(void **state)
{
    (void)state;
    enum {
        BOUND_COUNT = 9,
        DRAW_COUNT = 400000
    };
    static const double bounds[BOUND_COUNT] = {0.01, 0.1, 0.25, 0.5, 1, 2, 3, 5, 8};
    const uint64_t rate = 524288;
    uint64_t below[BOUND_COUNT] = {0};
    double sum = 0;
    uint64_t random = test_seed();
    for (int i = 0; i < DRAW_COUNT; i++) {
        uint64_t distance = sampling_next(&random, rate);
        sum += (double)distance;
        for (int k = 0; k < BOUND_COUNT; k++) {
            below[k] += (double)distance <= bounds[k] * (double)rate;
        }
    }
    double mean = sum / DRAW_COUNT / (double)rate;
    assert_true(fabs(mean - 1) < 5 / sqrt(DRAW_COUNT));
    for (int k = 0; k < BOUND_COUNT; k++) {
        double expected = -expm1(-bounds[k]);
        double deviation = sqrt(expected * (1 - expected) / DRAW_COUNT);
        assert_true(fabs((double)below[k] / DRAW_COUNT - expected) < 5 * deviation);
    }
}

/* Where the rounding matters most: sizes of a few bytes at rates of a few bytes. */
static void small_distances_have_the_probability_that_weights_assume(void **state)
{
    (void)state;
    enum {
        DRAW_COUNT = 200000
    };
    uint64_t random = test_seed();
    for (uint64_t rate = 2; rate <= 10; rate++) {
        uint64_t counts[4] = {0};
        for (int i = 0; i < DRAW_COUNT; i++) {
            uint64_t distance = sampling_next(&random, rate);
            for (uint64_t size = 1; size <= 4; size++) {
                counts[size - 1] += distance <= size;
            }
        }
        for (uint64_t size = 1; size <= 4; size++) {
            double weighted = (double)counts[size - 1] * (double)sampling_weight(size, rate) /
                              ONE_OBJECT / DRAW_COUNT;
            assert_true(fabs(weighted - 1) <
                        5 * sqrt(exact_weight((double)size, (double)rate) / DRAW_COUNT));
        }
    }
}

static void a_distance_is_at_least_a_byte_and_bounded(void **state)
{
    (void)state;
    uint64_t random = 0;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(sampling_next(&random, 1), 1);
        assert_int_equal(sampling_next(&random, 0), 1);
        uint64_t distance = sampling_next(&random, SAMPLING_RATE_MAX);
        assert_true(distance >= 1 && distance < 45 * SAMPLING_RATE_MAX);
    }
}

static void threads_with_other_states_draw_other_distances(void **state)
{
    (void)state;
    uint64_t left = 1;
    uint64_t right = 2;
    uint64_t same = 1;
    int equal_count = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t distance = sampling_next(&left, 1 << 30);
        equal_count += distance == sampling_next(&right, 1 << 30);
        assert_int_equal(distance, sampling_next(&same, 1 << 30));
    }
    assert_true(equal_count < 5);
}

static void errno_and_floating_point_state_stay(void **state)
{
    (void)state;
    fenv_t before;
    fenv_t after;
    uint64_t random = 5;
    volatile double third = 3; /* so that the inexact flag is not set by what follows */
    feclearexcept(FE_ALL_EXCEPT);
    fesetround(FE_UPWARD);
    errno = 77;
    fegetenv(&before);
    for (uint64_t size = 1; size < UINT64_C(1) << 40; size *= 3) {
        (void)sampling_weighted_bytes(size, sampling_weight(size, sampling_next(&random, 524288)));
    }
    fegetenv(&after);
    assert_int_equal(errno, 77);
    assert_int_equal(fetestexcept(FE_ALL_EXCEPT), 0);
    assert_int_equal(fegetround(), FE_UPWARD);
    assert_memory_equal(&before, &after, sizeof(before));
    third = 1 / third;
    assert_true(fetestexcept(FE_INEXACT) != 0); /* the flag would have told */
    fesetround(FE_TONEAREST);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_the_closed_form),
        cmocka_unit_test(a_weight_is_never_below_one_object),
        cmocka_unit_test(weighted_bytes_are_rounded_and_bounded),
        cmocka_unit_test(distances_are_exponential),
        cmocka_unit_test(small_distances_have_the_probability_that_weights_assume),
        cmocka_unit_test(a_distance_is_at_least_a_byte_and_bounded),
        cmocka_unit_test(threads_with_other_states_draw_other_distances),
        cmocka_unit_test(errno_and_floating_point_state_stay),
    };
    return TEST_RUN("sampling", tests);
}
