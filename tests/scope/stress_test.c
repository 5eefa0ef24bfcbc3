/*
 * Many threads on one tree: what may happen at the same time does, and at the end everything that
 * was begun has ended exactly once.
 */
#include <sluice/scope.h>

#include <errno.h>

#include "fixture.h"
#include "scope/wait.h"
#include "sys/mutex.h"

#define ROUNDS     10
#define ACTORS     4
#define ACTS       25
#define BUDGET_MAX ((uint64_t)512 * 1024 * 1024)

struct stage {
    struct slu_scope *root;
    struct slu_scope *middle; /* shared, cancelled by anybody at some time */
    uint64_t seed;
    _Atomic uint64_t tasks_started;
    _Atomic uint64_t tasks_ran;
    _Atomic uint64_t callbacks_added;
    _Atomic uint64_t callbacks_ended; /* ran, or removed before */
    _Atomic uint32_t actor_count;
};

static void callback_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    assert_int_not_equal(slu_scope_error(scope), 0);
    atomic_fetch_add(&stage->callbacks_ended, 1);
}

static void task_run(struct slu_scope *scope, void *arg)
{
    struct stage *stage = arg;
    struct test_random random = {.state = atomic_fetch_add(&stage->tasks_ran, 1) ^ stage->seed};
    uint64_t own_ns = slu_clock_monotonic_ns() + test_random_below(&random, 300000);
    switch (test_random_below(&random, 4)) {
    case 0: {
        int err = slu_scope_sleep_until(scope, SLU_SCOPE_NEVER);
        assert_true(err == -ECANCELED || err == -ETIMEDOUT);
        break;
    }
    case 1: {
        int err = slu_scope_sleep_until(scope, own_ns);
        assert_true(err == 0 || err == -ECANCELED || err == -ETIMEDOUT);
        break;
    }
    case 2:
        slu_scope_cancel(scope);
        break;
    default:
        while (slu_scope_check(scope, slu_clock_monotonic_ns()) == 0 &&
               slu_clock_monotonic_ns() < own_ns) {
            sched_yield();
        }
    }
}

static void start_some(struct stage *stage, struct slu_scope *scope, struct test_random *random)
{
    for (uint64_t left = test_random_below(random, 3); left > 0; left--) {
        int err = slu_go(scope, "stress", task_run, stage);
        assert_true(err == 0 || err == -ECANCELED || err == -ETIMEDOUT || err == -EDQUOT);
        atomic_fetch_add(&stage->tasks_started, err == 0);
    }
}

static void add_and_remove(struct stage *stage, struct slu_scope *scope, struct test_random *random)
{
    uint64_t handles[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        int err = slu_scope_callback_add(scope, callback_run, stage, &handles[i]);
        assert_true(err == 0 || err == -ECANCELED || err == -ETIMEDOUT || err == -EDQUOT);
        atomic_fetch_add(&stage->callbacks_added, err == 0);
    }
    size_t at = test_random_below(random, 3);
    int removed = slu_scope_callback_remove(scope, handles[at]);
    atomic_fetch_add(&stage->callbacks_ended, removed == 0);
}

static struct slu_scope *try_child(struct slu_scope *parent, struct test_random *random)
{
    struct slu_scope_options options = {
        .name = "child", .callback_max = 3, .task_max = 3, .task_stack_bytes = STACK_BYTES};
    if (test_random_below(random, 2) == 0) {
        options.deadline_ns = slu_clock_monotonic_ns() + test_random_below(random, 400000);
    }
    struct slu_scope *child = NULL;
    int err = slu_scope_create(parent, &options, NULL, &child);
    assert_true(err == 0 || err == -ECANCELED || err == -ETIMEDOUT);
    return child;
}

static void act(struct stage *stage, struct test_random *random)
{
    struct slu_scope *parent = test_random_below(random, 2) == 0 ? stage->root : stage->middle;
    struct slu_scope *child = try_child(parent, random);
    if (child == NULL) {
        return;
    }
    struct slu_scope *grandchild = try_child(child, random);
    add_and_remove(stage, child, random);
    start_some(stage, child, random);
    if (grandchild != NULL) {
        add_and_remove(stage, grandchild, random);
        start_some(stage, grandchild, random);
    }
    add_and_remove(stage, stage->middle, random);
    (void)slu_scope_advance(stage->root, slu_clock_monotonic_ns());
    scope_validate(stage->root);
    if (grandchild != NULL && test_random_below(random, 2) == 0) {
        assert_int_equal(slu_scope_close(&grandchild), 0);
    }
    if (test_random_below(random, 100) == 0) {
        slu_scope_cancel(stage->middle);
    }
    if (test_random_below(random, 4) != 0) { /* else left to the root's close */
        assert_int_equal(slu_scope_close(&child), 0);
    }
}

