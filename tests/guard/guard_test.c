#include <errno.h>
#include <math.h>
#include <string.h>

#include "fixture.h"

static void a_missing_key_is_asked_for_once_in_a_span(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_usual());
    uint64_t allocations = alloc_count();
    tell(guard, SECOND, 1, SLU_GUARD_TELL_MISSING);
    struct slu_guard_ticket ticket;
    for (uint64_t now_ns = SECOND; now_ns < 64 * SECOND; now_ns += SECOND / 3) {
        assert_int_equal(begin(guard, now_ns, 1, &ticket), SLU_GUARD_MISSING);
        assert_int_equal(check(guard, now_ns, 2), SLU_GUARD_UNKNOWN);
    }
    assert_int_equal(begin(guard, 65 * SECOND, 1, &ticket), SLU_GUARD_LEADER);
    assert_int_equal(slu_guard_finish(guard, 65 * SECOND, &ticket, SLU_GUARD_TELL_FOUND, 7), 0);
    assert_int_equal(check(guard, 65 * SECOND, 1), SLU_GUARD_UNKNOWN);
    assert_int_equal(alloc_count(), allocations);
    guard_validate(guard);
    slu_guard_destroy(&guard);
    slu_guard_destroy(&guard);
    slu_guard_destroy(NULL);
    budget_end(budget);
}

