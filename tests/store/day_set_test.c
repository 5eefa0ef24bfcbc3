#include "store/day_set.h"

#include "harness.h"

static void a_full_set_takes_the_days_that_it_has(void **state)
{
    struct day_set set = {.count = 0};
    (void)state;
    for (int64_t day = 0; day < DAYS_MAX; day++) {
        assert_true(day_set_takes(&set, day * 3 - 50));
        day_set_add(&set, day * 3 - 50);
        day_set_add(&set, day * 3 - 50);
        day_set_add(&set, -50);
    }
    assert_int_equal(set.count, DAYS_MAX);
    for (int64_t day = -51; day < 3 * DAYS_MAX; day++) {
        bool is_there = day >= -50 && day < 3 * DAYS_MAX - 50 && (day + 50) % 3 == 0;
        assert_int_equal(day_set_takes(&set, day), is_there);
    }
}

static void asking_adds_nothing(void **state)
{
    struct day_set set = {.count = 0};
    (void)state;
    assert_true(day_set_takes(&set, INT64_MIN));
    assert_int_equal(set.count, 0);
    day_set_add(&set, 1);
    assert_true(day_set_takes(&set, INT64_MAX));
    assert_int_equal(set.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_set_takes_the_days_that_it_has),
        cmocka_unit_test(asking_adds_nothing),
    };
    return TEST_RUN("day set", tests);
}
