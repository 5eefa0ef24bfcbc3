#include "sys/sim.h"

#include <errno.h>

#include <sluice/clock.h>
#include <sluice/random.h>

#include "harness.h"

static void the_clock_stands_where_the_test_puts_it(void **state)
{
    (void)state;
    sim_clock_set(1000);
    assert_int_equal(slu_clock_monotonic_ns(), 1000);
    sim_clock_advance(234);
    assert_int_equal(slu_clock_monotonic_ns(), 1234);
    sim_clock_set(7);
    assert_int_equal(slu_clock_monotonic_ns(), 7);
}

static void seeds_repeat_after_the_same_state_and_differ_from_each_other(void **state)
{
    (void)state;
    uint64_t first[3];
    uint64_t again = 0;
    sim_random_set(99);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(slu_random_seed(&first[i]), 0);
    }
    assert_int_not_equal(first[0], first[1]);
    assert_int_not_equal(first[1], first[2]);
    sim_random_set(99);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(slu_random_seed(&again), 0);
        assert_int_equal(again, first[i]);
    }
}

static void a_failing_source_leaves_the_seed_untouched(void **state)
{
    (void)state;
    uint64_t seed = 5;
    sim_random_fail(-ENOSYS);
    assert_int_equal(slu_random_seed(&seed), -ENOSYS);
    assert_int_equal(seed, 5);
    sim_random_fail(0);
    assert_int_equal(slu_random_seed(&seed), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_stands_where_the_test_puts_it),
        cmocka_unit_test(seeds_repeat_after_the_same_state_and_differ_from_each_other),
        cmocka_unit_test(a_failing_source_leaves_the_seed_untouched),
    };
    return TEST_RUN("sys-sim", tests);
}
