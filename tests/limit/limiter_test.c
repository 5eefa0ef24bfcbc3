#include <sluice/limiter.h>

#include <errno.h>
#include <string.h>

#include "fixture.h"

/*
 * What a user of golang.org/x/time/rate relies on, as a table of our own: each step at its time,
 * with what must come of it.
 */
enum act {
    ALLOW,  /* `number` events; gives whether they were allowed */
    WAITS,  /* reserve `number`; gives the delay in ms, or -1 */
    CANCEL, /* the `number`th reservation of the case, from 0; gives its error */
    LIMIT,  /* set the rate to `number` a second */
    BURST,
    LEFT, /* gives how many would be allowed now */
};

struct step {
    uint64_t at_ms;
    enum act act;
    uint64_t number;
    int64_t gives;
};

struct story {
    const char *claim;
    struct slu_limit limit;
    struct step steps[16];
};

#define PER_SECOND(n, b)                                                                           \
    {                                                                                              \
        .count = (n), .period_ns = SECOND, .burst = (b)                                            \
    }

static const struct story stories[] = {
    {"a burst passes at once, then one each interval",
     PER_SECOND(10, 3),
     {{0, ALLOW, 1, 1},
      {0, ALLOW, 1, 1},
      {0, ALLOW, 1, 1},
      {0, ALLOW, 1, 0},
      {99, ALLOW, 1, 0},
      {100, ALLOW, 1, 1},
      {199, ALLOW, 1, 0},
      {200, ALLOW, 1, 1}}},
    {"an idle limiter saves up a burst and no more",
     PER_SECOND(10, 2),
     {{0, ALLOW, 2, 1}, {60000, ALLOW, 2, 1}, {60000, ALLOW, 1, 0}}},
    {"many are taken all together or not at all",
     PER_SECOND(10, 5),
     {{0, ALLOW, 4, 1},
      {0, ALLOW, 2, 0},
      {0, ALLOW, 1, 1},
      {0, ALLOW, 0, 1},
      {0, ALLOW, 6, 0},
      {500, LEFT, 0, 5}}},
    {"a clock that jumps back lets no time pass twice",
     PER_SECOND(10, 3),
     {{1000, ALLOW, 1, 1},
      {100, ALLOW, 1, 1},
      {100, ALLOW, 1, 1},
      {100, ALLOW, 1, 0},
      {1000, ALLOW, 1, 0},
      {1100, ALLOW, 1, 1},
      {1100, ALLOW, 1, 0}}},
    {"reservations queue in order",
     PER_SECOND(10, 2),
     {{0, WAITS, 2, 0},
      {0, WAITS, 1, 100},
      {0, WAITS, 2, 300},
      {0, ALLOW, 1, 0},
      {300, ALLOW, 1, 0},
      {400, ALLOW, 1, 1}}},
    {"more than a burst can never be reserved",
     PER_SECOND(10, 2),
     {{0, WAITS, 3, -1}, {0, LEFT, 0, 2}}},
    {"the last reservation is given back",
     PER_SECOND(10, 2),
     {{0, WAITS, 2, 0}, {0, WAITS, 2, 200}, {0, CANCEL, 1, 0}, {0, WAITS, 2, 200}}},
    {"the first reservation is given back whole, though others came after it",
     PER_SECOND(10, 2),
     {{0, WAITS, 2, 0},
      {0, WAITS, 1, 100},
      {0, WAITS, 2, 300},
      {50, CANCEL, 1, 0},
      {50, CANCEL, 2, 0},
      {50, WAITS, 1, 50}}},
    {"what was taken at once is given back at that moment",
     PER_SECOND(10, 2),
     {{0, WAITS, 2, 0}, {0, CANCEL, 0, 0}, {0, ALLOW, 2, 1}}},
    {"what has happened is not given back, and nothing is twice",
     PER_SECOND(10, 2),
     {{0, WAITS, 2, 0},
      {0, WAITS, 1, 100},
      {101, CANCEL, 1, -ESTALE},
      {101, CANCEL, 0, -ESTALE},
      {101, WAITS, 1, 99},
      {101, CANCEL, 2, 0},
      {101, CANCEL, 2, -ESTALE},
      {101, WAITS, 1, 99}}},
    {"a faster limit counts from the moment of the change",
     PER_SECOND(5, 2),
     {{0, WAITS, 2, 0}, {0, WAITS, 2, 400}, {200, LIMIT, 10, 0}, {200, WAITS, 1, 200}}},
    {"a reservation of another limit is given back in events",
     PER_SECOND(5, 2),
     {{0, WAITS, 2, 0},
      {0, WAITS, 2, 400},
      {200, LIMIT, 10, 0},
      {200, CANCEL, 1, 0},
      {200, WAITS, 2, 100}}},
    {"a greater burst fills up at the rate",
     PER_SECOND(10, 2),
     {{0, BURST, 5, 0}, {0, LEFT, 0, 2}, {200, LEFT, 0, 4}, {900, LEFT, 0, 5}}},
    {"a smaller burst loses what it cannot hold",
     PER_SECOND(10, 5),
     {{0, BURST, 2, 0}, {0, LEFT, 0, 2}, {0, ALLOW, 2, 1}, {0, ALLOW, 1, 0}}},
    {"a burst changed in debt leaves the debt",
     PER_SECOND(10, 2),
     {{0, WAITS, 2, 0}, {0, WAITS, 2, 200}, {0, BURST, 4, 0}, {0, WAITS, 4, 600}}},
    {"limit 0 allows nothing, and what was left is there afterwards",
     PER_SECOND(10, 4),
     {{0, ALLOW, 1, 1},
      {0, LIMIT, 0, 0},
      {0, ALLOW, 1, 0},
      {0, WAITS, 1, -1},
      {5000, LEFT, 0, 0},
      {5000, LIMIT, 10, 0},
      {5000, LEFT, 0, 3}}},
    {"an infinite limit allows everything and takes nothing",
     PER_SECOND(10, 2),
     {{0, ALLOW, 2, 1},
      {0, LIMIT, SLU_LIMIT_INFINITE, 0},
      {0, ALLOW, 1000000, 1},
      {0, WAITS, UINT64_MAX, 0},
      {0, LIMIT, 10, 0},
      {0, CANCEL, 0, 0},
      {0, LEFT, 0, 2},
      {0, ALLOW, 2, 1},
      {0, ALLOW, 1, 0}}},
};

