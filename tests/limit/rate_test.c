/* Rates from one a day to one a nanosecond, against exact fractions. */
#include <sluice/limiter.h>

#include <errno.h>

#include "fixture.h"

__extension__ typedef unsigned __int128 wide;

static const struct slu_limit rates[] = {
    {1, DAY, 1},
    {1, DAY, 1000},
    {7, DAY, 3},
    {1, 60 * SECOND, 5},
    {3, SECOND, 2},
    {10, SECOND, 10},
    {999, SECOND, 1},
    {1000, SECOND, 64},
    {999983, SECOND, 17},
    {1000000, SECOND, 1},
    {300000007, SECOND, 3},
    {700000000, SECOND, 1},
    {999999937, SECOND, 100},
    {1000000000, SECOND, 1},
    {1, 1, 1},
    {2, 3, 7},
    {1, SLU_LIMIT_PERIOD_NS_MAX, 1},
    {SLU_LIMIT_PERIOD_NS_MAX - 1, SLU_LIMIT_PERIOD_NS_MAX, 1},
};

#define RATE_COUNT (sizeof(rates) / sizeof(rates[0]))

/* When the nth event (from 0) after `start_ns` may happen, in whole nanoseconds. */
static uint64_t exact_at_ns(const struct slu_limit *limit, uint64_t start_ns, uint64_t nth)
{
    if (nth < limit->burst) {
        return start_ns;
    }
    wide due = (wide)(nth - limit->burst + 1) * limit->period_ns;
    return start_ns + (uint64_t)((due + limit->count - 1) / limit->count);
}

static void assert_exact(uint64_t got_ns, uint64_t exact_ns)
{
    assert_true(got_ns == exact_ns || got_ns + 1 == exact_ns);
}

static void reserve_from(struct slu_budget *budget, const struct slu_limit *limit,
                         uint64_t start_ns)
{
    struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, *limit);
    uint64_t longest = (SLU_LIMIT_TIME_NS_MAX - start_ns) / 4 / (limit->period_ns / limit->count);
    uint64_t rounds = test_rounds(20000);
    rounds = rounds < longest ? rounds : longest;
    for (uint64_t nth = 0; nth < rounds; nth++) {
        struct slu_reservation one;
        assert_int_equal(slu_limiter_reserve(limiter, start_ns, 1, SLU_LIMIT_NEVER, &one), 0);
        assert_exact(one.at_ns, exact_at_ns(limit, start_ns, nth));
    }
    slu_limiter_destroy(&limiter);
}

static void no_rate_drifts_however_many_events_are_reserved(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct test_random random = test_random_start(1);
    for (size_t i = 0; i < RATE_COUNT; i++) {
        reserve_from(budget, &rates[i], 0);
        reserve_from(budget, &rates[i], test_random_below(&random, 4000 * DAY));
    }
    slu_budget_destroy(&budget);
}

/*
 * A client that asks again and again, at the first moment that is right and just before it. The
 * model is the algorithm in exact fractions: times in parts of 1 / count of a nanosecond.
 */
static void ask_on_time(struct slu_budget *budget, const struct slu_limit *limit)
{
    uint64_t now_ns = 12345678901;
    wide arrival = 0;
    struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, *limit);
    for (uint64_t nth = 0; nth < test_rounds(5000); nth++) {
        wide room = (wide)(limit->burst - 1) * limit->period_ns;
        wide first = arrival > room ? arrival - room : 0;
        uint64_t first_ns = (uint64_t)((first + limit->count - 1) / limit->count);
        if (first_ns > SLU_LIMIT_TIME_NS_MAX) {
            break;
        }
        if (first_ns >= now_ns + 2) {
            assert_false(slu_limiter_allow(limiter, first_ns - 2));
        }
        now_ns = first_ns > now_ns ? first_ns : now_ns;
        assert_true(slu_limiter_allow(limiter, now_ns));
        wide now = (wide)now_ns * limit->count;
        arrival = (arrival > now ? arrival : now) + limit->period_ns;
    }
    slu_limiter_destroy(&limiter);
}

static void an_event_is_allowed_at_its_exact_time_and_not_two_ns_before(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    for (size_t i = 0; i < RATE_COUNT; i++) {
        ask_on_time(budget, &rates[i]);
    }
    slu_budget_destroy(&budget);
}

/* Years of a rate, in strides of a burst each. */
static void a_rate_is_exact_after_years(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    const struct slu_limit awkward[] = {
        {3, SECOND, 3000000}, {999983, SECOND, 100000000}, {700000000, SECOND, 1000000000000}};
    for (size_t i = 0; i < sizeof(awkward) / sizeof(awkward[0]); i++) {
        const struct slu_limit *limit = &awkward[i];
        struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, *limit);
        uint64_t nth = 0;
        uint64_t at_ns = 0;
        while (at_ns < 3650 * DAY) {
            struct slu_reservation stride;
            int err = slu_limiter_reserve(limiter, at_ns, limit->burst, SLU_LIMIT_NEVER, &stride);
            assert_int_equal(err, 0);
            nth += limit->burst;
            assert_exact(stride.at_ns, exact_at_ns(limit, 0, nth - 1));
            at_ns = stride.at_ns;
        }
        slu_limiter_destroy(&limiter);
    }
    slu_budget_destroy(&budget);
}

static void time_stands_still_at_its_end(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    for (uint32_t kind = SLU_LIMITER_BUCKET; kind <= SLU_LIMITER_LOG; kind++) {
        struct slu_limit limit = {.count = 2, .period_ns = SECOND};
        struct slu_limiter *limiter = limiter_of(budget, kind, limit);
        assert_true(slu_limiter_allow_n(limiter, UINT64_MAX, 2));
        assert_false(slu_limiter_allow(limiter, UINT64_MAX));
        struct slu_limit_state seen;
        slu_limiter_state(limiter, UINT64_MAX, 1, &seen);
        assert_int_equal(seen.remaining, 0);
        assert_in_range(seen.retry_ns, 1, 2 * SECOND);
        slu_limiter_destroy(&limiter);
    }
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rate_drifts_however_many_events_are_reserved),
        cmocka_unit_test(an_event_is_allowed_at_its_exact_time_and_not_two_ns_before),
        cmocka_unit_test(a_rate_is_exact_after_years),
        cmocka_unit_test(time_stands_still_at_its_end),
    };
    return TEST_RUN("rate", tests);
}
