#include "base/decimal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static double from_bits(uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/*
 * Against the C library, which is exact: the decimal reads back, no shorter one does, and it is the
 * correctly rounded one of its length unless that does not read back (at powers of two, where the
 * neighbour below is nearer, it need not).
 */
static void check_shortest(double value)
{
    struct decimal decimal = decimal_from_double(value);
    int place_count = (int)decimal_place_count(decimal.digits);
    char text[64];
    snprintf(text, sizeof(text), "%" PRIu64 "e%d", decimal.digits, decimal.exponent);
    if (strtod(text, NULL) != value || decimal.digits % 10 == 0 || place_count > 17) {
        fail_msg("%a gives %s", value, text);
    }
    char rounded[64];
    if (place_count > 1) {
        snprintf(rounded, sizeof(rounded), "%.*e", place_count - 2, value);
        if (strtod(rounded, NULL) == value) {
            fail_msg("%a gives %s, but %s is shorter", value, text, rounded);
        }
    }
    snprintf(rounded, sizeof(rounded), "%.*e", place_count - 1, value);
    if (strtod(rounded, NULL) == value) {
        char *ours_end = NULL;
        uint64_t digits = 0;
        for (const char *at = rounded; *at != 'e'; at++) {
            digits = *at == '.' ? digits : digits * 10 + (uint64_t)(*at - '0');
        }
        int exponent = (int)strtol(strchr(rounded, 'e') + 1, &ours_end, 10) - (place_count - 1);
        if (digits != decimal.digits || exponent != decimal.exponent) {
            fail_msg("%a gives %s, but %s is nearer", value, text, rounded);
        }
    }
}

static void known_values_have_their_known_digits(void **state)
{
    (void)state;
    static const struct {
        double value;
        uint64_t digits;
        int32_t exponent;
    } cases[] = {
        {0.0, 0, 0},
        {-0.0, 0, 0},
        {1, 1, 0},
        {-1, 1, 0},
        {10, 1, 1},
        {0.1, 1, -1},
        {0.3, 3, -1},
        {0.1 + 0.2, 30000000000000004, -17},
        {1e21, 1, 21},
        {1e22, 1, 22},
        {1e23, 1, 23},
        {9007199254740993.0, 9007199254740992, 0},
        {18446744073709551616.0, 18446744073709552, 3},
        {5e-324, 5, -324},
        {DBL_MIN, 22250738585072014, -324},
        {DBL_MAX, 17976931348623157, 292},
        {DBL_TRUE_MIN * 3, 15, -324},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decimal decimal = decimal_from_double(cases[i].value);
        assert_int_equal(decimal.digits, cases[i].digits);
        assert_int_equal(decimal.exponent, cases[i].exponent);
    }
}

static void random_bits_are_shortest_and_nearest(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int i = 0; i < 200000; i++) {
        double value = fabs(from_bits(test_random_next(&random)));
        if (isfinite(value) && value != 0) {
            check_shortest(value);
        }
    }
}

static void every_power_of_two_and_its_neighbours_are_shortest(void **state)
{
    (void)state;
    for (int exponent = -1074; exponent <= 1023; exponent++) {
        double value = ldexp(1, exponent);
        check_shortest(value);
        check_shortest(nextafter(value, INFINITY));
        if (exponent > -1074) {
            check_shortest(nextafter(value, 0));
        }
    }
}

static void numbers_that_people_type_come_back_as_typed(void **state)
{
    (void)state;
    struct test_random random = test_random_start(2);
    for (int i = 0; i < 100000; i++) {
        uint64_t digits = test_random_below(&random, UINT64_C(1000000000000000));
        int exponent = (int)test_random_below(&random, 40) - 25;
        char text[64];
        snprintf(text, sizeof(text), "%" PRIu64 "e%d", digits, exponent);
        while (digits != 0 && digits % 10 == 0) {
            digits /= 10;
            exponent++;
        }
        struct decimal decimal = decimal_from_double(strtod(text, NULL));
        assert_int_equal(decimal.digits, digits);
        assert_int_equal(decimal.exponent, digits == 0 ? 0 : exponent);
    }
}

static void places_are_counted_and_written(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 9, 10, 99, 100, 12345678901234567, UINT64_MAX};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char expected[32];
        char places[20];
        int len = snprintf(expected, sizeof(expected), "%" PRIu64, values[i]);
        assert_int_equal(decimal_place_count(values[i]), len);
        assert_int_equal(decimal_write(values[i], places), len);
        assert_memory_equal(places, expected, (size_t)len);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_have_their_known_digits),
        cmocka_unit_test(random_bits_are_shortest_and_nearest),
        cmocka_unit_test(every_power_of_two_and_its_neighbours_are_shortest),
        cmocka_unit_test(numbers_that_people_type_come_back_as_typed),
        cmocka_unit_test(places_are_counted_and_written),
    };
    return TEST_RUN("decimal", tests);
}
