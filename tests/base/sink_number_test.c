#include "base/sink_number.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static void assert_double_text(double value, const char *text)
{
    char room[64];
    struct sink sink;
    sink_init_fixed(&sink, room, sizeof(room));
    sink_double(&sink, value);
    assert_int_equal(sink_end(&sink), 0);
    assert_string_equal(room, text);
}

static void integers_are_written_whole(void **state)
{
    (void)state;
    char room[64];
    struct sink sink;
    sink_init_fixed(&sink, room, sizeof(room));
    sink_uint(&sink, UINT64_MAX);
    sink_char(&sink, ' ');
    sink_int(&sink, INT64_MIN);
    sink_char(&sink, ' ');
    sink_int(&sink, 0);
    assert_int_equal(sink_end(&sink), 0);
    assert_string_equal(room, "18446744073709551615 -9223372036854775808 0");
}

static void doubles_are_plain_where_that_is_short(void **state)
{
    (void)state;
    assert_double_text(0, "0");
    assert_double_text(-0.0, "-0");
    assert_double_text(1.5, "1.5");
    assert_double_text(-1200, "-1200");
    assert_double_text(0.001, "0.001");
    assert_double_text(1e20, "100000000000000000000");
    assert_double_text(1e22, "1e+22");
    assert_double_text(1.25e-9, "1.25e-9");
    assert_double_text(DBL_MAX, "1.7976931348623157e+308");
}

static void a_plain_double_has_all_its_places(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *begin;
        size_t len;
    } cases[] = {{0, "0", 1},
                 {-0.0, "-0", 2},
                 {0.25, "0.25", 4},
                 {1e-7, "0.0000001", 9},
                 {1e22, "10000000000000000000000", 23},
                 {-DBL_MAX, "-179769313486231570000", 310},
                 {-5e-324, "-0.0000", 327}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char room[400];
        struct sink sink;
        sink_init_fixed(&sink, room, sizeof(room));
        sink_double_plain(&sink, cases[i].value);
        assert_int_equal(sink_end(&sink), 0);
        assert_int_equal(sink.len, cases[i].len);
        assert_memory_equal(room, cases[i].begin, strlen(cases[i].begin));
        assert_true(strtod(room, NULL) == cases[i].value);
    }
}

static void each_double_reads_back_the_same(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t i = 0; i < test_rounds(20000); i++) {
        uint64_t bits = test_random_next(&random) & ~(UINT64_C(1) << 62); /* finite */
        double value = 0;
        memcpy(&value, &bits, sizeof(value));
        char room[400];
        struct sink sink;
        sink_init_fixed(&sink, room, sizeof(room));
        sink_double(&sink, value);
        assert_int_equal(sink_end(&sink), 0);
        assert_true(strtod(room, NULL) == value);
        sink_init_fixed(&sink, room, sizeof(room));
        sink_double_plain(&sink, value);
        assert_int_equal(sink_end(&sink), 0);
        assert_true(strtod(room, NULL) == value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_written_whole),
        cmocka_unit_test(doubles_are_plain_where_that_is_short),
        cmocka_unit_test(a_plain_double_has_all_its_places),
        cmocka_unit_test(each_double_reads_back_the_same),
    };
    return TEST_RUN("base/sink_number", tests);
}