#define STORY_COUNT (sizeof(stories) / sizeof(stories[0]))

struct telling {
    struct slu_limiter *limiter;
    struct slu_limit limit;
    struct slu_reservation reservations[16];
    size_t reservation_count;
};

static int64_t tell_step(struct telling *telling, const struct step *step)
{
    uint64_t now_ns = step->at_ms * MS;
    struct slu_limit_state state;
    struct slu_reservation *reservation = &telling->reservations[telling->reservation_count];
    switch (step->act) {
    case ALLOW:
        return slu_limiter_allow_n(telling->limiter, now_ns, step->number);
    case WAITS:
        if (slu_limiter_reserve(telling->limiter, now_ns, step->number, SLU_LIMIT_NEVER,
                                reservation) != 0) {
            return -1;
        }
        telling->reservation_count++;
        assert_int_equal(reservation->delay_ns % MS, 0);
        return (int64_t)(reservation->delay_ns / MS);
    case CANCEL:
        return slu_limiter_cancel(telling->limiter, now_ns, &telling->reservations[step->number]);
    case LIMIT:
        telling->limit.count = step->number;
        return slu_limiter_set(telling->limiter, now_ns, &telling->limit, NULL);
    case BURST:
        telling->limit.burst = step->number;
        return slu_limiter_set(telling->limiter, now_ns, &telling->limit, NULL);
    default:
        slu_limiter_state(telling->limiter, now_ns, 1, &state);
        return (int64_t)state.remaining;
    }
}

