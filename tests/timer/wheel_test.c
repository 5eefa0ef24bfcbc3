#include <sluice/wheel.h>

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "wheel_fixture.h"

#define DAY   (86400 * SECOND)
#define TICK  (UINT64_C(1) << 20)
#define NEVER SLU_WHEEL_NEVER

static void a_timer_runs_within_one_tick_and_never_early(void **state)
{
    (void)state;
    static const uint64_t delays[] = {
        1,   TICK,        TICK + 1,    63 * TICK,   64 * TICK,      300 * SECOND,
        DAY, 10000 * DAY, 50000 * DAY, 4096 * TICK, 4097 * TICK - 1};
    struct slu_budget *budget = budget_of(1 << 20);
    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        uint64_t start_ns = 7 * SECOND;
        struct slu_wheel *wheel = wheel_of(budget, start_ns, MS, 10);
        uint64_t runs = 0;
        slu_timer_id timer = timer_of(wheel, start_ns + 5, delays[i], &runs);
        assert_false(slu_wheel_advance(wheel, start_ns + 5 + delays[i] - 1, UINT32_MAX));
        assert_int_equal(runs, 0);
        assert_false(slu_wheel_advance(wheel, start_ns + 5 + delays[i] + TICK - 1, UINT32_MAX));
        assert_int_equal(runs, 1);
        assert_int_equal(slu_wheel_stop(wheel, timer), -ESTALE);
        assert_int_equal(slu_wheel_reset(wheel, timer, 0, 0), -ESTALE);
        slu_wheel_destroy(&wheel);
    }
    slu_budget_destroy(&budget);
}

static void the_tick_is_the_power_of_two_below(void **state)
{
    (void)state;
    static const uint64_t asked[][2] = {{1, 1},
                                        {3, 2},
                                        {MS, UINT64_C(1) << 19},
                                        {TICK, TICK},
                                        {SLU_WHEEL_TICK_NS_MAX, UINT64_C(1) << 40}};
    struct slu_budget *budget = budget_of(1 << 20);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct slu_wheel *wheel = wheel_of(budget, 0, asked[i][0], 1);
        assert_int_equal(slu_wheel_tick_ns(wheel), asked[i][1]);
        slu_wheel_destroy(&wheel);
    }
    slu_budget_destroy(&budget);
}

