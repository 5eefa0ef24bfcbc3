#include <sluice/scope.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fixture.h"

#define BUDGET_BYTES ((uint64_t)256 * 1024 * 1024)

static struct slu_scope *root_of(struct slu_budget *budget, uint32_t task_max)
{
    return scope_of(NULL, (struct slu_scope_options){.name = "root",
                                                     .budget = budget,
                                                     .callback_max = 4,
                                                     .task_max = task_max,
                                                     .task_stack_bytes = STACK_BYTES});
}

static struct slu_scope_stats stats_of(struct slu_scope *scope)
{
    struct slu_scope_stats stats;
    slu_scope_stats(scope, &stats);
    return stats;
}

static void sleep_until_cancelled(struct slu_scope *scope, void *arg)
{
    (void)arg;
    assert_int_equal(slu_scope_sleep_until(scope, SLU_SCOPE_NEVER), -ECANCELED);
}

struct visit {
    struct slu_scope *scope;
    char name[16];
    struct latch done;
};

static void visit_run(struct slu_scope *scope, void *arg)
{
    struct visit *visit = arg;
    visit->scope = scope;
    (void)pthread_getname_np(pthread_self(), visit->name, sizeof(visit->name));
    latch_open(&visit->done);
}

static void a_task_gets_its_scope_argument_and_name(void **state)
{
    (void)state;
    size_t threads = thread_count_before();
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 2);
    struct visit named = {.scope = NULL};
    struct visit unnamed = {.scope = NULL};
    assert_int_equal(slu_go(root, "a-task-with-a-long-name", visit_run, &named), 0);
    assert_int_equal(slu_go(root, NULL, visit_run, &unnamed), 0);
    assert_int_equal(slu_go(root, "x", NULL, NULL), -EINVAL);
    latch_await(&named.done, 1);
    latch_await(&unnamed.done, 1);
    assert_ptr_equal(named.scope, root);
    assert_string_equal(named.name, "a-task-with-a-l");
    assert_string_equal(unnamed.name, "root");
    assert_int_equal(slu_scope_close(&root), 0);
    assert_thread_count(threads);
    budget_end(budget);
}

static void a_running_task_is_charged_what_it_reserves(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 3);
    uint64_t used = budget_used(budget);
    size_t each = slu_task_reserved_bytes(STACK_BYTES);
    assert_true(each > STACK_BYTES && each < STACK_BYTES + (1 << 20));
    uint64_t calls = alloc_count();
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), 0);
        assert_int_equal(budget_used(budget), used + i * each);
        assert_int_equal(stats_of(root).task_count, i);
    }
    assert_int_equal(alloc_count(), calls + 3 * 2); /* a mapping and a thread each, nothing else */
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(alloc_count(), calls + 3 * 2);
    budget_end(budget);
}

static void one_more_than_task_max_is_refused_and_counted(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 2);
    struct slu_scope *none = scope_of(root, (struct slu_scope_options){.name = "none"});
    assert_int_equal(slu_go(none, NULL, sleep_until_cancelled, NULL), -EDQUOT);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), 0);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), 0);
    uint64_t used = budget_used(budget);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), -EDQUOT);
    assert_int_equal(budget_used(budget), used);
    assert_int_equal(stats_of(root).task_refused_count, 1);
    assert_int_equal(stats_of(root).task_high, 2);
    scope_validate(root);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_stack_that_the_budget_does_not_hold_is_refused_and_counted(void **state)
{
    (void)state;
    size_t each = slu_task_reserved_bytes(STACK_BYTES);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 4);
    slu_budget_set_limit(budget, budget_used(budget) + 2 * each + each - 1);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), 0);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), 0);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), -EDQUOT);
    assert_int_equal(stats_of(root).task_count, 2);
    assert_int_equal(stats_of(root).task_refused_count, 1);
    scope_validate(root);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_thread_that_cannot_start_leaves_nothing_charged(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 1);
    uint64_t used = budget_used(budget);
    int64_t live = alloc_live_count();
    static const int errors[] = {-ENOMEM, -EAGAIN}; /* no mapping, no thread */
    for (uint64_t nth = 1; nth <= 2; nth++) {
        alloc_fault_at(nth);
        assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), errors[nth - 1]);
        assert_true(alloc_fault_hit());
        assert_int_equal(budget_used(budget), used);
        assert_int_equal(alloc_live_count(), live);
        assert_int_equal(stats_of(root).task_count, 0);
        scope_validate(root);
    }
    alloc_fault_at(3);
    assert_int_equal(slu_go(root, NULL, sleep_until_cancelled, NULL), 0);
    assert_false(alloc_fault_hit());
    alloc_fault_at(0);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void count_up(struct slu_scope *scope, void *arg)
{
    (void)scope;
    atomic_fetch_add((_Atomic uint32_t *)arg, 1);
}

