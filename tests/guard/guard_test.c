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

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_key_is_asked_for_once_in_a_span),
        cmocka_unit_test(followers_hear_what_the_leader_tells),
        cmocka_unit_test(a_leader_that_gives_up_or_sleeps_is_replaced),
        cmocka_unit_test(a_forgotten_key_is_asked_for_at_once),
        cmocka_unit_test(the_window_refuses_what_was_missing_and_lets_go_of_what_is_forgotten),
    };
    return TEST_RUN("guard", tests);
}