static void a_stopped_timer_does_not_run_and_its_handle_is_outdated(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
    uint64_t runs = 0;
    slu_timer_id first = timer_of(wheel, 0, SECOND, &runs);
    assert_int_equal(slu_wheel_stop(wheel, first), 0);
    assert_int_equal(slu_wheel_stop(wheel, first), -ESTALE);
    assert_int_equal(slu_wheel_next_ns(wheel), NEVER);
    slu_timer_id second = timer_of(wheel, 0, SECOND, &runs); /* in the same slot */
    assert_true(second != first);
    assert_int_equal(slu_wheel_stop(wheel, first), -ESTALE);
    assert_int_equal(slu_wheel_reset(wheel, first, 0, 0), -ESTALE);
    assert_int_equal(slu_wheel_stop(wheel, 0), -ESTALE);
    assert_int_equal(slu_wheel_stop(wheel, UINT64_MAX), -ESTALE);
    assert_false(slu_wheel_advance(wheel, 2 * SECOND, UINT32_MAX));
    assert_int_equal(runs, 1);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_full_wheel_refuses_and_counts(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 3);
    uint64_t runs = 0;
    slu_timer_id timer = 0;
    for (int i = 0; i < 3; i++) {
        timer = timer_of(wheel, 0, NEVER, &runs);
    }
    slu_timer_id refused = 77;
    assert_int_equal(slu_wheel_add(wheel, 0, 0, count_run, &runs, &refused), -EDQUOT);
    assert_int_equal(slu_wheel_add(wheel, 0, 0, NULL, &runs, &refused), -EINVAL);
    assert_int_equal(refused, 77);
    struct slu_wheel_stats stats;
    slu_wheel_stats(wheel, &stats);
    assert_int_equal(stats.timer_count, 3);
    assert_int_equal(stats.timer_high, 3);
    assert_int_equal(stats.refused_count, 1);
    assert_int_equal(slu_wheel_stop(wheel, timer), 0);
    (void)timer_of(wheel, 0, 0, &runs);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_timer_that_never_comes_waits_for_its_reset(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 3);
    uint64_t runs = 0;
    slu_timer_id timer = timer_of(wheel, 0, SLU_WHEEL_AHEAD_MAX_NS, &runs);
    assert_int_equal(slu_wheel_next_ns(wheel), NEVER);
    assert_int_equal(slu_wheel_timeout_ms(wheel, 0), -1);
    assert_false(slu_wheel_advance(wheel, SLU_WHEEL_AHEAD_MAX_NS, UINT32_MAX));
    assert_int_equal(runs, 0);
    assert_int_equal(slu_wheel_reset(wheel, timer, SLU_WHEEL_AHEAD_MAX_NS, 1), 0);
    assert_false(slu_wheel_advance(wheel, SLU_WHEEL_AHEAD_MAX_NS + TICK, UINT32_MAX));
    assert_int_equal(runs, 1);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_clock_that_runs_backwards_makes_timers_late_and_never_early(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 3);
    uint64_t runs = 0;
    assert_false(slu_wheel_advance(wheel, 1000 * TICK, UINT32_MAX));
    (void)timer_of(wheel, 10 * TICK, 5 * TICK, &runs);
    assert_int_equal(slu_wheel_next_ns(wheel), 1005 * TICK);
    assert_false(slu_wheel_advance(wheel, 20 * TICK, UINT32_MAX));
    assert_false(slu_wheel_advance(wheel, 0, UINT32_MAX));
    assert_false(slu_wheel_advance(wheel, 1005 * TICK - 1, UINT32_MAX));
    assert_int_equal(runs, 0);
    assert_false(slu_wheel_advance(wheel, 1005 * TICK, UINT32_MAX));
    assert_int_equal(runs, 1);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_clock_that_passes_the_end_of_its_type_goes_on(void **state)
{
    (void)state;
    static const uint64_t ticks[] = {1, 8, TICK, UINT64_C(1) << 21, SLU_WHEEL_TICK_NS_MAX};
    struct slu_budget *budget = budget_of(1 << 20);
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        uint64_t start_ns = UINT64_MAX - 3 * ticks[i];
        struct slu_wheel *wheel = wheel_of(budget, start_ns, ticks[i], 3);
        uint64_t runs = 0;
        (void)timer_of(wheel, start_ns, 2 * ticks[i], &runs);
        (void)timer_of(wheel, start_ns, 10 * ticks[i], &runs);
        (void)timer_of(wheel, start_ns, SLU_WHEEL_AHEAD_MAX_NS - 1, &runs);
        assert_false(slu_wheel_advance(wheel, UINT64_MAX, UINT32_MAX));
        assert_int_equal(runs, 1);
        assert_false(slu_wheel_advance(wheel, 5 * ticks[i], UINT32_MAX));
        assert_int_equal(runs, 1);
        assert_false(slu_wheel_advance(wheel, 8 * ticks[i], UINT32_MAX));
        assert_int_equal(runs, 2);
        assert_false(slu_wheel_advance(wheel, start_ns + SLU_WHEEL_AHEAD_MAX_NS - 2, UINT32_MAX));
        assert_int_equal(runs, 2);
        assert_false(
            slu_wheel_advance(wheel, start_ns + SLU_WHEEL_AHEAD_MAX_NS + ticks[i], UINT32_MAX));
        assert_int_equal(runs, 3);
        slu_wheel_destroy(&wheel);
    }
    slu_budget_destroy(&budget);
}

