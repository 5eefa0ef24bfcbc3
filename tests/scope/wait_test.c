#include "scope/wait.h"

#include <errno.h>
#include <pthread.h>

#include "fixture.h"
#include "scope/tree.h"

static struct slu_scope *root_of(struct slu_budget *budget, uint64_t deadline_ns)
{
    return scope_of(NULL, (struct slu_scope_options){
                              .name = "root", .budget = budget, .deadline_ns = deadline_ns});
}

static void sleeping_ends_at_its_time_and_not_before(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 0);
    assert_int_equal(slu_scope_sleep_until(root, 0), 0);
    uint64_t calls = alloc_count();
    uint64_t until_ns = slu_clock_monotonic_ns() + 2000000;
    assert_int_equal(slu_scope_sleep_until(root, until_ns), 0);
    assert_true(slu_clock_monotonic_ns() >= until_ns);
    assert_int_equal(alloc_count(), calls);
    scope_validate(root);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_cancelled_scope_lets_nobody_sleep(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 0);
    slu_scope_cancel(root);
    assert_int_equal(slu_scope_sleep_until(root, SLU_SCOPE_NEVER), -ECANCELED);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_sleeper_notices_the_deadline_of_its_scope(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t until_ns = slu_clock_monotonic_ns() + 2000000;
    struct slu_scope *root = root_of(budget, 0);
    struct slu_scope *child =
        scope_of(root, (struct slu_scope_options){.name = "child", .deadline_ns = until_ns});
    assert_int_equal(slu_scope_sleep_until(child, SLU_SCOPE_NEVER), -ETIMEDOUT);
    assert_true(slu_clock_monotonic_ns() >= until_ns);
    assert_int_equal(slu_scope_reason(child), SLU_SCOPE_DEADLINE);
    assert_int_equal(slu_scope_error(root), 0);
    assert_int_equal(slu_scope_close(&child), 0);
    /* The same moment for both: the scope's deadline is the stronger news. */
    child = scope_of(root, (struct slu_scope_options){.name = "child", .deadline_ns = until_ns});
    assert_int_equal(slu_scope_sleep_until(child, until_ns), -ETIMEDOUT);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_wake_before_the_wait_is_kept_and_wins(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 0);
    struct scope_waiter woken = {0};
    scope_waiter_wake(&woken);
    assert_int_equal(scope_wait(root, &woken, 0), 0);
    struct scope_waiter timed = {0};
    assert_int_equal(scope_wait(root, &timed, 1), -ETIME);
    slu_scope_cancel(root);
    struct scope_waiter late = {0};
    scope_waiter_wake(&late);
    assert_int_equal(scope_wait(root, &late, SLU_SCOPE_NEVER), 0);
    struct scope_waiter cancelled = {0};
    assert_int_equal(scope_wait(root, &cancelled, SLU_SCOPE_NEVER), -ECANCELED);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

/* A thread that is not a task, blocked on a scope. */
struct sleeper {
    struct slu_scope *scope;
    struct scope_waiter waiter;
    uint64_t deadline_ns;
    int result;
    atomic_bool awake;
};

static void *sleep_run(void *arg)
{
    struct sleeper *sleeper = arg;
    sleeper->result = scope_wait(sleeper->scope, &sleeper->waiter, sleeper->deadline_ns);
    atomic_store(&sleeper->awake, true);
    return NULL;
}

static pthread_t sleeper_start(struct sleeper *sleeper)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, sleep_run, sleeper), 0);
    return thread;
}

static void cancelling_an_ancestor_wakes_the_sleeper(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 0);
    struct slu_scope *child = scope_of(root, (struct slu_scope_options){.name = "child"});
    struct sleeper sleepers[8];
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        sleepers[i] = (struct sleeper){.scope = child, .deadline_ns = SLU_SCOPE_NEVER};
        threads[i] = sleeper_start(&sleepers[i]);
    }
    slu_scope_cancel(root);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(sleepers[i].result, -ECANCELED);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_wake_ends_the_wait_of_one(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 0);
    struct sleeper sleepers[2];
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        sleepers[i] = (struct sleeper){.scope = root, .deadline_ns = SLU_SCOPE_NEVER};
        threads[i] = sleeper_start(&sleepers[i]);
    }
    scope_waiter_wake(&sleepers[1].waiter);
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    assert_int_equal(sleepers[1].result, 0);
    assert_false(atomic_load(&sleepers[0].awake));
    scope_validate(root);
    slu_scope_cancel(root);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(sleepers[0].result, -ECANCELED);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

/* Wait until each of them has begun to wait: only then may the scope be closed under them. */
static void await_begun(struct slu_scope *scope, struct sleeper *sleepers, size_t count)
{
    size_t begun = 0;
    while (begun < count) {
        begun = 0;
        for (size_t i = 0; i < count; i++) {
            begun += atomic_load(&sleepers[i].awake);
        }
        mutex_lock(&scope->tree->lock); /* after the flags, so that nobody is counted twice */
        for (struct scope_waiter *waiter = scope->waiters; waiter != NULL; waiter = waiter->next) {
            begun++;
        }
        mutex_unlock(&scope->tree->lock);
        sched_yield();
    }
}

static void a_close_waits_until_those_it_woke_have_left(void **state)
{
    (void)state;
    struct test_random random = test_random_start(31);
    struct slu_budget *budget = budget_of(1 << 20);
    for (int round = 0; round < 300; round++) {
        struct slu_scope *root = root_of(budget, 0);
        struct slu_scope *child = scope_of(root, (struct slu_scope_options){.name = "child"});
        struct sleeper sleepers[4];
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++) {
            /* Some give up, or are woken, at about the moment at which the close comes. */
            uint64_t own_ns = slu_clock_monotonic_ns() + test_random_below(&random, 400000);
            sleepers[i] = (struct sleeper){.scope = i < 2 ? root : child,
                                           .deadline_ns = i == 0 ? SLU_SCOPE_NEVER : own_ns};
            threads[i] = sleeper_start(&sleepers[i]);
        }
        await_begun(root, &sleepers[0], 2);
        await_begun(child, &sleepers[2], 2);
        if (round % 3 == 0) {
            scope_waiter_wake(&sleepers[0].waiter);
        }
        assert_int_equal(slu_scope_close(&root), 0);
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_true(sleepers[i].result == -ECANCELED ||
                        (i > 0 && sleepers[i].result == -ETIME) ||
                        (i == 0 && round % 3 == 0 && sleepers[i].result == 0));
        }
    }
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_ends_at_its_time_and_not_before),
        cmocka_unit_test(a_cancelled_scope_lets_nobody_sleep),
        cmocka_unit_test(a_sleeper_notices_the_deadline_of_its_scope),
        cmocka_unit_test(a_wake_before_the_wait_is_kept_and_wins),
        cmocka_unit_test(cancelling_an_ancestor_wakes_the_sleeper),
        cmocka_unit_test(a_wake_ends_the_wait_of_one),
        cmocka_unit_test(a_close_waits_until_those_it_woke_have_left),
    };
    return TEST_RUN("wait", tests);
}
