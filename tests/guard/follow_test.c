#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <sluice/clock.h>
#include <sluice/scope.h>

#include "fixture.h"
#include "scope/tree.h"

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
    atomic_bool done;
    pthread_t thread;
};

static void *follow_run(void *arg)
{
    struct follower *follower = arg;
    follower->err = slu_guard_wait(follower->guard, follower->scope, follower->deadline_ns,
                                   &follower->ticket, &follower->result);
    atomic_store(&follower->done, true);
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

/* A guard whose key 1 is being asked for by the caller. */
struct asked {
    struct slu_budget *budget;
    struct slu_scope *root;
    struct slu_guard *guard;
    struct slu_guard_ticket leader;
};

static struct asked asked_make(uint64_t lease_ns, uint32_t waiter_max)
{
    struct asked asked = {.budget = budget_of(1 << 20)};
    struct slu_guard_options options = options_usual();
    options.lease_ns = lease_ns;
    options.waiter_max = waiter_max;
    asked.root = root_of(asked.budget);
    asked.guard = guard_of(asked.budget, options);
    assert_int_equal(begin(asked.guard, slu_clock_monotonic_ns(), 1, &asked.leader),
                     SLU_GUARD_LEADER);
    return asked;
}

static void asked_end(struct asked *asked)
{
    guard_validate(asked->guard);
    slu_guard_destroy(&asked->guard);
    assert_int_equal(slu_scope_close(&asked->root), 0);
    budget_end(asked->budget);
}

static void a_wait_ends_at_its_deadline_and_with_its_scope(void **state)
{
    (void)state;
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, 8);
    struct slu_guard_ticket ticket;
    struct slu_guard_result result = {.value = 9};
    uint64_t now_ns = slu_clock_monotonic_ns();
    assert_int_equal(begin(asked.guard, now_ns, 1, &ticket), SLU_GUARD_FOLLOWER);
    uint64_t allocations = alloc_count();
    assert_int_equal(slu_guard_wait(asked.guard, asked.root, now_ns, &ticket, &result), -ETIMEDOUT);
    assert_int_equal(slu_guard_wait(asked.guard, asked.root, now_ns + 2000000, &ticket, &result),
                     -ETIMEDOUT);
    assert_true(slu_clock_monotonic_ns() >= now_ns + 2000000);
    assert_int_equal(alloc_count(), allocations);

    struct slu_scope_options options = {.name = "late", .deadline_ns = now_ns + 4000000};
    struct slu_scope *late = NULL;
    assert_int_equal(slu_scope_create(asked.root, &options, NULL, &late), 0);
    assert_int_equal(slu_guard_wait(asked.guard, late, SLU_SCOPE_NEVER, &ticket, &result),
                     -ETIMEDOUT);
    slu_scope_cancel(asked.root);
    assert_int_equal(slu_guard_wait(asked.guard, asked.root, SLU_SCOPE_NEVER, &ticket, &result),
                     -ECANCELED);
    assert_int_equal(result.value, 9);
    assert_false(ticket.leads);
    assert_int_equal(stats_of(asked.guard).waiting_count, 0);
    asked_end(&asked);
}

static void cancelling_a_scope_wakes_its_waiters_and_no_others(void **state)
{
    (void)state;
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, 8);
    struct slu_scope_options options = {.name = "child"};
    struct slu_scope *child = NULL;
    assert_int_equal(slu_scope_create(asked.root, &options, NULL, &child), 0);
    struct follower cancelled;
    struct follower patient;
    follower_start(&cancelled, asked.guard, child, SLU_SCOPE_NEVER, 1);
    follower_start(&patient, asked.guard, asked.root, SLU_SCOPE_NEVER, 1);
    await_waiting(asked.guard, 2);
    slu_scope_cancel(child);
    follower_join(&cancelled);
    assert_int_equal(cancelled.err, -ECANCELED);
    assert_int_equal(stats_of(asked.guard).waiting_count, 1);
    assert_int_equal(slu_guard_finish(asked.guard, 0, &asked.leader, SLU_GUARD_TELL_FOUND, 3), 0);
    follower_join(&patient);
    assert_int_equal(patient.err, 0);
    assert_int_equal(patient.result.value, 3);
    asked_end(&asked);
}

static void waiters_beyond_the_bound_are_refused_and_counted(void **state)
{
    (void)state;
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, 2);
    struct follower followers[2];
    struct slu_guard_ticket ticket;
    struct slu_guard_result result;
    for (uint32_t i = 0; i < 2; i++) {
        follower_start(&followers[i], asked.guard, asked.root, SLU_SCOPE_NEVER, 1);
    }
    await_waiting(asked.guard, 2);
    assert_int_equal(begin(asked.guard, 0, 1, &ticket), SLU_GUARD_FOLLOWER);
    assert_int_equal(slu_guard_wait(asked.guard, asked.root, SLU_SCOPE_NEVER, &ticket, &result),
                     -EAGAIN);
    assert_int_equal(stats_of(asked.guard).waiter_refused_count, 1);
    assert_int_equal(slu_guard_finish(asked.guard, 0, &asked.leader, SLU_GUARD_TELL_FOUND, 3), 0);
    for (uint32_t i = 0; i < 2; i++) {
        follower_join(&followers[i]);
    }
    assert_int_equal(slu_guard_wait(asked.guard, asked.root, 0, &ticket, &result), 0);
    asked_end(&asked);
}

