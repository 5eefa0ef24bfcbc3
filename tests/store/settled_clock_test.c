/* The clock that data is dropped by: leaps ahead wait for an hour, steps back do not. */
#include "store/settled_clock.h"

#include "harness.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS    (86400 * SECOND_NS)
#define BEGIN_NS  (INT64_C(1700000000) * SECOND_NS)

struct watch {
    struct settled_clock clock;
    int64_t ahead_ns; /* of what it should be */
    int64_t passed_ns;
    int64_t leap_ns;
    int64_t settled_ns; /* beyond what it should be */
};

static void look_after(struct watch *watch, int64_t seconds)
{
    watch->passed_ns += seconds * SECOND_NS;
    int64_t now_ns =
        settled_clock_look(&watch->clock, BEGIN_NS + watch->passed_ns + watch->ahead_ns,
                           7 + (uint64_t)watch->passed_ns, &watch->leap_ns);
    watch->settled_ns = now_ns - BEGIN_NS - watch->passed_ns;
}

static void a_clock_that_goes_is_followed(void **state)
{
    struct watch watch = {0};
    (void)state;
    for (int i = 0; i < 1000; i++) {
        watch.ahead_ns += i % 2 == 0 ? SECOND_NS : -SECOND_NS / 2; /* it is drawn right */
        look_after(&watch, i);
        assert_true(watch.settled_ns == watch.ahead_ns && watch.leap_ns == 0);
    }
}

static void a_leap_ahead_is_told_once_and_believed_after_an_hour(void **state)
{
    struct watch watch = {0};
    (void)state;
    look_after(&watch, 10);
    watch.ahead_ns = 400 * DAY_NS;
    look_after(&watch, 10);
    assert_true(watch.leap_ns == 400 * DAY_NS && watch.settled_ns == 0);
    for (int64_t passed = 10; passed < 3600; passed += 10) {
        look_after(&watch, 10);
        assert_true(watch.leap_ns == 0 && watch.settled_ns == 0);
    }
    look_after(&watch, 10);
    assert_true(watch.leap_ns == 0 && watch.settled_ns == 400 * DAY_NS);
    look_after(&watch, 10);
    assert_true(watch.settled_ns == 400 * DAY_NS);
}

static void a_leap_that_is_taken_back_was_none(void **state)
{
    struct watch watch = {0};
    (void)state;
    look_after(&watch, 10);
    for (int round = 0; round < 3; round++) {
        watch.ahead_ns = DAY_NS;
        look_after(&watch, 1800);
        assert_true(watch.leap_ns == DAY_NS && watch.settled_ns == 0);
        watch.ahead_ns = 0;
        look_after(&watch, 1800);
        assert_true(watch.leap_ns == 0 && watch.settled_ns == 0);
    }
}

static void a_step_back_is_believed_at_once(void **state)
{
    struct watch watch = {0};
    (void)state;
    look_after(&watch, 10);
    watch.ahead_ns = -2 * DAY_NS;
    look_after(&watch, 10);
    assert_true(watch.leap_ns == 0 && watch.settled_ns == -2 * DAY_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_goes_is_followed),
        cmocka_unit_test(a_leap_ahead_is_told_once_and_believed_after_an_hour),
        cmocka_unit_test(a_leap_that_is_taken_back_was_none),
        cmocka_unit_test(a_step_back_is_believed_at_once),
    };
    return TEST_RUN("settled clock", tests);
}
