#include <sluice/clock.h>
#include <sluice/random.h>

#include "harness.h"

static void the_clock_never_runs_backwards(void **state)
{
    (void)state;
    uint64_t last_ns = slu_clock_monotonic_ns();
    assert_true(last_ns > 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t now_ns = slu_clock_monotonic_ns();
        assert_true(now_ns >= last_ns);
        last_ns = now_ns;
    }
}

static void seeds_do_not_repeat(void **state)
{
    (void)state;
    uint64_t seeds[64];
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(slu_random_seed(&seeds[i]), 0);
        for (size_t other = 0; other < i; other++) {
            assert_int_not_equal(seeds[i], seeds[other]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_never_runs_backwards),
        cmocka_unit_test(seeds_do_not_repeat),
    };
    return TEST_RUN("sys", tests);
}
