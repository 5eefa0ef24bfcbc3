/*
 * A million timers at a time. A list is too slow here; the model counts how many timers are due in
 * each tick.
 */
#include <errno.h>
#include <stdlib.h>

#include "wheel_fixture.h"

#define TIMERS    1000000
#define TICKS_MAX (1U << 20) /* the longest delay */
#define NOT_THERE UINT64_MAX

struct crowd {
    struct test_random random;
    struct slu_wheel *wheel;
    slu_timer_id *ids;
    uint64_t *due_ticks;  /* NOT_THERE once it is over */
    uint32_t *due_counts; /* by tick, modulo twice the longest delay */
    uint64_t now_tick;
    uint64_t ran_tick; /* of the last timer that ran */
    uint64_t runs;
};

static uint32_t *due_count(struct crowd *crowd, uint64_t tick)
{
    return &crowd->due_counts[tick % (2 * TICKS_MAX)];
}

/* Ticks are 1 ns. */
static uint64_t random_delay(struct crowd *crowd)
{
    uint64_t bits = test_random_below(&crowd->random, 20);
    return 1 + test_random_below(&crowd->random, UINT64_C(2) << bits);
}

static void timer_noted(struct crowd *crowd, size_t i, uint64_t delay)
{
    crowd->due_ticks[i] = crowd->now_tick + delay;
    ++*due_count(crowd, crowd->due_ticks[i]);
}

static void timer_forgotten(struct crowd *crowd, size_t i)
{
    --*due_count(crowd, crowd->due_ticks[i]);
    crowd->due_ticks[i] = NOT_THERE;
}

static struct crowd crowd;

static void crowd_run(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg);

static void timer_add(size_t i)
{
    uint64_t delay = random_delay(&crowd);
    int err =
        slu_wheel_add(crowd.wheel, crowd.now_tick, delay, crowd_run, &crowd.ids[i], &crowd.ids[i]);
    assert_int_equal(err, 0);
    timer_noted(&crowd, i, delay);
}

static void timer_stop(size_t i)
{
    bool is_there = crowd.due_ticks[i] != NOT_THERE;
    int err = slu_wheel_stop(crowd.wheel, crowd.ids[i]);
    assert_int_equal(err, is_there ? 0 : -ESTALE);
    if (is_there) {
        timer_forgotten(&crowd, i);
    }
}

static void timer_reset(size_t i)
{
    bool is_there = crowd.due_ticks[i] != NOT_THERE;
    uint64_t delay = random_delay(&crowd);
    int err = slu_wheel_reset(crowd.wheel, crowd.ids[i], crowd.now_tick, delay);
    assert_int_equal(err, is_there ? 0 : -ESTALE);
    if (is_there) {
        timer_forgotten(&crowd, i);
        timer_noted(&crowd, i, delay);
    }
}

static void crowd_change(void)
{
    size_t i = test_random_below(&crowd.random, TIMERS);
    switch (test_random_below(&crowd.random, 4)) {
    case 0:
        timer_stop(i);
        break;
    case 1:
        if (crowd.due_ticks[i] == NOT_THERE) {
            timer_add(i);
            break;
        }
        timer_reset(i);
        break;
    default:
        timer_reset(i);
    }
}

/* One in two arms itself again, one in four does something to another. */
static void crowd_run(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    size_t i = (size_t)((slu_timer_id *)arg - crowd.ids);
    assert_int_equal(crowd.ids[i], timer);
    assert_in_range(crowd.due_ticks[i], crowd.ran_tick, now_ns);
    crowd.ran_tick = crowd.due_ticks[i];
    timer_forgotten(&crowd, i);
    crowd.runs++;
    uint64_t choice = test_random_below(&crowd.random, 8);
    if (choice < 4) {
        uint64_t delay = random_delay(&crowd);
        assert_int_equal(slu_wheel_reset(wheel, timer, now_ns, delay), 0);
        timer_noted(&crowd, i, delay);
    } else if (choice < 6) {
        size_t other = test_random_below(&crowd.random, TIMERS);
        if (other != i) {
            timer_reset(other);
        }
    }
}

/* What is due until `tick`, from the model: nothing once the wheel has been there. */
static uint64_t due_until(uint64_t from_tick, uint64_t tick)
{
    uint64_t count = 0;
    for (uint64_t at = from_tick; at <= tick; at++) {
        count += *due_count(&crowd, at);
    }
    return count;
}

static void crowd_advance(uint64_t ticks, uint32_t work_max)
{
    uint64_t from_tick = crowd.now_tick;
    crowd.now_tick += ticks;
    uint64_t due = due_until(from_tick, crowd.now_tick);
    uint64_t before = crowd.runs;
    while (slu_wheel_advance(crowd.wheel, crowd.now_tick, work_max)) {
    }
    /* Those that others reset meanwhile did not run, or ran later. */
    assert_true(crowd.runs - before <= due);
    assert_int_equal(due_until(from_tick, crowd.now_tick), 0);
    crowd.ran_tick = crowd.now_tick;
}

static void a_million_timers_run_in_their_ticks(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(UINT64_C(64) << 20);
    crowd = (struct crowd){.random = test_random_start(1)};
    crowd.wheel = wheel_of(budget, 0, 1, TIMERS);
    crowd.ids = calloc(TIMERS, sizeof(crowd.ids[0]));
    crowd.due_ticks = calloc(TIMERS, sizeof(crowd.due_ticks[0]));
    crowd.due_counts = calloc(2 * TICKS_MAX, sizeof(crowd.due_counts[0]));
    assert_true(crowd.ids != NULL && crowd.due_ticks != NULL && crowd.due_counts != NULL);
    for (size_t i = 0; i < TIMERS; i++) {
        timer_add(i);
    }
    uint64_t allocations = alloc_count();
    wheel_validate(crowd.wheel);
    for (uint64_t round = 0; round < 60 * test_rounds(1); round++) {
        for (int n = 0; n < 20000; n++) {
            crowd_change();
        }
        uint64_t ticks = test_random_below(&crowd.random, round % 10 == 0 ? TICKS_MAX / 8 : 4096);
        crowd_advance(ticks, round % 2 == 0 ? UINT32_MAX : 1000);
    }
    wheel_validate(crowd.wheel);
    crowd_advance(TICKS_MAX, 5000);
    assert_true(crowd.runs > TIMERS);
    assert_int_equal(alloc_count(), allocations);
    free(crowd.ids);
    free(crowd.due_ticks);
    free(crowd.due_counts);
    slu_wheel_destroy(&crowd.wheel);
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_timers_run_in_their_ticks),
    };
    return TEST_RUN("wheel_many", tests);
}
