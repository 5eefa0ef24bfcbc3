/* The clock's task, by the machine's time: what is due runs, in order, and nothing before it. */
#include "pipeline/flush_clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "budget.h"
#include "flow.h"
#include "harness.h"

#define MS_NS    UINT64_C(1000000)
#define HOUR_NS  (UINT64_C(3600000) * MS_NS)
#define TIMERS   3
#define RUNS_MAX 64

struct alarm {
    struct flush_timer timer;
    struct flush_clock *clock;
    _Atomic unsigned run_count;
    _Atomic uint64_t ran_ns;
    _Atomic uint64_t again_ns; /* set itself once more, that long from now */
    _Atomic bool sets_others;  /* the next two, to times that have come */
    _Atomic unsigned place;    /* among the runs of all */
};

struct fixture {
    struct slu_budget *budget;
    struct slu_scope *scope;
    struct flush_clock *clock;
    struct alarm alarms[TIMERS];
};

static _Atomic unsigned run_count; /* of all alarms */

static void alarm_run(void *arg, uint64_t now_ns)
{
    struct alarm *alarm = arg;
    uint64_t again_ns = atomic_exchange(&alarm->again_ns, 0);
    atomic_store(&alarm->ran_ns, now_ns);
    atomic_store(&alarm->place, atomic_fetch_add(&run_count, 1));
    if (again_ns > 0) {
        flush_clock_set(alarm->clock, &alarm->timer, now_ns + again_ns);
    }
    if (atomic_exchange(&alarm->sets_others, false)) {
        flush_clock_set(alarm->clock, &alarm[1].timer, now_ns - 1);
        flush_clock_set(alarm->clock, &alarm[2].timer, now_ns - 2);
    }
    atomic_fetch_add(&alarm->run_count, 1);
    watch_tell();
}

static void fixture_open(struct fixture *fixture)
{
    struct slu_scope_options options = {
        .name = "test", .task_max = 1, .callback_max = 4, .task_stack_bytes = 128 * 1024};
    memset(fixture, 0, sizeof(*fixture));
    atomic_store(&run_count, 0);
    fixture->budget = budget_of(FLOW_BYTES);
    options.budget = fixture->budget;
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &fixture->scope), 0);
    assert_int_equal(flush_clock_create(fixture->budget, fixture->scope, &fixture->clock), 0);
    for (int i = 0; i < TIMERS; i++) {
        fixture->alarms[i].clock = fixture->clock;
        flush_clock_add(fixture->clock, &fixture->alarms[i].timer, alarm_run, &fixture->alarms[i]);
    }
}

static void fixture_close(struct fixture *fixture)
{
    assert_int_equal(slu_scope_close(&fixture->scope), 0);
    flush_clock_destroy(&fixture->clock);
    assert_null(fixture->clock);
    slu_budget_destroy(&fixture->budget);
}

static void set(struct fixture *fixture, int number, uint64_t due_ns)
{
    flush_clock_set(fixture->clock, &fixture->alarms[number].timer, due_ns);
}

static void a_timer_runs_once_and_not_before_its_time(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture);
    uint64_t due_ns = slu_clock_monotonic_ns() + 5 * MS_NS;
    set(&fixture, 0, due_ns);
    watch_await(&fixture.alarms[0].run_count, 1);
    assert_true(fixture.alarms[0].ran_ns >= due_ns);
    set(&fixture, 1, slu_clock_monotonic_ns() + MS_NS);
    watch_await(&fixture.alarms[1].run_count, 1);
    assert_int_equal(fixture.alarms[0].run_count, 1);
    fixture_close(&fixture);
}

static void an_earlier_time_wakes_a_clock_that_sleeps_for_a_later_one(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture);
    uint64_t now_ns = slu_clock_monotonic_ns();
    set(&fixture, 0, now_ns + HOUR_NS);
    set(&fixture, 1, now_ns + 3 * MS_NS);
    watch_await(&fixture.alarms[1].run_count, 1);
    set(&fixture, 2, 0);
    watch_await(&fixture.alarms[2].run_count, 1);
    assert_int_equal(fixture.alarms[0].run_count, 0);
    fixture_close(&fixture);
}