static void a_bucket_does_what_users_of_token_buckets_rely_on(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    for (size_t i = 0; i < STORY_COUNT; i++) {
        struct telling telling = {.limit = stories[i].limit};
        telling.limiter = limiter_of(budget, SLU_LIMITER_BUCKET, stories[i].limit);
        for (size_t s = 0; s < 16; s++) {
            const struct step *step = &stories[i].steps[s];
            bool end = s > 0 && memcmp(step, &(struct step){0}, sizeof(*step)) == 0;
            int64_t gave = end ? 0 : tell_step(&telling, step);
            if (!end && gave != step->gives) {
                print_message("%s: step %zu gave %lld\n", stories[i].claim, s, (long long)gave);
                assert_int_equal(gave, step->gives);
            }
        }
        slu_limiter_destroy(&telling.limiter);
    }
    slu_budget_destroy(&budget);
}

/* 100 at the end of a window and 99 at the end of the next: a count's worst, and its bound. */
static void a_counter_lets_less_than_twice_its_limit_through(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_limit limit = {.count = 100, .period_ns = SECOND};
    struct slu_limiter *counter = limiter_of(budget, SLU_LIMITER_COUNTER, limit);
    struct slu_limiter *log = limiter_of(budget, SLU_LIMITER_LOG, limit);
    assert_true(slu_limiter_allow_n(counter, 2 * SECOND - 1, 100));
    assert_true(slu_limiter_allow_n(log, 2 * SECOND - 1, 100));
    assert_false(slu_limiter_allow(counter, 2 * SECOND));
    assert_false(slu_limiter_allow_n(counter, 3 * SECOND - 10 * MS, 100));
    assert_true(slu_limiter_allow_n(counter, 3 * SECOND - 10 * MS, 99));
    assert_false(slu_limiter_allow(log, 3 * SECOND - 2));
    assert_true(slu_limiter_allow_n(log, 3 * SECOND - 1, 100));
    slu_limiter_destroy(&counter);
    slu_limiter_destroy(&log);
    slu_budget_destroy(&budget);
}

static void windows_keep_their_counts_when_the_limit_changes(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    for (uint32_t kind = SLU_LIMITER_COUNTER; kind <= SLU_LIMITER_LOG; kind++) {
        struct slu_limit limit = {.count = 10, .period_ns = SECOND};
        struct slu_limiter *limiter = limiter_of(budget, kind, limit);
        struct slu_limit_state seen;
        struct slu_reservation ahead;
        assert_true(slu_limiter_allow_n(limiter, 5 * SECOND, 8));
        limit.count = 12;
        assert_int_equal(slu_limiter_set(limiter, 5 * SECOND, &limit, NULL), 0);
        slu_limiter_state(limiter, 5 * SECOND, 1, &seen);
        assert_int_equal(seen.remaining, 4);
        limit = (struct slu_limit){.count = 9, .period_ns = 10 * SECOND};
        assert_int_equal(slu_limiter_set(limiter, 5 * SECOND, &limit, NULL), 0);
        assert_true(slu_limiter_allow(limiter, 5 * SECOND));
        assert_false(slu_limiter_allow(limiter, 5 * SECOND + 900 * MS));
        assert_int_equal(slu_limiter_reserve(limiter, 6 * SECOND, 2, SLU_LIMIT_NEVER, &ahead), 0);
        limit = (struct slu_limit){.count = 5, .period_ns = SECOND};
        assert_int_equal(slu_limiter_set(limiter, 6 * SECOND, &limit, NULL), 0);
        assert_int_equal(slu_limiter_cancel(limiter, 6 * SECOND, &ahead), 0);
        limit.count = 0;
        assert_int_equal(slu_limiter_set(limiter, 6 * SECOND, &limit, NULL), 0);
        assert_false(slu_limiter_allow(limiter, 100 * SECOND));
        limit.count = SLU_LIMIT_INFINITE;
        assert_int_equal(slu_limiter_set(limiter, 100 * SECOND, &limit, NULL), 0);
        assert_true(slu_limiter_allow_n(limiter, 100 * SECOND, UINT64_MAX));
        limit = (struct slu_limit){.count = 20, .period_ns = SECOND};
        assert_int_equal(slu_limiter_set(limiter, 100 * SECOND, &limit, NULL), 0);
        assert_true(slu_limiter_allow_n(limiter, 100 * SECOND, 20));
        assert_false(slu_limiter_allow(limiter, 100 * SECOND));
        slu_limiter_destroy(&limiter);
    }
    slu_budget_destroy(&budget);
}

