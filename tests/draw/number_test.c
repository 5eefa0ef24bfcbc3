#include "draw/number.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"

#include "harness.h"

struct expected {
    double value;
    enum draw_unit unit;
    const char *text;
};

static void check(const struct expected *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[64];
        struct sink sink;
        sink_init_fixed(&sink, text, sizeof(text));
        draw_number(&sink, cases[i].value, cases[i].unit);
        assert_string_equal(text, cases[i].text);
    }
}

static void sizes_have_binary_units(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {0, DRAW_BYTES, "0 B"},
        {1, DRAW_BYTES, "1 B"},
        {999, DRAW_BYTES, "999 B"},
        {1023, DRAW_BYTES, "1023 B"},
        {1024, DRAW_BYTES, "1 KiB"},
        {1536, DRAW_BYTES, "1.5 KiB"},
        {12.34 * 1024, DRAW_BYTES, "12.3 KiB"},
        {99.94 * 1024, DRAW_BYTES, "99.9 KiB"},
        {99.96 * 1024, DRAW_BYTES, "100 KiB"},
        {1023.4 * 1024, DRAW_BYTES, "1023 KiB"},
        {1023.6 * 1024, DRAW_BYTES, "1.0 MiB"},
        {4.7 * 1048576, DRAW_BYTES, "4.7 MiB"},
        {4 * 1048576.0, DRAW_BYTES, "4 MiB"},
        {4.01 * 1048576, DRAW_BYTES, "4.0 MiB"},
        {1099511627776.0, DRAW_BYTES, "1 TiB"},
        {18446744073709551615.0, DRAW_BYTES, "16 EiB"},
        {DBL_MAX, DRAW_BYTES, "1.56e+290 EiB"},
        {2.5 * 1048576, DRAW_BYTES_PER_SECOND, "2.5 MiB/s"},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void counts_and_rates_have_decimal_units(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {0, DRAW_COUNT, "0"},
        {-0.0, DRAW_COUNT, "0"},
        {7, DRAW_COUNT, "7"},
        {999, DRAW_COUNT, "999"},
        {999.6, DRAW_COUNT, "1.0 k"},
        {1000, DRAW_COUNT, "1 k"},
        {12345, DRAW_COUNT, "12.3 k"},
        {999499, DRAW_COUNT, "999 k"},
        {999500, DRAW_COUNT, "1.0 M"},
        {1e9, DRAW_COUNT, "1 G"},
        {1.5e12, DRAW_COUNT, "1.5 T"},
        {-12345, DRAW_COUNT, "-12.3 k"},
        {0.5, DRAW_COUNT, "0.50"},
        {0.0123, DRAW_COUNT, "0.012"},
        {0.0004, DRAW_COUNT, "<0.001"},
        {-0.0004, DRAW_COUNT, "0"},
        {-0.0006, DRAW_PER_SECOND, "-0.001/s"},
        {2.25, DRAW_COUNT, "2.2"},
        {12345, DRAW_PER_SECOND, "12.3 k/s"},
        {310, DRAW_PER_SECOND, "310/s"},
        {0.25, DRAW_PER_SECOND, "0.25/s"},
        {NAN, DRAW_PER_SECOND, "-"},
        {INFINITY, DRAW_COUNT, "inf"},
        {-INFINITY, DRAW_COUNT, "-inf"},
        {12.34, DRAW_PERCENT, "12.3%"},
        {100, DRAW_PERCENT, "100.0%"},
        {0.04, DRAW_PERCENT, "<0.1%"},
        {-0.04, DRAW_PERCENT, "0.0%"},
        {99.96, DRAW_PERCENT, "100.0%"},
        {0, DRAW_PERCENT, "0.0%"},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void durations_change_to_two_units_at_a_minute(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {310, DRAW_NANOSECONDS, "310 ns"},
        {0.25, DRAW_NANOSECONDS, "0.25 ns"},
        {1500, DRAW_NANOSECONDS, "1.5 us"},
        {2.5e6, DRAW_NANOSECONDS, "2.5 ms"},
        {1e9, DRAW_NANOSECONDS, "1 s"},
        {42.5e9, DRAW_NANOSECONDS, "42.5 s"},
        {59.94e9, DRAW_NANOSECONDS, "59.9 s"},
        {59.96e9, DRAW_NANOSECONDS, "1 min"},
        {60e9, DRAW_NANOSECONDS, "1 min"},
        {123e9, DRAW_NANOSECONDS, "2 min 3 s"},
        {3599.4e9, DRAW_NANOSECONDS, "59 min 59 s"},
        {3600e9, DRAW_NANOSECONDS, "1 h"},
        {12000e9, DRAW_NANOSECONDS, "3 h 20 min"},
        {367200e9, DRAW_NANOSECONDS, "4 d 6 h"},
        {-123e9, DRAW_NANOSECONDS, "-2 min 3 s"},
    };
    check(cases, sizeof(cases) / sizeof(cases[0]));
}

/* Never more than three digits, four of a binary unit, and never further off than the last. */
static void every_number_is_short_and_near(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int i = 0; i < 100000; i++) {
        char text[64];
        struct sink sink;
        double value = exp2(test_random_unit(&random) * 60);
        double scale = 1;
        sink_init_fixed(&sink, text, sizeof(text));
        draw_number(&sink, value, DRAW_COUNT);
        char *unit = NULL;
        double shown = strtod(text, &unit);
        for (const char *prefix = "kMGTPE"; *unit == ' ' && *prefix != '\0'; prefix++) {
            scale *= 1000;
            if (*prefix == unit[1]) {
                break;
            }
        }
        if ((size_t)(unit - text) > 4 || shown >= 1000 ||
            fabs(shown * scale - value) > value * 0.051) {
            fail_msg("%.17g is shown as '%s'", value, text);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_binary_units),
        cmocka_unit_test(counts_and_rates_have_decimal_units),
        cmocka_unit_test(durations_change_to_two_units_at_a_minute),
        cmocka_unit_test(every_number_is_short_and_near),
    };
    return TEST_RUN("number", tests);
}
