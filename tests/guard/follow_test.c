#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "fixture.h"

#define THREADS 8

static struct slu_scope *root_of(struct slu_budget *budget)
{
    struct slu_scope_options options = {.name = "root", .budget = budget};
    struct slu_scope *scope = NULL;
    assert_int_equal(slu_scope_create(NULL, &options, NULL, &scope), 0);
    return scope;
}

static void await_waiting(struct slu_guard *guard, uint32_t count)
{
    while (stats_of(guard).waiting_count != count) {
        sched_yield();
    }
}

/* A thread that waits with a follower's ticket. */
struct follower {
    struct slu_guard *guard;
    struct slu_scope *scope;
    uint64_t deadline_ns;
    struct slu_guard_ticket ticket;
    struct slu_guard_result result;
    int err;
    pthread_t thread;
};

static void *follow_run(void *arg)
{
    struct follower *follower = arg;
    follower->err = slu_guard_wait(follower->guard, follower->scope, follower->deadline_ns,
                                   &follower->ticket, &follower->result);
    return NULL;
}

static void follower_start(struct follower *follower, struct slu_guard *guard,
                           struct slu_scope *scope, uint64_t deadline_ns, uint64_t key)
{
    *follower = (struct follower){.guard = guard, .scope = scope, .deadline_ns = deadline_ns};
    assert_int_equal(begin(guard, slu_clock_monotonic_ns(), key, &follower->ticket),
                     SLU_GUARD_FOLLOWER);
    assert_int_equal(pthread_create(&follower->thread, NULL, follow_run, follower), 0);
}

static void follower_join(struct follower *follower)
{
    assert_int_equal(pthread_join(follower->thread, NULL), 0);
}

static void all_who_wait_get_the_answer(void **state)
{
    (void)state;
    enum {
        COUNT = 40
    }; /* more than one finish tells, so that they tell each other */
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget);
    struct slu_guard_options options = options_usual();
    options.lease_ns = SLU_GUARD_LEASE_NEVER;
    struct slu_guard *guard = guard_of(budget, options);
    struct slu_guard_ticket leader;
    assert_int_equal(begin(guard, slu_clock_monotonic_ns(), 1, &leader), SLU_GUARD_LEADER);
    static struct follower followers[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        follower_start(&followers[i], guard, root, SLU_SCOPE_NEVER, 1);
    }
    await_waiting(guard, COUNT);
    uint64_t now_ns = slu_clock_monotonic_ns();
    assert_int_equal(slu_guard_finish(guard, now_ns, &leader, SLU_GUARD_TELL_FOUND, 77), 0);
    for (size_t i = 0; i < COUNT; i++) {
        follower_join(&followers[i]);
        assert_int_equal(followers[i].err, 0);
        assert_int_equal(followers[i].result.answer, SLU_GUARD_FOUND);
        assert_int_equal(followers[i].result.value, 77);
    }
    assert_int_equal(stats_of(guard).asking_count, 0);
    guard_validate(guard);
    slu_guard_destroy(&guard);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void the_longest_waiting_takes_the_place_of_a_leader_that_gives_up(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget);
    struct slu_guard_options options = options_usual();
    options.lease_ns = SLU_GUARD_LEASE_NEVER;
    struct slu_guard *guard = guard_of(budget, options);
    struct slu_guard_ticket leader;
    assert_int_equal(begin(guard, slu_clock_monotonic_ns(), 1, &leader), SLU_GUARD_LEADER);
    struct follower first;
    struct follower second;
    follower_start(&first, guard, root, SLU_SCOPE_NEVER, 1);
    await_waiting(guard, 1);
    follower_start(&second, guard, root, SLU_SCOPE_NEVER, 1);
    await_waiting(guard, 2);
    assert_int_equal(slu_guard_finish(guard, 0, &leader, SLU_GUARD_TELL_NOTHING, 0), 0);
    follower_join(&first);
    assert_int_equal(first.err, 0);
    assert_int_equal(first.result.answer, SLU_GUARD_LEADER);
    assert_int_equal(stats_of(guard).waiting_count, 1);
    assert_int_equal(slu_guard_finish(guard, 0, &leader, SLU_GUARD_TELL_FOUND, 1), -ESTALE);
    assert_int_equal(slu_guard_finish(guard, 0, &first.ticket, SLU_GUARD_TELL_FAILED, 5), 0);
    follower_join(&second);
    assert_int_equal(second.err, 0);
    assert_int_equal(second.result.answer, SLU_GUARD_FAILED);
    assert_int_equal(second.result.value, 5);
    guard_validate(guard);
    slu_guard_destroy(&guard);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_wait_get_the_answer),
        cmocka_unit_test(the_longest_waiting_takes_the_place_of_a_leader_that_gives_up),
    };
    return TEST_RUN("follow", tests);
}