static void reservations_reach_as_far_as_is_kept_book_of(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_limit limit = {.count = 2, .period_ns = SECOND};
    struct slu_limiter *counter = limiter_of(budget, SLU_LIMITER_COUNTER, limit);
    struct slu_limiter *log = limiter_of(budget, SLU_LIMITER_LOG, limit);
    struct slu_reservation last;
    uint64_t counted = 0;
    while (slu_limiter_reserve(counter, 0, 1, SLU_LIMIT_NEVER, &last) == 0) {
        counted++;
    }
    assert_in_range(last.at_ns, 2 * SECOND, 3 * SECOND - 1);
    assert_in_range(counted, 4, 6);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(slu_limiter_reserve(log, 0, 1, SLU_LIMIT_NEVER, &last), 0);
        assert_int_equal(last.at_ns, i / 2 * SECOND);
    }
    assert_int_equal(slu_limiter_reserve(log, 0, 1, SLU_LIMIT_NEVER, &last), -EAGAIN);
    assert_int_equal(slu_limiter_cancel(log, 0, &last), 0);
    assert_int_equal(slu_limiter_reserve(log, 0, 1, SECOND - 1, &last), -EAGAIN);
    assert_int_equal(slu_limiter_reserve(log, 0, 1, SECOND, &last), 0);
    slu_limiter_destroy(&counter);
    slu_limiter_destroy(&log);
    slu_budget_destroy(&budget);
}

static void a_limiter_of_one_thread_is_like_any_other(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_limiter_options options = {.limit = PER_SECOND(10, 3), .one_thread = true};
    struct slu_limiter *alone = NULL;
    struct slu_limiter *shared = limiter_of(budget, SLU_LIMITER_BUCKET, options.limit);
    struct test_random random = test_random_start(1);
    assert_int_equal(slu_limiter_create(budget, &options, NULL, &alone), 0);
    uint64_t now_ns = 0;
    for (int i = 0; i < 1000; i++) {
        now_ns += test_random_below(&random, 200 * MS);
        assert_int_equal(slu_limiter_allow(alone, now_ns), slu_limiter_allow(shared, now_ns));
    }
    slu_limiter_destroy(&alone);
    slu_limiter_destroy(&shared);
    slu_budget_destroy(&budget);
}

static void assert_refused(struct slu_budget *budget, struct slu_limiter_options options, int err,
                           const char *why)
{
    struct slu_limiter *limiter = NULL;
    struct slu_diag diag = {.message = ""};
    uint64_t used = budget_used(budget);
    assert_int_equal(slu_limiter_create(budget, &options, &diag, &limiter), err);
    assert_int_equal(slu_limiter_create(budget, &options, NULL, &limiter), err);
    assert_null(limiter);
    assert_int_equal(budget_used(budget), used);
    if (strstr(diag.message, why) == NULL) {
        print_message("\"%s\" does not say \"%s\"\n", diag.message, why);
    }
    assert_non_null(strstr(diag.message, why));
}

#define LIMIT(c, p, b) .limit = {.count = (c), .period_ns = (p), .burst = (b)}