static void one_of_those_who_wait_takes_over_when_the_lease_is_over(void **state)
{
    (void)state;
    struct asked asked = asked_make(3000000, 8);
    uint64_t begun_ns = slu_clock_monotonic_ns();
    struct slu_guard_ticket ticket;
    struct slu_guard_result result;
    assert_int_equal(begin(asked.guard, begun_ns, 1, &ticket), SLU_GUARD_FOLLOWER);
    assert_int_equal(slu_guard_wait(asked.guard, asked.root, SLU_SCOPE_NEVER, &ticket, &result), 0);
    assert_int_equal(result.answer, SLU_GUARD_LEADER);
    assert_true(ticket.leads);
    assert_int_equal(stats_of(asked.guard).takeover_count, 1);
    assert_int_equal(slu_guard_finish(asked.guard, 0, &asked.leader, SLU_GUARD_TELL_MISSING, 0),
                     -ESTALE);
    assert_int_equal(slu_guard_finish(asked.guard, 0, &ticket, SLU_GUARD_TELL_MISSING, 0), 0);
    assert_int_equal(check(asked.guard, 0, 1), SLU_GUARD_MISSING);
    asked_end(&asked);
}

/* The scope's callback is all that a leader needs who cannot look at its scope while it asks. */
struct turn {
    struct slu_guard *guard;
    struct slu_guard_ticket ticket;
};

static void turn_give_up(struct slu_scope *scope, void *arg)
{
    (void)scope;
    struct turn *turn = arg;
    int err = slu_guard_finish(turn->guard, slu_clock_monotonic_ns(), &turn->ticket,
                               SLU_GUARD_TELL_NOTHING, 0);
    assert_int_equal(err, 0);
}

static void the_scope_of_a_leader_can_end_its_turn(void **state)
{
    (void)state;
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, 8);
    struct slu_scope_options options = {.name = "leader", .callback_max = 1};
    struct slu_scope *scope = NULL;
    uint64_t handle = 0;
    assert_int_equal(slu_scope_create(asked.root, &options, NULL, &scope), 0);
    struct turn turn = {asked.guard, asked.leader};
    assert_int_equal(slu_scope_callback_add(scope, turn_give_up, &turn, &handle), 0);
    struct follower follower;
    follower_start(&follower, asked.guard, asked.root, SLU_SCOPE_NEVER, 1);
    await_waiting(asked.guard, 1);
    slu_scope_cancel(scope);
    follower_join(&follower);
    assert_int_equal(follower.err, 0);
    assert_int_equal(follower.result.answer, SLU_GUARD_LEADER);
    assert_int_equal(slu_guard_finish(asked.guard, 0, &asked.leader, SLU_GUARD_TELL_FOUND, 0),
                     -ESTALE);
    asked_end(&asked);
}

static bool somebody_blocks(struct slu_scope *scope)
{
    mutex_lock(&scope->tree->lock);
    bool blocks = scope->waiters != NULL;
    mutex_unlock(&scope->tree->lock);
    return blocks;
}

/*
 * Let the turn come to a follower between the end of its wait and its look at the flight, which the
 * guard's lock keeps it from. Returns false if it was too late for that.
 */
static bool turn_comes_too_late(struct asked *asked, struct follower *follower)
{
    while (!somebody_blocks(asked->root) && !atomic_load(&follower->done)) {
        sched_yield();
    }
    mutex_lock(&asked->guard->lock);
    bool in_time = asked->guard->flights.waiting_count == 1 && somebody_blocks(asked->root);
    while (in_time && somebody_blocks(asked->root)) {
        sched_yield();
    }
    if (in_time) {
        struct flight *flight = flights_led(&asked->guard->flights, &asked->leader);
        assert_non_null(flight);
        flight_abandon(&asked->guard->flights, flight, asked->guard->latest_ns);
    }
    mutex_unlock(&asked->guard->lock);
    follower_join(follower);
    return in_time;
}

static void a_turn_that_comes_too_late_is_passed_on(void **state)
{
    (void)state;
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, 8);
    struct follower follower;
    uint64_t patience_ns = 1000000;
    bool came = false;
    while (!came) {
        patience_ns *= 2;
        follower_start(&follower, asked.guard, asked.root, slu_clock_monotonic_ns() + patience_ns,
                       1);
        came = turn_comes_too_late(&asked, &follower);
        assert_int_equal(follower.err, -ETIMEDOUT);
        assert_false(follower.ticket.leads);
    }
    struct slu_guard_ticket next;
    assert_int_equal(begin(asked.guard, slu_clock_monotonic_ns(), 1, &next), SLU_GUARD_LEADER);
    assert_int_equal(slu_guard_finish(asked.guard, 0, &next, SLU_GUARD_TELL_FOUND, 0), 0);
    asked_end(&asked);
}