static void actor_run(struct slu_scope *root, void *arg)
{
    struct stage *stage = arg;
    struct test_random random = {
        .state = stage->seed + 0x1000 * (uint64_t)atomic_fetch_add(&stage->actor_count, 1)};
    for (int i = 0; i < ACTS && slu_scope_error(root) == 0; i++) {
        act(stage, &random);
    }
}

static void what_began_has_ended_once_when_the_tree_is_closed(void **state)
{
    (void)state;
    size_t threads = thread_count_before();
    struct slu_budget *budget = budget_of(BUDGET_MAX);
    struct test_random random = test_random_start(77);
    for (int round = 0; round < ROUNDS; round++) {
        struct stage stage = {.seed = test_random_next(&random)};
        stage.root = scope_of(NULL, (struct slu_scope_options){.name = "root",
                                                               .budget = budget,
                                                               .task_max = ACTORS,
                                                               .task_stack_bytes = STACK_BYTES});
        stage.middle = scope_of(
            stage.root, (struct slu_scope_options){.name = "middle", .callback_max = 2 * ACTORS});
        for (int i = 0; i < ACTORS; i++) {
            assert_int_equal(slu_go(stage.root, "actor", actor_run, &stage), 0);
        }
        if (round % 2 == 0) {
            await_task_count(stage.root, 0);
        }
        assert_int_equal(slu_scope_close(&stage.root), 0);
        assert_int_equal(stage.tasks_ran, stage.tasks_started);
        assert_int_equal(stage.callbacks_ended, stage.callbacks_added);
    }
    assert_thread_count(threads);
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    assert_true(stats.high_water_bytes <= BUDGET_MAX);
    budget_end(budget);
}

/* Somewhere to wait for a present: what is given must arrive, whatever else ends the wait. */
struct counter {
    struct mutex lock;
    struct scope_waiter *waiting;
    uint64_t given;
    uint64_t received;
    uint64_t other_ends;
};

static void receive_run(struct slu_scope *scope, void *arg)
{
    struct counter *counter = arg;
    while (slu_scope_error(scope) == 0) {
        struct scope_waiter waiter = {0};
        mutex_lock(&counter->lock);
        bool alone = counter->waiting == NULL;
        if (alone) {
            counter->waiting = &waiter;
        }
        mutex_unlock(&counter->lock);
        if (!alone) {
            sched_yield();
            continue;
        }
        int err = scope_wait(scope, &waiter, slu_clock_monotonic_ns() + 20000);
        mutex_lock(&counter->lock);
        bool given = counter->waiting != &waiter;
        if (given) {
            counter->received++;
        } else {
            counter->waiting = NULL;
            counter->other_ends++;
        }
        mutex_unlock(&counter->lock);
        assert_true(given || err != 0);
    }
}

static void give_run(struct slu_scope *scope, void *arg)
{
    struct counter *counter = arg;
    while (slu_scope_error(scope) == 0) {
        mutex_lock(&counter->lock);
        if (counter->waiting != NULL) {
            struct scope_waiter *waiter = counter->waiting;
            counter->waiting = NULL;
            counter->given++;
            scope_waiter_wake(waiter);
        }
        mutex_unlock(&counter->lock);
        sched_yield();
    }
}

static void what_is_given_to_a_waiter_arrives(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_MAX);
    for (int round = 0; round < ROUNDS; round++) {
        struct counter counter = {.waiting = NULL};
        mutex_init(&counter.lock);
        struct slu_scope *root = scope_of(
            NULL,
            (struct slu_scope_options){
                .name = "root", .budget = budget, .task_max = 4, .task_stack_bytes = STACK_BYTES});
        for (int i = 0; i < 2; i++) {
            assert_int_equal(slu_go(root, "receiver", receive_run, &counter), 0);
            assert_int_equal(slu_go(root, "giver", give_run, &counter), 0);
        }
        uint64_t ends = 0;
        while (ends < 50) {
            sched_yield();
            mutex_lock(&counter.lock);
            ends = counter.received;
            mutex_unlock(&counter.lock);
        }
        assert_int_equal(slu_scope_close(&root), 0);
        assert_int_equal(counter.given, counter.received);
        mutex_deinit(&counter.lock);
    }
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_began_has_ended_once_when_the_tree_is_closed),
        cmocka_unit_test(what_is_given_to_a_waiter_arrives),
    };
    return TEST_RUN("stress", tests);
}