/* Both are set while the clock is busy, so that it finds both. */
static void timers_run_in_the_order_of_their_times(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture);
    fixture.alarms[0].sets_others = true;
    set(&fixture, 0, slu_clock_monotonic_ns());
    watch_await(&fixture.alarms[1].run_count, 1);
    watch_await(&fixture.alarms[2].run_count, 1);
    assert_int_equal(fixture.alarms[0].place, 0);
    assert_int_equal(fixture.alarms[2].place, 1);
    assert_int_equal(fixture.alarms[1].place, 2);
    fixture_close(&fixture);
}

static void a_later_time_takes_the_place_of_an_earlier_one(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture);
    uint64_t now_ns = slu_clock_monotonic_ns();
    set(&fixture, 0, now_ns + HOUR_NS);
    set(&fixture, 0, now_ns + 2 * HOUR_NS);
    set(&fixture, 1, now_ns + HOUR_NS);
    set(&fixture, 1, FLUSH_NEVER);
    set(&fixture, 2, now_ns + 2 * MS_NS);
    watch_await(&fixture.alarms[2].run_count, 1);
    assert_int_equal(fixture.alarms[0].run_count, 0);
    assert_int_equal(fixture.alarms[1].run_count, 0);
    fixture_close(&fixture);
}

static void a_timer_may_set_itself_again(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture);
    fixture.alarms[0].again_ns = MS_NS;
    set(&fixture, 0, 0);
    watch_await(&fixture.alarms[0].run_count, 2);
    fixture_close(&fixture);
}

static void a_clock_ends_with_its_scope_whatever_is_set(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture);
    set(&fixture, 0, slu_clock_monotonic_ns() + HOUR_NS);
    slu_scope_cancel(fixture.scope);
    set(&fixture, 1, 0); /* nobody is there to run it */
    fixture_close(&fixture);
    assert_int_equal(fixture.alarms[0].run_count, 0);
}

static void *set_often(void *arg)
{
    struct fixture *fixture = arg;
    for (int i = 0; i < 500; i++) {
        set(fixture, i % 2, i % 7 == 0 ? FLUSH_NEVER : slu_clock_monotonic_ns());
    }
    return NULL;
}

/* Whatever was set last by many threads, what one sets afterwards runs. */
static void threads_may_set_the_same_timers(void **state)
{
    struct fixture fixture;
    pthread_t threads[3];
    (void)state;
    fixture_open(&fixture);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, set_often, &fixture), 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    set(&fixture, 2, slu_clock_monotonic_ns());
    watch_await(&fixture.alarms[2].run_count, 1);
    fixture_close(&fixture);
}

static void a_clock_that_cannot_be_made_leaves_nothing(void **state)
{
    bool was_hit = true;
    struct slu_scope_options options = {
        .name = "test", .task_max = 1, .callback_max = 4, .task_stack_bytes = 128 * 1024};
    (void)state;
    struct slu_budget *budget = budget_of(FLOW_BYTES);
    options.budget = budget;
    for (uint64_t nth = 1; was_hit; nth++) {
        struct slu_scope *scope = NULL;
        struct flush_clock *clock = NULL;
        assert_int_equal(slu_scope_create(NULL, &options, NULL, &scope), 0);
        uint64_t used_bytes = budget_used(budget);
        alloc_fault_at(nth);
        int err = flush_clock_create(budget, scope, &clock);
        was_hit = alloc_fault_hit();
        alloc_fault_at(0);
        assert_int_equal(err != 0, was_hit);
        if (err != 0) {
            assert_null(clock);
            assert_int_equal(budget_used(budget), used_bytes);
        }
        assert_int_equal(slu_scope_close(&scope), 0);
        flush_clock_destroy(&clock);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_runs_once_and_not_before_its_time),
        cmocka_unit_test(an_earlier_time_wakes_a_clock_that_sleeps_for_a_later_one),
        cmocka_unit_test(timers_run_in_the_order_of_their_times),
        cmocka_unit_test(a_later_time_takes_the_place_of_an_earlier_one),
        cmocka_unit_test(a_timer_may_set_itself_again),
        cmocka_unit_test(a_clock_ends_with_its_scope_whatever_is_set),
        cmocka_unit_test(threads_may_set_the_same_timers),
        cmocka_unit_test(a_clock_that_cannot_be_made_leaves_nothing),
    };
    return TEST_RUN("flush_clock", tests);
}