static void far_timers_on_both_sides_of_the_wrap_come_in_order(void **state)
{
    (void)state;
    static const uint64_t ticks[] = {1, 8, TICK, UINT64_C(1) << 21, SLU_WHEEL_TICK_NS_MAX};
    uint64_t part_ns = SLU_WHEEL_AHEAD_MAX_NS / 8;
    struct slu_budget *budget = budget_of(1 << 20);
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        uint64_t start_ns = UINT64_MAX - 4 * part_ns;
        struct slu_wheel *wheel = wheel_of(budget, start_ns, ticks[i], 8);
        uint64_t runs = 0;
        for (uint64_t n = 7; n > 0; n--) {
            (void)timer_of(wheel, start_ns, n * part_ns, &runs);
        }
        for (uint64_t n = 1; n < 8; n++) {
            uint64_t due_ns = start_ns + n * part_ns;
            assert_true(slu_wheel_next_ns(wheel) - start_ns <= n * part_ns + ticks[i]);
            assert_false(slu_wheel_advance(wheel, due_ns - 1, UINT32_MAX));
            assert_int_equal(runs, n - 1);
            assert_false(slu_wheel_advance(wheel, due_ns + ticks[i], UINT32_MAX));
            assert_int_equal(runs, n);
        }
        slu_wheel_destroy(&wheel);
    }
    slu_budget_destroy(&budget);
}

static void the_farthest_delay_from_the_farthest_lead_is_kept(void **state)
{
    (void)state;
    static const uint64_t ticks[] = {1, 8, TICK, UINT64_C(1) << 21, SLU_WHEEL_TICK_NS_MAX};
    struct slu_budget *budget = budget_of(1 << 20);
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        struct slu_wheel *wheel = wheel_of(budget, 0, ticks[i], 3);
        uint64_t ahead_ns = SLU_WHEEL_AHEAD_MAX_NS;
        uint64_t runs = 0;
        (void)timer_of(wheel, ahead_ns, ahead_ns - 1, &runs); /* the wheel is still at 0 */
        wheel_validate(wheel);
        assert_false(slu_wheel_advance(wheel, ahead_ns, UINT32_MAX));
        assert_false(slu_wheel_advance(wheel, 2 * ahead_ns - 2, UINT32_MAX));
        assert_int_equal(runs, 0);
        assert_false(slu_wheel_advance(wheel, 2 * ahead_ns - 1 + ticks[i], UINT32_MAX));
        assert_int_equal(runs, 1);
        slu_wheel_destroy(&wheel);
    }
    slu_budget_destroy(&budget);
}

static void the_next_time_is_exact_when_near_and_a_bound_when_far(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 3);
    uint64_t runs = 0;
    slu_timer_id far = timer_of(wheel, 0, 1000001 * TICK, &runs);
    uint32_t wakes = 0;
    uint64_t now_ns = 0;
    while (runs == 0) {
        uint64_t next_ns = slu_wheel_next_ns(wheel);
        assert_true(next_ns > now_ns);
        assert_true(next_ns <= 1000001 * TICK);
        now_ns = next_ns;
        assert_false(slu_wheel_advance(wheel, now_ns, UINT32_MAX));
        wakes++;
    }
    assert_int_equal(now_ns, 1000001 * TICK);
    assert_int_equal(wakes, 4); /* 20 bits: three levels come down, then it runs */
    assert_int_equal(slu_wheel_stop(wheel, far), -ESTALE);
    (void)timer_of(wheel, now_ns, 3 * TICK, &runs);
    assert_int_equal(slu_wheel_next_ns(wheel), now_ns + 3 * TICK);
    (void)timer_of(wheel, now_ns, 0, &runs);
    assert_int_equal(slu_wheel_next_ns(wheel), now_ns);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void a_time_out_in_milliseconds_is_rounded_up(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, 1, 3);
    uint64_t runs = 0;
    assert_int_equal(slu_wheel_timeout_ms(wheel, 0), -1);
    slu_timer_id timer = timer_of(wheel, 0, 63, &runs);
    assert_int_equal(slu_wheel_timeout_ms(wheel, 0), 1);
    assert_int_equal(slu_wheel_timeout_ms(wheel, 62), 1);
    assert_int_equal(slu_wheel_timeout_ms(wheel, 63), 0);
    assert_int_equal(slu_wheel_timeout_ms(wheel, SECOND), 0);
    assert_int_equal(slu_wheel_reset(wheel, timer, 0, UINT64_C(1) << 36), 0); /* exact there */
    assert_int_equal(slu_wheel_timeout_ms(wheel, 0), 68720);
    assert_int_equal(slu_wheel_reset(wheel, timer, 0, UINT64_C(1) << 60), 0);
    assert_int_equal(slu_wheel_timeout_ms(wheel, 0), INT_MAX);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void even_the_last_moment_of_time_is_not_never(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, UINT64_MAX - 5, 1, 3);
    uint64_t runs = 0;
    (void)timer_of(wheel, UINT64_MAX - 5, 5, &runs);
    assert_int_equal(slu_wheel_next_ns(wheel), UINT64_MAX - 1);
    assert_false(slu_wheel_advance(wheel, UINT64_MAX, UINT32_MAX));
    assert_int_equal(runs, 1);
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        struct slu_wheel_options options;
        int err;
        const char *word;
    } cases[] = {
        {{0, 0, 1, 0}, -EINVAL, "tick_ns is 0"},
        {{0, SLU_WHEEL_TICK_NS_MAX + 1, 1, 0}, -EINVAL, "tick_ns is 1099511627777"},
        {{0, MS, 0, 0}, -EINVAL, "timers_max is 0"},
        {{0, MS, SLU_WHEEL_TIMERS_MAX + 1, 0}, -EINVAL, "timers_max is 1073741825"},
        {{0, MS, 10, 11}, -EINVAL, "attached_max is 11"},
        {{0, MS, 1000, 0}, -EDQUOT, "timers_max 1000"},
        {{0, MS, 10, 10}, 0, ""},
        {{0, MS, 120, 120}, -EDQUOT, "attached_max 120"},
        {{0, MS, SLU_WHEEL_TIMERS_MAX, 0}, -EDQUOT, "do not fit budget 'test'"},
    };
    struct slu_budget *budget = budget_of(16384);
    uint64_t before = budget_used(budget);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_wheel *wheel = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(slu_wheel_create(budget, &cases[i].options, &diag, &wheel), cases[i].err);
        assert_non_null(strstr(diag.message, cases[i].word));
        assert_true((wheel == NULL) == (cases[i].err != 0));
        slu_wheel_destroy(&wheel);
        assert_int_equal(budget_used(budget), before);
    }
    slu_wheel_destroy(NULL);
    slu_budget_destroy(&budget);
}

