#include <sluice/limiter.h>

#include <errno.h>
#include <pthread.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "fixture.h"

static struct slu_scope *scope_of(struct slu_budget *budget, uint64_t deadline_ns)
{
    struct slu_scope_options options = {
        .name = "waiting", .budget = budget, .deadline_ns = deadline_ns};
    struct slu_scope *scope = NULL;
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &scope), 0);
    return scope;
}

static const struct slu_limit one_an_hour = {.count = 1, .period_ns = 3600 * SECOND};

static uint64_t left(struct slu_limiter *limiter)
{
    struct slu_limit_state seen;
    slu_limiter_state(limiter, slu_clock_monotonic_ns(), 1, &seen);
    return seen.remaining;
}

static uint64_t retry_ns(struct slu_limiter *limiter)
{
    struct slu_limit_state seen;
    slu_limiter_state(limiter, slu_clock_monotonic_ns(), 1, &seen);
    return seen.retry_ns;
}

static void a_wait_takes_what_is_there_at_once(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_scope *scope = scope_of(budget, 0);
    struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, one_an_hour);
    assert_int_equal(slu_limiter_wait(limiter, scope, 2, SLU_SCOPE_NEVER), -EINVAL);
    assert_int_equal(slu_limiter_wait(limiter, scope, 1, 0), -EAGAIN);
    assert_int_equal(left(limiter), 1);
    assert_int_equal(slu_limiter_wait(limiter, scope, 0, SLU_SCOPE_NEVER), 0);
    assert_int_equal(slu_limiter_wait(limiter, scope, 1, SLU_SCOPE_NEVER), 0);
    assert_int_equal(left(limiter), 0);
    slu_limiter_destroy(&limiter);
    assert_int_equal(slu_scope_close(&scope), 0);
    slu_budget_destroy(&budget);
}

static void a_wait_that_would_pass_a_deadline_is_refused_at_once(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_scope *scope = scope_of(budget, 0);
    uint64_t soon_ns = slu_clock_monotonic_ns() + 1800 * SECOND;
    struct slu_scope *short_scope = scope_of(budget, soon_ns);
    struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, one_an_hour);
    assert_true(slu_limiter_allow(limiter, slu_clock_monotonic_ns()));
    assert_int_equal(slu_limiter_wait(limiter, scope, 1, soon_ns), -EAGAIN);
    assert_int_equal(slu_limiter_wait(limiter, short_scope, 1, SLU_SCOPE_NEVER), -EAGAIN);
    assert_true(retry_ns(limiter) <= 3600 * SECOND);
    assert_int_equal(slu_scope_error(short_scope), 0);
    slu_limiter_destroy(&limiter);
    assert_int_equal(slu_scope_close(&short_scope), 0);
    assert_int_equal(slu_scope_close(&scope), 0);
    slu_budget_destroy(&budget);
}

static void a_wait_on_a_scope_that_has_ended_takes_nothing(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_scope *cancelled = scope_of(budget, 0);
    struct slu_scope *late = scope_of(budget, 1);
    struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, one_an_hour);
    slu_scope_cancel(cancelled);
    assert_int_equal(slu_limiter_wait(limiter, cancelled, 1, SLU_SCOPE_NEVER), -ECANCELED);
    assert_int_equal(slu_limiter_wait(limiter, late, 1, SLU_SCOPE_NEVER), -ETIMEDOUT);
    assert_int_equal(left(limiter), 1);
    slu_limiter_destroy(&limiter);
    assert_int_equal(slu_scope_close(&cancelled), 0);
    assert_int_equal(slu_scope_close(&late), 0);
    slu_budget_destroy(&budget);
}

static void a_wait_lasts_until_its_turn(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_scope *scope = scope_of(budget, 0);
    for (uint32_t kind = SLU_LIMITER_BUCKET; kind <= SLU_LIMITER_LOG; kind++) {
        struct slu_limiter *limiter =
            limiter_of(budget, kind, (struct slu_limit){.count = 1, .period_ns = 2 * MS});
        uint64_t began_ns = slu_clock_monotonic_ns();
        for (int i = 0; i < 4; i++) {
            assert_int_equal(slu_limiter_wait(limiter, scope, 1, SLU_SCOPE_NEVER), 0);
        }
        /* A counter may let the first two pass within one period. */
        assert_true(slu_clock_monotonic_ns() - began_ns >= 4 * MS);
        slu_limiter_destroy(&limiter);
    }
    assert_int_equal(slu_scope_close(&scope), 0);
    slu_budget_destroy(&budget);
}

struct waiting {
    struct slu_limiter *limiter;
    struct slu_scope *scope;
    int err;
};

static void *wait_for_hours(void *argument)
{
    struct waiting *waiting = argument;
    waiting->err = slu_limiter_wait(waiting->limiter, waiting->scope, 1, SLU_SCOPE_NEVER);
    return NULL;
}

static void a_cancelled_wait_gives_back_what_it_reserved(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 16);
    struct slu_scope *scope = scope_of(budget, 0);
    struct slu_limiter *limiter = limiter_of(budget, SLU_LIMITER_BUCKET, one_an_hour);
    assert_true(slu_limiter_allow(limiter, slu_clock_monotonic_ns()));
    struct waiting waiting[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        waiting[i] = (struct waiting){limiter, scope, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_hours, &waiting[i]), 0);
    }
    /* All four have reserved once the next would have to wait for the fifth hour. */
    while (retry_ns(limiter) <= 4 * 3600 * SECOND) {
        assert_int_equal(slu_scope_sleep_until(scope, slu_clock_monotonic_ns() + MS), 0);
    }
    slu_scope_cancel(scope);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(waiting[i].err, -ECANCELED);
    }
    assert_true(retry_ns(limiter) <= 3600 * SECOND);
    slu_limiter_destroy(&limiter);
    assert_int_equal(slu_scope_close(&scope), 0);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_takes_what_is_there_at_once),
        cmocka_unit_test(a_wait_that_would_pass_a_deadline_is_refused_at_once),
        cmocka_unit_test(a_wait_on_a_scope_that_has_ended_takes_nothing),
        cmocka_unit_test(a_wait_lasts_until_its_turn),
        cmocka_unit_test(a_cancelled_wait_gives_back_what_it_reserved),
    };
    return TEST_RUN("limiter_wait", tests);
}
