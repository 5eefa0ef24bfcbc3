/* What the wheel's tests share. */
#ifndef TESTS_TIMER_WHEEL_FIXTURE_H
#define TESTS_TIMER_WHEEL_FIXTURE_H

#include <sluice/wheel.h>

#include "budget.h"
#include "harness.h"
#include "timer/wheel.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static inline struct slu_wheel *wheel_of(struct slu_budget *budget, uint64_t start_ns,
                                         uint64_t tick_ns, uint32_t timers_max)
{
    struct slu_wheel_options options = {
        .start_ns = start_ns, .tick_ns = tick_ns, .timers_max = timers_max};
    struct slu_wheel *wheel = NULL;
    assert_int_equal(slu_wheel_create(budget, &options, NULL, &wheel), 0);
    return wheel;
}

/* A callback that only counts. */
static inline void count_run(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns,
                             void *arg)
{
    (void)wheel;
    (void)timer;
    (void)now_ns;
    ++*(uint64_t *)arg;
}

static inline slu_timer_id timer_of(struct slu_wheel *wheel, uint64_t now_ns, uint64_t delay_ns,
                                    uint64_t *count)
{
    slu_timer_id timer = 0;
    assert_int_equal(slu_wheel_add(wheel, now_ns, delay_ns, count_run, count, &timer), 0);
    assert_true(timer != 0);
    return timer;
}

#endif