static void impossible_options_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(4096);
    static const struct {
        struct slu_limiter_options options;
        int err;
        const char *why;
    } cases[] = {
        {{.kind = (enum slu_limiter_kind)3, LIMIT(1, 1, 0)}, -EINVAL, "kind 3"},
        {{LIMIT(1, 0, 0)}, -EINVAL, "period_ns 0 is not within 1 .. 1152921504606846976"},
        {{LIMIT(1, UINT64_MAX, 0)}, -EINVAL, "period_ns 18446744073709551615"},
        {{LIMIT(2, 1, 0)}, -EINVAL, "2 events in 1 ns is more than one a nanosecond"},
        {{LIMIT(1, DAY, 100000)}, -EINVAL, "a burst of 100000 would take more than 73 years"},
        {{LIMIT(1, SECOND, UINT64_MAX)}, -EINVAL, "a burst of 18446744073709551615"},
        {{LIMIT(1, SECOND, 0), .log_max = 1}, -EINVAL, "log_max 1 is for a log"},
        {{.kind = SLU_LIMITER_COUNTER, LIMIT(1, SECOND, 1)}, -EINVAL, "burst 1 is for a bucket"},
        {{.kind = SLU_LIMITER_LOG, LIMIT(1, SECOND, 1)}, -EINVAL, "burst 1 is for a bucket"},
        {{.kind = SLU_LIMITER_LOG, LIMIT(10, SECOND, 0), .log_max = 9},
         -EINVAL,
         "log_max 9 is not within 10 .. 4294967296"},
        {{.kind = SLU_LIMITER_LOG, LIMIT(0, 0, 0)}, -EINVAL, "log_max 0 is not within 1"},
        {{.kind = SLU_LIMITER_LOG, LIMIT(UINT64_C(1) << 33, UINT64_C(1) << 40, 0)},
         -EINVAL,
         "log_max 8589934592"},
        {{.kind = SLU_LIMITER_LOG, LIMIT(1000, SECOND, 0)}, -EDQUOT, "a limiter of 16"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(budget, cases[i].options, cases[i].err, cases[i].why);
    }
    slu_budget_destroy(&budget);
}

static void a_refused_change_changes_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_limit limit = {.count = 3, .period_ns = SECOND};
    struct slu_limiter *log = limiter_of(budget, SLU_LIMITER_LOG, limit);
    struct slu_limit_state before;
    struct slu_limit_state after;
    struct slu_diag diag;
    assert_true(slu_limiter_allow(log, SECOND));
    slu_limiter_state(log, SECOND, 1, &before);
    limit.count = 7;
    assert_int_equal(slu_limiter_set(log, SECOND, &limit, &diag), -EDQUOT);
    assert_string_equal(diag.message, "count 7 is above the log's 6 entries");
    limit = (struct slu_limit){.count = 3};
    assert_int_equal(slu_limiter_set(log, SECOND, &limit, &diag), -EINVAL);
    limit = (struct slu_limit){.count = 3, .period_ns = SECOND, .burst = 1};
    assert_int_equal(slu_limiter_set(log, SECOND, &limit, &diag), -EINVAL);
    slu_limiter_state(log, SECOND, 1, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    slu_limiter_destroy(&log);
    slu_budget_destroy(&budget);
}

static void a_failed_creation_leaves_nothing_behind(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_limiter_options options = {.kind = SLU_LIMITER_LOG, LIMIT(1000, SECOND, 0)};
    struct slu_limiter *limiter = NULL;
    uint64_t used = budget_used(budget);
    alloc_fault_at(1);
    assert_int_equal(slu_limiter_create(budget, &options, NULL, &limiter), -ENOMEM);
    assert_true(alloc_fault_hit());
    alloc_fault_at(0);
    assert_null(limiter);
    assert_int_equal(budget_used(budget), used);
    uint64_t calls = alloc_count();
    assert_int_equal(slu_limiter_create(budget, &options, NULL, &limiter), 0);
    assert_int_equal(alloc_count(), calls + 1);
    assert_int_equal(budget_used(budget), used + 128 + 2 * 1000 * 8);
    slu_limiter_destroy(&limiter);
    slu_limiter_destroy(&limiter);
    slu_limiter_destroy(NULL);
    assert_int_equal(budget_used(budget), used);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_does_what_users_of_token_buckets_rely_on),
        cmocka_unit_test(a_counter_lets_less_than_twice_its_limit_through),
        cmocka_unit_test(windows_keep_their_counts_when_the_limit_changes),
        cmocka_unit_test(reservations_reach_as_far_as_is_kept_book_of),
        cmocka_unit_test(a_limiter_of_one_thread_is_like_any_other),
        cmocka_unit_test(impossible_options_are_refused_with_a_reason),
        cmocka_unit_test(a_refused_change_changes_nothing),
        cmocka_unit_test(a_failed_creation_leaves_nothing_behind),
    };
    return TEST_RUN("limiter", tests);
}