static void a_failed_creation_leaves_nothing_behind(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t before = budget_used(budget);
    struct slu_wheel_options options = {.tick_ns = MS, .timers_max = 10};
    struct slu_wheel *wheel = NULL;
    alloc_fault_at(1);
    assert_int_equal(slu_wheel_create(budget, &options, NULL, &wheel), -ENOMEM);
    assert_true(alloc_fault_hit());
    assert_null(wheel);
    assert_int_equal(budget_used(budget), before);
    slu_budget_destroy(&budget);
}

static void a_timer_costs_forty_bytes(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 30);
    uint64_t before = budget_used(budget);
    struct slu_wheel *wheel = wheel_of(budget, 0, 1, 1);
    assert_true(budget_used(budget) - before <= 13 * 1024);
    slu_wheel_destroy(&wheel);
    wheel = wheel_of(budget, 0, 1, 1000000);
    assert_true(budget_used(budget) - before <= UINT64_C(40000000) + 96 * 1024);
    slu_wheel_destroy(&wheel);
    assert_int_equal(budget_used(budget), before);
    slu_budget_destroy(&budget);
}

/* Chains lie in turn, so this is about every kind of wheel. */
static const uint32_t sizes[] = {16, CHAIN_TIMERS_MIN};

struct pair {
    slu_timer_id other;
    uint64_t runs;
};

static void stop_other(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    (void)timer;
    (void)now_ns;
    struct pair *pair = arg;
    pair->runs++;
    assert_int_equal(slu_wheel_stop(wheel, pair->other), 0);
}

static void a_timer_stops_another_of_its_own_tick(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct slu_budget *budget = budget_of(4 << 20);
        struct slu_wheel *wheel = wheel_of(budget, 0, TICK, sizes[i]);
        struct pair pairs[2] = {0};
        for (int n = 0; n < 2; n++) {
            int err = slu_wheel_add(wheel, 0, 5 * TICK, stop_other, &pairs[n], &pairs[1 - n].other);
            assert_int_equal(err, 0);
        }
        assert_false(slu_wheel_advance(wheel, 10 * TICK, UINT32_MAX));
        assert_int_equal(pairs[0].runs + pairs[1].runs, 1);
        wheel_validate(wheel);
        slu_wheel_destroy(&wheel);
        slu_budget_destroy(&budget);
    }
}