static void slots_and_stacks_are_used_again(void **state)
{
    (void)state;
    size_t threads = thread_count_before();
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 1);
    uint64_t used = budget_used(budget);
    size_t each = slu_task_reserved_bytes(STACK_BYTES);
    slu_budget_set_limit(budget, used + each); /* room for one task and not for its memory */
    _Atomic uint32_t ran = 0;
    for (uint32_t i = 1; i <= 200; i++) {
        assert_int_equal(slu_go(root, NULL, count_up, &ran), 0);
        await_task_count(root, 0);
        assert_int_equal(ran, i);
        assert_true(budget_used(budget) <= used + each);
    }
    assert_int_equal(stats_of(root).task_high, 1);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_thread_count(threads);
    budget_end(budget);
}

static void of_many_that_ended_one_keeps_its_stack_at_most(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 50);
    uint64_t used = budget_used(budget);
    _Atomic uint32_t ran = 0;
    for (int i = 0; i < 50; i++) {
        int err = slu_go(root, NULL, count_up, &ran);
        assert_int_equal(err, 0);
    }
    await_task_count(root, 0);
    /* The chain of joins is still being worked off by the threads that ended. */
    while (budget_used(budget) > used + slu_task_reserved_bytes(STACK_BYTES)) {
        sched_yield();
    }
    assert_int_equal(ran, 50);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_cancelled_scope_starts_no_task(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 1);
    _Atomic uint32_t ran = 0;
    slu_scope_cancel(root);
    assert_int_equal(slu_go(root, NULL, count_up, &ran), -ECANCELED);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(ran, 0);
    budget_end(budget);
}

/* A task that uses scopes from within. */
struct insider {
    struct slu_scope *outer;
    int close_own;
    int close_outer;
    int sleep;
    struct latch done;
};

static void use_from_within(struct slu_scope *scope, void *arg)
{
    struct insider *insider = arg;
    struct slu_scope *own = scope;
    insider->close_own = slu_scope_close(&own);
    insider->close_outer = slu_scope_close(&insider->outer);
    assert_int_equal(slu_scope_error(scope), 0); /* nothing has changed */
    slu_scope_cancel(scope);
    insider->sleep = slu_scope_sleep_until(scope, SLU_SCOPE_NEVER);
    latch_open(&insider->done);
}

static void a_task_may_cancel_its_scope_but_not_close_it(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct slu_scope *root = root_of(budget, 1);
    struct slu_scope *child =
        scope_of(root, (struct slu_scope_options){
                           .name = "child", .task_max = 1, .task_stack_bytes = STACK_BYTES});
    struct insider insider = {.outer = root};
    assert_int_equal(slu_go(child, NULL, use_from_within, &insider), 0);
    latch_await(&insider.done, 1);
    assert_int_equal(insider.close_own, -EDEADLK);
    assert_int_equal(insider.close_outer, -EDEADLK);
    assert_ptr_equal(insider.outer, root);
    assert_int_equal(insider.sleep, -ECANCELED);
    assert_int_equal(slu_scope_reason(child), SLU_SCOPE_CANCELLED);
    assert_int_equal(slu_scope_error(root), 0);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

/* A connection: its task owns a scope below the server's, and closes it itself. */
static void serve_connection(struct slu_scope *server, void *arg)
{
    struct latch *open = arg;
    struct slu_scope *connection =
        scope_of(server, (struct slu_scope_options){
                             .name = "connection", .task_max = 1, .task_stack_bytes = STACK_BYTES});
    assert_int_equal(slu_go(connection, "reader", sleep_until_cancelled, NULL), 0);
    latch_open(open);
    assert_int_equal(slu_scope_sleep_until(connection, SLU_SCOPE_NEVER), -ECANCELED);
    assert_int_equal(slu_scope_close(&connection), 0);
}

static void tasks_close_scopes_of_their_own_while_the_parent_is_closed(void **state)
{
    (void)state;
    size_t threads = thread_count_before();
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    for (int round = 0; round < 20; round++) {
        struct slu_scope *server = root_of(budget, 8);
        struct latch open = {0};
        for (int i = 0; i < 8; i++) {
            assert_int_equal(slu_go(server, "connection", serve_connection, &open), 0);
        }
        latch_await(&open, 8);
        scope_validate(server);
        assert_int_equal(slu_scope_close(&server), 0);
    }
    assert_thread_count(threads);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_gets_its_scope_argument_and_name),
        cmocka_unit_test(a_running_task_is_charged_what_it_reserves),
        cmocka_unit_test(one_more_than_task_max_is_refused_and_counted),
        cmocka_unit_test(a_stack_that_the_budget_does_not_hold_is_refused_and_counted),
        cmocka_unit_test(a_thread_that_cannot_start_leaves_nothing_charged),
        cmocka_unit_test(slots_and_stacks_are_used_again),
        cmocka_unit_test(of_many_that_ended_one_keeps_its_stack_at_most),
        cmocka_unit_test(a_cancelled_scope_starts_no_task),
        cmocka_unit_test(a_task_may_cancel_its_scope_but_not_close_it),
        cmocka_unit_test(tasks_close_scopes_of_their_own_while_the_parent_is_closed),
    };
    return TEST_RUN("task", tests);
}