/* The ninth of those who wait, whose scope is cancelled while the first eight are being told. */
static void late_follower_hears(void)
{
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, FLIGHT_TOLD_MAX + 1);
    struct slu_scope_options options = {.name = "late"};
    struct slu_scope *scope = NULL;
    struct follower followers[FLIGHT_TOLD_MAX + 1];
    struct follower *late = &followers[FLIGHT_TOLD_MAX];
    assert_int_equal(slu_scope_create(asked.root, &options, NULL, &scope), 0);
    for (uint32_t i = 0; i < FLIGHT_TOLD_MAX; i++) {
        follower_start(&followers[i], asked.guard, asked.root, SLU_SCOPE_NEVER, 1);
    }
    await_waiting(asked.guard, FLIGHT_TOLD_MAX);
    follower_start(late, asked.guard, scope, SLU_SCOPE_NEVER, 1);
    while (!somebody_blocks(scope)) {
        sched_yield();
    }
    mutex_lock(&asked.guard->lock);
    slu_scope_cancel(scope);
    struct flight *flight = flights_led(&asked.guard->flights, &asked.leader);
    struct slu_guard_result found = {.answer = SLU_GUARD_FOUND, .value = 5};
    flight_answer(&asked.guard->flights, flight, found);
    assert_int_equal(flight->state, FLIGHT_TELLING);
    mutex_unlock(&asked.guard->lock);
    for (uint32_t i = 0; i <= FLIGHT_TOLD_MAX; i++) {
        follower_join(&followers[i]);
        assert_int_equal(followers[i].err, 0);
        assert_int_equal(followers[i].result.value, 5);
    }
    asked_end(&asked);
}

static void an_answer_that_is_there_is_not_lost_to_a_cancellation(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) { /* in some, it is the first to look */
        late_follower_hears();
    }
}

/*
 * Leaders give up while followers are cancelled or run out of time: whoever the turn comes to, it
 * is lost by none. In the end one leads, or nobody is left and the next to begin does.
 */
static void a_turn_is_never_lost(void **state)
{
    (void)state;
    enum {
        FOLLOWERS = 3
    };
    struct test_random random = test_random_start(3);
    struct asked asked = asked_make(SLU_GUARD_LEASE_NEVER, FOLLOWERS);
    uint64_t rounds = test_rounds(300);
    for (uint64_t round = 0; round < rounds; round++) {
        struct slu_scope_options options = {.name = "round"};
        struct slu_scope *scope = NULL;
        struct follower followers[FOLLOWERS];
        assert_int_equal(slu_scope_create(asked.root, &options, NULL, &scope), 0);
        for (size_t i = 0; i < FOLLOWERS; i++) {
            uint64_t deadline_ns = slu_clock_monotonic_ns() + test_random_below(&random, 200000);
            follower_start(&followers[i], asked.guard, scope,
                           i == 0 ? SLU_SCOPE_NEVER : deadline_ns, 1);
        }
        for (uint64_t spin = test_random_below(&random, 3000); spin > 0; spin--) {
            sched_yield();
        }
        assert_int_equal(slu_guard_finish(asked.guard, 0, &asked.leader, SLU_GUARD_TELL_NOTHING, 0),
                         0);
        slu_scope_cancel(scope);
        size_t leaders = 0;
        for (size_t i = 0; i < FOLLOWERS; i++) {
            follower_join(&followers[i]);
            bool leads = followers[i].err == 0;
            assert_true(leads || followers[i].err == -ECANCELED || followers[i].err == -ETIMEDOUT ||
                        followers[i].err == -ESTALE);
            leaders += leads;
            asked.leader = leads ? followers[i].ticket : asked.leader;
        }
        assert_in_range(leaders, 0, 1);
        struct slu_guard_ticket next;
        assert_int_equal(begin(asked.guard, slu_clock_monotonic_ns(), 1, &next),
                         leaders == 1 ? SLU_GUARD_FOLLOWER : SLU_GUARD_LEADER);
        asked.leader = leaders == 1 ? asked.leader : next;
        assert_int_equal(slu_scope_close(&scope), 0);
        guard_validate(asked.guard);
    }
    assert_int_equal(slu_guard_finish(asked.guard, 0, &asked.leader, SLU_GUARD_TELL_FOUND, 0), 0);
    asked_end(&asked);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_wait_get_the_answer),
        cmocka_unit_test(the_longest_waiting_takes_the_place_of_a_leader_that_gives_up),
        cmocka_unit_test(a_wait_ends_at_its_deadline_and_with_its_scope),
        cmocka_unit_test(cancelling_a_scope_wakes_its_waiters_and_no_others),
        cmocka_unit_test(waiters_beyond_the_bound_are_refused_and_counted),
        cmocka_unit_test(one_of_those_who_wait_takes_over_when_the_lease_is_over),
        cmocka_unit_test(the_scope_of_a_leader_can_end_its_turn),
        cmocka_unit_test(a_turn_that_comes_too_late_is_passed_on),
        cmocka_unit_test(an_answer_that_is_there_is_not_lost_to_a_cancellation),
        cmocka_unit_test(a_turn_is_never_lost),
    };
    return TEST_RUN("follow", tests);
}