static void followers_hear_what_the_leader_tells(void **state)
{
    (void)state;
    static const struct {
        enum slu_guard_outcome outcome;
        enum slu_guard_answer answer;
        uint64_t value;
    } cases[] = {
        {SLU_GUARD_TELL_FOUND, SLU_GUARD_FOUND, 42},
        {SLU_GUARD_TELL_MISSING, SLU_GUARD_MISSING, 0},
        {SLU_GUARD_TELL_FAILED, SLU_GUARD_FAILED, 42},
    };
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_usual());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_guard_ticket leader;
        struct slu_guard_ticket follower;
        struct slu_guard_result result = {.value = 99};
        assert_int_equal(begin(guard, 0, i, &leader), SLU_GUARD_LEADER);
        assert_int_equal(begin(guard, 0, i, &follower), SLU_GUARD_FOLLOWER);
        assert_int_equal(slu_guard_poll(guard, 0, &follower, &result), -EAGAIN);
        assert_int_equal(slu_guard_poll(guard, 0, &leader, &result), -EDEADLK);
        assert_int_equal(slu_guard_wait(guard, NULL, 0, &leader, &result), -EDEADLK);
        assert_int_equal(result.value, 99);
        assert_int_equal(slu_guard_finish(guard, 0, &follower, cases[i].outcome, 42), -ESTALE);
        assert_int_equal(slu_guard_finish(guard, 0, &leader, cases[i].outcome, 42), 0);
        assert_int_equal(slu_guard_finish(guard, 0, &leader, cases[i].outcome, 42), -ESTALE);
        assert_int_equal(slu_guard_poll(guard, 0, &follower, &result), 0);
        assert_int_equal(result.answer, cases[i].answer);
        assert_int_equal(result.value, cases[i].value);
        assert_int_equal(slu_guard_wait(guard, NULL, 0, &follower, &result), 0);
        guard_validate(guard);
    }
    struct slu_guard_stats stats = stats_of(guard);
    assert_int_equal(stats.leader_count, 3);
    assert_int_equal(stats.follower_count, 3);
    assert_int_equal(stats.stale_count, 6);
    assert_int_equal(stats.found_count + stats.missing_count + stats.failed_count, 3);
    assert_int_equal(stats.asking_count, 0);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void a_leader_that_gives_up_or_sleeps_is_replaced(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_usual());
    struct slu_guard_ticket first;
    struct slu_guard_ticket second;
    struct slu_guard_ticket third;
    struct slu_guard_result result;
    assert_int_equal(begin(guard, 0, 1, &first), SLU_GUARD_LEADER);
    assert_int_equal(begin(guard, 0, 1, &second), SLU_GUARD_FOLLOWER);
    assert_int_equal(slu_guard_finish(guard, 0, &first, SLU_GUARD_TELL_NOTHING, 0), 0);
    assert_int_equal(slu_guard_poll(guard, 0, &second, &result), -ESTALE);
    assert_int_equal(begin(guard, 0, 1, &second), SLU_GUARD_LEADER);

    /* The lease: by begin, and by poll. */
    assert_int_equal(begin(guard, 5 * SECOND - 1, 1, &third), SLU_GUARD_FOLLOWER);
    assert_int_equal(begin(guard, 5 * SECOND, 1, &first), SLU_GUARD_LEADER);
    assert_int_equal(slu_guard_finish(guard, 5 * SECOND, &second, SLU_GUARD_TELL_MISSING, 0),
                     -ESTALE);
    assert_int_equal(check(guard, 5 * SECOND, 1), SLU_GUARD_UNKNOWN);
    assert_int_equal(slu_guard_poll(guard, 10 * SECOND - 1, &third, &result), -EAGAIN);
    assert_int_equal(slu_guard_poll(guard, 10 * SECOND, &third, &result), 0);
    assert_int_equal(result.answer, SLU_GUARD_LEADER);
    assert_int_equal(slu_guard_finish(guard, 10 * SECOND, &first, SLU_GUARD_TELL_FOUND, 0),
                     -ESTALE);
    assert_int_equal(slu_guard_finish(guard, 10 * SECOND, &third, SLU_GUARD_TELL_MISSING, 0), 0);
    assert_int_equal(check(guard, 10 * SECOND, 1), SLU_GUARD_MISSING);
    assert_int_equal(stats_of(guard).takeover_count, 2);
    assert_int_equal(stats_of(guard).leader_count, 4);
    guard_validate(guard);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void a_forgotten_key_is_asked_for_at_once(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_usual());
    tell(guard, 0, 1, SLU_GUARD_TELL_MISSING);
    forget(guard, 0, 1);
    assert_int_equal(check(guard, 0, 1), SLU_GUARD_UNKNOWN);
    forget(guard, 0, 2); /* never seen */

    /* A leader who asked before the key was written must not bury it. */
    struct slu_guard_ticket old;
    struct slu_guard_ticket old_follower;
    struct slu_guard_ticket fresh;
    struct slu_guard_result result;
    assert_int_equal(begin(guard, 0, 1, &old), SLU_GUARD_LEADER);
    assert_int_equal(begin(guard, 0, 1, &old_follower), SLU_GUARD_FOLLOWER);
    forget(guard, 0, 1);
    assert_int_equal(begin(guard, 0, 1, &fresh), SLU_GUARD_LEADER);
    guard_validate(guard);
    assert_int_equal(slu_guard_finish(guard, 0, &old, SLU_GUARD_TELL_MISSING, 0), 0);
    assert_int_equal(check(guard, 0, 1), SLU_GUARD_UNKNOWN);
    assert_int_equal(slu_guard_poll(guard, 0, &old_follower, &result), 0);
    assert_int_equal(result.answer, SLU_GUARD_MISSING);
    assert_int_equal(begin(guard, 0, 1, &old), SLU_GUARD_FOLLOWER);
    assert_int_equal(slu_guard_finish(guard, 0, &fresh, SLU_GUARD_TELL_FOUND, 3), 0);
    assert_int_equal(slu_guard_poll(guard, 0, &old, &result), 0);
    assert_int_equal(result.value, 3);
    guard_validate(guard);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static struct slu_guard_options options_refusing(uint64_t key_max, double rate)
{
    struct slu_guard_options options = options_usual();
    options.missing_max = 1;
    options.window_key_max = key_max;
    options.window_rate = rate;
    options.window_refuses = true;
    options.exempt_max = 1000;
    return options;
}

