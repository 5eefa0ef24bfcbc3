#include "cli/quantity.h"

#include <errno.h>
#include <string.h>

#include "base/sink.h"

#include "harness.h"

#define KIB UINT64_C(1024)
#define MS  UINT64_C(1000000)
#define S   (1000 * MS)

struct expected {
    const char *text;
    int err;
    uint64_t value;
};

static void check(int (*read)(const char *text, uint64_t *out), const struct expected *cases,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 12345;
        int err = read(cases[i].text, &value);
        if (err != cases[i].err || value != (err == 0 ? cases[i].value : 12345)) {
            fail_msg("'%s' gives %d, %llu", cases[i].text, err, (unsigned long long)value);
        }
    }
}

static void integers_are_digits_alone(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"0", 0, 0},
        {"007", 0, 7},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", -EOVERFLOW, 0},
        {"99999999999999999999999", -EOVERFLOW, 0},
        {"", -EINVAL, 0},
        {"-1", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1.5", -EINVAL, 0},
        {"1.0", -EINVAL, 0},
        {"0x10", -EINVAL, 0},
    };
    check(quantity_read_integer, cases, sizeof(cases) / sizeof(cases[0]));
}

static void sizes_have_binary_and_decimal_units(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"0", 0, 0},
        {"512", 0, 512},
        {"512B", 0, 512},
        {"512KiB", 0, 512 * KIB},
        {"512K", 0, 512 * KIB},
        {"512k", 0, 512 * KIB},
        {"512kB", 0, 512000},
        {"512KB", 0, 512000},
        {"1.5GiB", 0, 3 * KIB * KIB * KIB / 2},
        {"0.1KiB", 0, 102},
        {"2T", 0, 2 * KIB * KIB * KIB * KIB},
        {"16777215TiB", 0, UINT64_C(16777215) << 40},
        {"16777216TiB", -EOVERFLOW, 0},
        {"5x", -EINVAL, 0},
        {"KiB", -EINVAL, 0},
        {"5 KiB", -EINVAL, 0},
        {"5KiBs", -EINVAL, 0},
        {"5kib", -EINVAL, 0},
        {"1.", -EINVAL, 0},
        {"1.KiB", -EINVAL, 0},
        {".5KiB", -EINVAL, 0},
        {"1.1234567890KiB", -EINVAL, 0},
        {"-5KiB", -EINVAL, 0},
        {"1e3", -EINVAL, 0},
    };
    check(quantity_read_bytes, cases, sizeof(cases) / sizeof(cases[0]));
}

static void durations_may_have_several_parts(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"0", 0, 0},
        {"0s", 0, 0},
        {"5s", 0, 5 * S},
        {"250ms", 0, 250 * MS},
        {"1.5s", 0, 1500 * MS},
        {"10us", 0, 10000},
        {"7ns", 0, 7},
        {"2m", 0, 120 * S},
        {"1h30m", 0, 5400 * S},
        {"1d12h", 0, 129600 * S},
        {"1m1.5s", 0, 61500 * MS},
        {"213503d", 0, UINT64_C(213503) * 86400 * S},
        {"213504d", -EOVERFLOW, 0},
        {"213503d24h", -EOVERFLOW, 0},
        {"5", -EINVAL, 0},
        {"1h30", -EINVAL, 0},
        {"s", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"5 s", -EINVAL, 0},
        {"5sec", -EINVAL, 0},
        {"-5s", -EINVAL, 0},
        {"1h-30m", -EINVAL, 0},
    };
    check(quantity_read_duration, cases, sizeof(cases) / sizeof(cases[0]));
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        struct sink sink;
        uint64_t read = 0;
        uint64_t value = test_random_next(&random) >> test_random_below(&random, 64);
        value = i % 2 == 0 ? value : value / 3600 * 3600;
        sink_init_fixed(&sink, text, sizeof(text));
        quantity_write_bytes(&sink, value);
        assert_int_equal(quantity_read_bytes(text, &read), 0);
        assert_int_equal(read, value);
        sink_init_fixed(&sink, text, sizeof(text));
        quantity_write_duration(&sink, value);
        assert_int_equal(quantity_read_duration(text, &read), 0);
        assert_int_equal(read, value);
    }
}

static void the_largest_exact_unit_is_written(void **state)
{
    (void)state;
    char text[256];
    struct sink sink;
    sink_init_fixed(&sink, text, sizeof(text));
    static const uint64_t sizes[] = {0, 1, 1000, 1024, 1536, 3 << 20, UINT64_C(1) << 40};
    static const uint64_t times[] = {0, 1, 1500, 250 * MS, 90 * S, 3600 * S, 172800 * S};
    for (size_t i = 0; i < 7; i++) {
        quantity_write_bytes(&sink, sizes[i]);
        sink_char(&sink, ' ');
    }
    for (size_t i = 0; i < 7; i++) {
        quantity_write_duration(&sink, times[i]);
        sink_char(&sink, ' ');
    }
    assert_string_equal(text, "0B 1B 1000B 1KiB 1536B 3MiB 1TiB 0s 1ns 1500ns 250ms 90s 1h 2d ");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_digits_alone),
        cmocka_unit_test(sizes_have_binary_and_decimal_units),
        cmocka_unit_test(durations_may_have_several_parts),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(the_largest_exact_unit_is_written),
    };
    return TEST_RUN("quantity", tests);
}