enum self_act {
    SELF_STOP,
    SELF_STOP_AND_ADD, /* which takes the same slot */
    SELF_RESET,
    SELF_RESET_AND_STOP,
    SELF_NEVER,
    SELF_ACTS,
};

struct self {
    enum self_act act;
    uint64_t runs;
    uint64_t added_runs;
};

static void act_on_self(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    struct self *self = arg;
    self->runs++;
    switch (self->act) {
    case SELF_STOP:
    case SELF_STOP_AND_ADD:
        assert_int_equal(slu_wheel_stop(wheel, timer), 0);
        assert_int_equal(slu_wheel_stop(wheel, timer), -ESTALE);
        assert_int_equal(slu_wheel_reset(wheel, timer, now_ns, 0), -ESTALE);
        if (self->act == SELF_STOP_AND_ADD) {
            (void)timer_of(wheel, now_ns, TICK, &self->added_runs);
        }
        break;
    case SELF_RESET:
    case SELF_RESET_AND_STOP:
        assert_int_equal(slu_wheel_reset(wheel, timer, now_ns, self->runs == 1 ? 0 : SECOND), 0);
        if (self->act == SELF_RESET_AND_STOP) {
            assert_int_equal(slu_wheel_stop(wheel, timer), 0);
        }
        break;
    default:
        assert_int_equal(slu_wheel_reset(wheel, timer, now_ns, NEVER), 0);
    }
}

static void a_timer_does_what_it_likes_to_itself(void **state)
{
    (void)state;
    static const uint64_t runs[SELF_ACTS] = {1, 1, 2, 1, 1};
    static const uint32_t left[SELF_ACTS] = {0, 0, 1, 0, 1};
    for (int act = 0; act < SELF_ACTS; act++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
        struct self self = {.act = (enum self_act)act};
        slu_timer_id timer = 0;
        assert_int_equal(slu_wheel_add(wheel, 0, TICK, act_on_self, &self, &timer), 0);
        (void)slu_wheel_advance(wheel, TICK, UINT32_MAX);
        assert_int_equal(self.runs, 1);
        assert_false(slu_wheel_advance(wheel, 2 * TICK, UINT32_MAX));
        assert_false(slu_wheel_advance(wheel, SECOND / 2, UINT32_MAX));
        assert_int_equal(self.runs, runs[act]);
        assert_int_equal(self.added_runs, act == SELF_STOP_AND_ADD);
        struct slu_wheel_stats stats;
        slu_wheel_stats(wheel, &stats);
        assert_int_equal(stats.timer_count, left[act]);
        wheel_validate(wheel);
        slu_wheel_destroy(&wheel);
        slu_budget_destroy(&budget);
    }
}

static void arm_at_once(struct slu_wheel *wheel, slu_timer_id timer, uint64_t now_ns, void *arg)
{
    ++*(uint64_t *)arg;
    assert_int_equal(slu_wheel_reset(wheel, timer, now_ns, 0), 0);
}

static void a_timer_that_is_due_again_waits_for_the_next_advance(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_wheel *wheel = wheel_of(budget, 0, TICK, 1);
    uint64_t runs = 0;
    slu_timer_id timer = 0;
    assert_int_equal(slu_wheel_add(wheel, 0, 0, arm_at_once, &runs, &timer), 0);
    for (uint64_t n = 1; n <= 10; n++) {
        assert_int_equal(slu_wheel_timeout_ms(wheel, 100 * TICK), 0);
        assert_true(slu_wheel_advance(wheel, 100 * TICK, UINT32_MAX));
        assert_int_equal(runs, n);
    }
    slu_wheel_destroy(&wheel);
    slu_budget_destroy(&budget);
}

#define HERD 1000