static void the_window_refuses_what_was_missing_and_lets_go_of_what_is_forgotten(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_refusing(10000, 1e-4));
    for (uint64_t key = 0; key < 1000; key++) {
        tell(guard, SECOND, key, SLU_GUARD_TELL_MISSING);
    }
    for (uint64_t key = 0; key < 1000; key++) {
        enum slu_guard_answer answer = check(guard, 48 * SECOND, key);
        assert_true(answer == SLU_GUARD_LIKELY_MISSING || answer == SLU_GUARD_MISSING);
    }
    for (uint64_t key = 0; key < 500; key++) {
        forget(guard, 40 * SECOND, key); /* taken as of the newest time, 48 */
    }
    for (uint64_t now_ns = 48 * SECOND; now_ns < 120 * SECOND; now_ns += SECOND) {
        for (uint64_t key = 0; key < 500; key++) {
            assert_int_equal(check(guard, now_ns, key), SLU_GUARD_UNKNOWN);
        }
    }
    assert_int_equal(check(guard, 120 * SECOND, 999), SLU_GUARD_UNKNOWN);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void a_key_that_is_deleted_again_is_exempt_no_more(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_refusing(10000, 1e-4));
    tell(guard, 0, 1, SLU_GUARD_TELL_MISSING);
    forget(guard, 0, 1);
    tell(guard, SECOND, 1, SLU_GUARD_TELL_FOUND);
    assert_int_equal(check(guard, SECOND, 1), SLU_GUARD_UNKNOWN);
    tell(guard, 2 * SECOND, 1, SLU_GUARD_TELL_MISSING);
    /* Keys that come again drive it out of the known-missing keys: the window is left. */
    for (uint64_t key = 10; key < 40; key++) {
        tell(guard, 2 * SECOND, key, SLU_GUARD_TELL_MISSING);
        forget(guard, 2 * SECOND, key);
        tell(guard, 2 * SECOND, key, SLU_GUARD_TELL_MISSING);
    }
    assert_int_equal(check(guard, 2 * SECOND, 1), SLU_GUARD_LIKELY_MISSING);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void forgetting_more_than_can_be_exempt_empties_the_window(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard_options options = options_refusing(10000, 1e-4);
    options.exempt_max = 10;
    struct slu_guard *guard = guard_of(budget, options);
    for (uint64_t key = 0; key < 500; key++) {
        tell(guard, 0, key, SLU_GUARD_TELL_MISSING);
    }
    for (uint64_t key = 0; key < 500; key++) {
        forget(guard, 0, key);
        for (uint64_t gone = 0; gone <= key; gone++) {
            assert_int_equal(check(guard, 0, gone), SLU_GUARD_UNKNOWN);
        }
    }
    assert_int_equal(stats_of(guard).window_emptied_count, 1);
    assert_int_equal(stats_of(guard).forgotten_count, 500);
    tell(guard, 0, 7, SLU_GUARD_TELL_MISSING);
    assert_true(check(guard, 0, 7) != SLU_GUARD_UNKNOWN);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

/* How many of the keys 0 .. 999, asked for again and again beside a flood of others, were asked of
 * the store; each flooding key comes once. */
static uint64_t asked_beside_a_flood(uint64_t window_key_max, struct slu_guard_stats *stats)
{
    struct slu_budget *budget = budget_of(4 << 20);
    struct slu_guard_options options = options_usual();
    options.missing_max = 2000;
    options.window_key_max = window_key_max;
    options.window_rate = 0.01;
    struct slu_guard *guard = guard_of(budget, options);
    struct test_random random = test_random_start(5);
    uint64_t asked = 0;
    for (uint64_t i = 0; i < 200000; i++) {
        bool flood = i % 2 == 0;
        uint64_t key = flood ? 1000000 + i : test_random_below(&random, 1000);
        struct slu_guard_ticket ticket;
        if (begin(guard, SECOND, key, &ticket) == SLU_GUARD_LEADER) {
            asked += !flood;
            assert_int_equal(slu_guard_finish(guard, SECOND, &ticket, SLU_GUARD_TELL_MISSING, 0),
                             0);
        }
    }
    *stats = stats_of(guard);
    slu_guard_destroy(&guard);
    budget_end(budget);
    return asked;
}

static void keys_that_come_once_do_not_drive_out_those_that_come_again(void **state)
{
    (void)state;
    struct slu_guard_stats stats;
    uint64_t without = asked_beside_a_flood(0, &stats);
    assert_int_equal(stats.passed_over_count, 0);
    assert_true(stats.replaced_count > 90000);
    uint64_t with = asked_beside_a_flood(100000, &stats);
    assert_in_range(with, 1000, 3000);
    assert_true(stats.passed_over_count > 90000);
    assert_true(without > 10 * with);
}

static void a_full_table_of_flights_turns_away_as_it_was_told_to(void **state)
{
    (void)state;
    static const enum slu_guard_full policies[] = {SLU_GUARD_FULL_ALONE, SLU_GUARD_FULL_BUSY};
    static const enum slu_guard_answer answers[] = {SLU_GUARD_ALONE, SLU_GUARD_BUSY};
    for (size_t i = 0; i < 2; i++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_guard_options options = options_usual();
        options.full = policies[i];
        struct slu_guard *guard = guard_of(budget, options);
        struct slu_guard_ticket tickets[16];
        struct slu_guard_ticket other = {.flight = 5};
        for (uint64_t key = 0; key < 16; key++) {
            assert_int_equal(begin(guard, 0, key, &tickets[key]), SLU_GUARD_LEADER);
        }
        assert_int_equal(begin(guard, 0, 16, &other), answers[i]);
        assert_int_equal(other.flight, 5);
        assert_int_equal(begin(guard, 0, 3, &other), SLU_GUARD_FOLLOWER);
        assert_int_equal(stats_of(guard).full_count, 1);
        assert_int_equal(slu_guard_finish(guard, 0, &tickets[3], SLU_GUARD_TELL_FOUND, 1), 0);
        assert_int_equal(begin(guard, 0, 16, &tickets[3]), SLU_GUARD_LEADER);
        struct slu_guard_result result;
        assert_int_equal(slu_guard_poll(guard, 0, &other, &result), -ESTALE); /* used again */

        /* Leaders that never come back: their places are free when their leases are over. */
        for (uint64_t key = 100; key < 116; key++) {
            assert_int_equal(begin(guard, 5 * SECOND, key, &other), SLU_GUARD_LEADER);
            guard_validate(guard);
        }
        assert_int_equal(begin(guard, 5 * SECOND, 200, &other), answers[i]);
        slu_guard_destroy(&guard);
        budget_end(budget);
    }
}

static void forgetting_all_begins_time_anew(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_guard *guard = guard_of(budget, options_refusing(10000, 1e-4));
    struct slu_guard_ticket leader;
    struct slu_guard_ticket other;
    uint64_t far_ns = UINT64_MAX - 1; /* a clock gone wrong */
    for (uint64_t key = 0; key < 50; key++) {
        tell(guard, far_ns, key, SLU_GUARD_TELL_MISSING);
    }
    assert_int_equal(begin(guard, far_ns, 99, &leader), SLU_GUARD_LEADER);
    assert_true(check(guard, 1000 * SECOND, 0) != SLU_GUARD_UNKNOWN); /* as of the newest time */
    slu_guard_forget_all(guard, 1000 * SECOND);
    guard_validate(guard);
    for (uint64_t key = 0; key < 50; key++) {
        assert_int_equal(check(guard, 1000 * SECOND, key), SLU_GUARD_UNKNOWN);
    }
    assert_int_equal(begin(guard, 1000 * SECOND, 99, &other), SLU_GUARD_LEADER); /* parted */
    assert_int_equal(slu_guard_finish(guard, 1000 * SECOND, &leader, SLU_GUARD_TELL_MISSING, 0), 0);
    assert_int_equal(check(guard, 1000 * SECOND, 99), SLU_GUARD_UNKNOWN);
    tell(guard, 1000 * SECOND, 1, SLU_GUARD_TELL_MISSING);
    assert_true(check(guard, 1047 * SECOND, 1) != SLU_GUARD_UNKNOWN);
    assert_int_equal(check(guard, 1064 * SECOND, 1), SLU_GUARD_UNKNOWN);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void the_ends_of_time_and_the_shortest_span_are_ordinary(void **state)
{
    (void)state;
    static const uint64_t spans_ns[] = {128, 129, 1000, SECOND, UINT64_MAX};
    for (size_t i = 0; i < sizeof(spans_ns) / sizeof(spans_ns[0]); i++) {
        struct slu_budget *budget = budget_of(1 << 20);
        struct slu_guard_options options = options_usual();
        options.span_ns = spans_ns[i];
        options.lease_ns = SLU_GUARD_LEASE_NEVER;
        struct slu_guard *guard = guard_of(budget, options);
        static const uint64_t times[] = {0, 1, UINT64_MAX / 2, UINT64_MAX - 1, UINT64_MAX};
        for (uint64_t at = 0; at < sizeof(times) / sizeof(times[0]); at++) {
            tell(guard, times[at], at, SLU_GUARD_TELL_MISSING);
            assert_int_equal(check(guard, times[at], at), SLU_GUARD_MISSING);
            assert_int_equal(check(guard, 0, at), SLU_GUARD_MISSING);
        }
        assert_int_equal(check(guard, UINT64_MAX, 0), SLU_GUARD_UNKNOWN);
        slu_guard_destroy(&guard);
        budget_end(budget);
    }
}

static void keys_of_any_length_are_told_apart(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(4 << 20);
    struct slu_guard_options options = options_usual();
    options.missing_max = 10000;
    struct slu_guard *guard = guard_of(budget, options);
    static unsigned char zeros[3000];
    struct slu_guard_ticket ticket;
    for (size_t len = 0; len <= sizeof(zeros); len++) {
        struct slu_bytes key = {len == 0 ? NULL : zeros, len};
        assert_int_equal(slu_guard_begin(guard, 0, key, &ticket), SLU_GUARD_LEADER);
        assert_int_equal(slu_guard_finish(guard, 0, &ticket, SLU_GUARD_TELL_MISSING, 0), 0);
        assert_int_equal(slu_guard_check(guard, 0, key), SLU_GUARD_MISSING);
    }
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void real_keys_are_refused_no_oftener_than_the_window_says(void **state)
{
    (void)state;
    enum {
        KEYS = 20000,
        REAL = 200000
    };
    struct slu_budget *budget = budget_of(4 << 20);
    struct slu_guard *guard = guard_of(budget, options_refusing(KEYS, 0.01));
    for (uint64_t key = 0; key < 5 * KEYS; key++) { /* the span's share five times over */
        struct slu_guard_ticket ticket;
        uint64_t now_ns = key * 64 * SECOND / KEYS;
        if (begin(guard, now_ns, key, &ticket) == SLU_GUARD_LEADER) {
            assert_int_equal(slu_guard_finish(guard, now_ns, &ticket, SLU_GUARD_TELL_MISSING, 0),
                             0);
        }
    }
    uint64_t refused = 0;
    for (uint64_t key = 0; key < REAL; key++) {
        refused += check(guard, 5 * 64 * SECOND - 1, UINT64_C(1) << 32 | key) != SLU_GUARD_UNKNOWN;
    }
    assert_in_range(refused, REAL / 200, (uint64_t)(1.2 * 0.01 * REAL));
    assert_in_range(stats_of(guard).window_early_count, 0, 1);
    slu_guard_destroy(&guard);
    budget_end(budget);
}

static void impossible_options_are_refused_by_name(void **state)
{
    (void)state;
    struct slu_guard_options bad[14];
    static const char *words[14] = {
        "span_ns is 127",           "lease_ns is 0",
        "missing_max is 0",         "missing_max is 107374",
        "flight_max is 0",          "flight_max is 1048577",
        "waiter_max is 1048577",    "full is 2",
        "window_key_max is 687194", "window_rate is 1e-06",
        "window_rate is 0.6",       "window_rate is nan",
        "exempt_max is 0",          "needs a window_key_max",
    };
    for (size_t i = 0; i < 14; i++) {
        bad[i] = options_refusing(1000, 0.01);
    }
    bad[0].span_ns = 127;
    bad[1].lease_ns = 0;
    bad[2].missing_max = 0;
    bad[3].missing_max = SLU_GUARD_KEYS_MAX + 1;
    bad[4].flight_max = 0;
    bad[5].flight_max = SLU_GUARD_FLIGHT_MAX + 1;
    bad[6].waiter_max = SLU_GUARD_WAITER_MAX + 1;
    bad[7].full = (enum slu_guard_full)2;
    bad[8].window_key_max = SLU_GUARD_WINDOW_MAX + 1;
    bad[9].window_rate = 1e-6;
    bad[10].window_rate = 0.6;
    bad[11].window_rate = NAN;
    bad[12].exempt_max = 0;
    bad[13].window_key_max = 0;
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t before = budget_used(budget);
    for (size_t i = 0; i < 14; i++) {
        struct slu_guard *guard = NULL;
        struct slu_diag diag = {0};
        assert_int_equal(slu_guard_create(budget, &bad[i], &diag, &guard), -EINVAL);
        assert_non_null(strstr(diag.message, words[i]));
        assert_int_equal(slu_guard_create(budget, &bad[i], NULL, &guard), -EINVAL);
        assert_null(guard);
        assert_int_equal(budget_used(budget), before);
    }
    budget_end(budget);
}

static void a_guard_is_charged_once_and_to_the_byte(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(8 << 20);
    uint64_t empty = budget_used(budget);
    struct slu_guard *guard = guard_of(budget, options_refusing(100000, 0.001));
    struct slu_guard_stats stats = stats_of(guard);
    uint64_t charged = budget_used(budget) - empty;
    assert_int_equal(charged, slu_budget_block_bytes(stats.block_bytes));
    slu_guard_destroy(&guard);
    assert_int_equal(budget_used(budget), empty);

    struct slu_guard_options options = options_refusing(100000, 0.001);
    struct slu_diag diag = {0};
    slu_budget_set_limit(budget, empty + charged - 1);
    assert_int_equal(slu_guard_create(budget, &options, &diag, &guard), -EDQUOT);
    assert_null(guard);
    assert_non_null(strstr(diag.message, "window_key_max 100000"));
    slu_budget_set_limit(budget, empty + charged);
    assert_int_equal(slu_guard_create(budget, &options, &diag, &guard), 0);
    slu_guard_destroy(&guard);

    options.window_key_max = SLU_GUARD_WINDOW_MAX;
    options.window_rate = SLU_GUARD_RATE_MIN;
    options.missing_max = SLU_GUARD_KEYS_MAX;
    assert_int_equal(slu_guard_create(budget, &options, &diag, &guard), -EDQUOT);
    budget_end(budget);
}

static void a_failed_creation_leaves_nothing_behind(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(8 << 20);
    uint64_t before = budget_used(budget);
    int64_t live = alloc_live_count();
    struct slu_guard_options options = options_refusing(100000, 0.001);
    struct slu_guard *guard = NULL;
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        alloc_fault_at(nth);
        err = slu_guard_create(budget, &options, NULL, &guard);
        assert_true(err == 0 || (err == -ENOMEM && alloc_fault_hit() && guard == NULL));
        assert_true(err == 0 || budget_used(budget) == before);
    }
    alloc_fault_at(0);
    slu_guard_destroy(&guard);
    assert_int_equal(alloc_live_count(), live);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_key_is_asked_for_once_in_a_span),
        cmocka_unit_test(followers_hear_what_the_leader_tells),
        cmocka_unit_test(a_leader_that_gives_up_or_sleeps_is_replaced),
        cmocka_unit_test(a_forgotten_key_is_asked_for_at_once),
        cmocka_unit_test(the_window_refuses_what_was_missing_and_lets_go_of_what_is_forgotten),
        cmocka_unit_test(a_key_that_is_deleted_again_is_exempt_no_more),
        cmocka_unit_test(forgetting_more_than_can_be_exempt_empties_the_window),
        cmocka_unit_test(keys_that_come_once_do_not_drive_out_those_that_come_again),
        cmocka_unit_test(a_full_table_of_flights_turns_away_as_it_was_told_to),
        cmocka_unit_test(forgetting_all_begins_time_anew),
        cmocka_unit_test(the_ends_of_time_and_the_shortest_span_are_ordinary),
        cmocka_unit_test(keys_of_any_length_are_told_apart),
        cmocka_unit_test(real_keys_are_refused_no_oftener_than_the_window_says),
        cmocka_unit_test(impossible_options_are_refused_by_name),
        cmocka_unit_test(a_guard_is_charged_once_and_to_the_byte),
        cmocka_unit_test(a_failed_creation_leaves_nothing_behind),
    };
    return TEST_RUN("guard", tests);
}