static void a_herd_is_seen_to_in_slices_of_the_work_allowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct slu_budget *budget = budget_of(4 << 20);
        struct slu_wheel *wheel = wheel_of(budget, 0, TICK, i == 0 ? HERD : CHAIN_TIMERS_MIN);
        uint64_t runs = 0;
        uint64_t calls = 0;
        for (uint64_t n = 0; n < HERD; n++) { /* all in one slot of a high level */
            (void)timer_of(wheel, 0, ((UINT64_C(1) << 34) + n * 61) * TICK, &runs);
        }
        assert_false(slu_wheel_advance(wheel, 0, 0));
        struct slu_wheel_stats before = {0};
        bool more = true;
        while (more) {
            more = slu_wheel_advance(wheel, (UINT64_C(1) << 35) * TICK, 7);
            struct slu_wheel_stats after;
            slu_wheel_stats(wheel, &after);
            uint64_t work = after.run_count + after.move_count;
            assert_true(work - before.run_count - before.move_count <= 7);
            assert_true(!more || work - before.run_count - before.move_count == 7);
            before = after;
            calls++;
        }
        assert_int_equal(runs, HERD);
        assert_true(before.move_count <= (uint64_t)HERD * (SLU_WHEEL_LEVELS_MAX - 1));
        assert_true(calls <= (uint64_t)HERD * SLU_WHEEL_LEVELS_MAX / 7 + 1);
        slu_wheel_destroy(&wheel);
        slu_budget_destroy(&budget);
    }
}

static void a_timer_moves_as_often_as_its_header_says(void **state)
{
    (void)state;
    static const struct {
        uint64_t delay_ns;
        uint64_t moves;
    } cases[] = {{SECOND, 2}, {300 * SECOND, 4}, {SLU_WHEEL_AHEAD_MAX_NS - 1, 10}};
    struct slu_budget *budget = budget_of(1 << 20);
    for (uint64_t step = 0; step < 300; step++) {
        for (size_t i = 0; i < 3; i++) {
            uint64_t start_ns = step * step * step * 7919 * MS;
            struct slu_wheel *wheel = wheel_of(budget, start_ns, i == 2 ? 1 : MS, 1);
            uint64_t runs = 0;
            (void)timer_of(wheel, start_ns, cases[i].delay_ns, &runs);
            assert_false(slu_wheel_advance(wheel, start_ns + cases[i].delay_ns - 1, UINT32_MAX));
            assert_false(slu_wheel_advance(wheel, start_ns + cases[i].delay_ns + MS, UINT32_MAX));
            struct slu_wheel_stats stats;
            slu_wheel_stats(wheel, &stats);
            assert_int_equal(runs, 1);
            assert_true(stats.move_count <= cases[i].moves);
            slu_wheel_destroy(&wheel);
        }
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_runs_within_one_tick_and_never_early),
        cmocka_unit_test(the_tick_is_the_power_of_two_below),
        cmocka_unit_test(a_stopped_timer_does_not_run_and_its_handle_is_outdated),
        cmocka_unit_test(a_full_wheel_refuses_and_counts),
        cmocka_unit_test(a_timer_that_never_comes_waits_for_its_reset),
        cmocka_unit_test(a_clock_that_runs_backwards_makes_timers_late_and_never_early),
        cmocka_unit_test(a_clock_that_passes_the_end_of_its_type_goes_on),
        cmocka_unit_test(far_timers_on_both_sides_of_the_wrap_come_in_order),
        cmocka_unit_test(the_farthest_delay_from_the_farthest_lead_is_kept),
        cmocka_unit_test(the_next_time_is_exact_when_near_and_a_bound_when_far),
        cmocka_unit_test(a_time_out_in_milliseconds_is_rounded_up),
        cmocka_unit_test(even_the_last_moment_of_time_is_not_never),
        cmocka_unit_test(a_timer_stops_another_of_its_own_tick),
        cmocka_unit_test(a_timer_does_what_it_likes_to_itself),
        cmocka_unit_test(a_timer_that_is_due_again_waits_for_the_next_advance),
        cmocka_unit_test(a_herd_is_seen_to_in_slices_of_the_work_allowed),
        cmocka_unit_test(a_timer_moves_as_often_as_its_header_says),
        cmocka_unit_test(impossible_options_are_refused_by_name),
        cmocka_unit_test(a_failed_creation_leaves_nothing_behind),
        cmocka_unit_test(a_timer_costs_forty_bytes),
    };
    return TEST_RUN("wheel", tests);
}
