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

/* A store that answers what it was told to. */
struct store {
    struct slu_guard *guard;
    uint32_t await_waiting; /* before the answer, so many followers wait */
    int err;
    _Atomic uint32_t asked_count;
};

static int store_ask(void *arg, struct slu_scope *scope, struct slu_bytes key, uint64_t *value)
{
    (void)scope;
    struct store *store = arg;
    assert_int_equal(key.len, sizeof(uint64_t));
    atomic_fetch_add(&store->asked_count, 1);
    while (stats_of(store->guard).waiting_count < store->await_waiting) {
        sched_yield();
    }
    *value = 11;
    return store->err;
}

struct caller {
    struct slu_guard *guard;
    struct slu_scope *scope;
    struct store *store;
    uint64_t value;
    int err;
    pthread_t thread;
};

static void *fetch_run(void *arg)
{
    struct caller *caller = arg;
    uint64_t key = 1;
    caller->err = slu_guard_fetch(caller->guard, caller->scope, SLU_SCOPE_NEVER, key_of(&key),
                                  store_ask, caller->store, &caller->value);
    return NULL;
}

static void of_many_that_fetch_a_key_one_asks_and_all_hear(void **state)
{
    (void)state;
    static const struct {
        int told;
        int heard;
        uint64_t value;
    } cases[] = {{0, 0, 11}, {-ENOENT, -ENOENT, 99}, {-ENOMEM, -ENOMEM, 99}, {-EIO, -EIO, 99}};
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget);
    struct slu_guard_options options = options_usual();
    options.lease_ns = SLU_GUARD_LEASE_NEVER;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slu_guard *guard = guard_of(budget, options);
        struct store store = {.guard = guard, .await_waiting = THREADS - 1, .err = cases[i].told};
        struct caller callers[THREADS];
        for (size_t at = 0; at < THREADS; at++) {
            callers[at] =
                (struct caller){.guard = guard, .scope = root, .store = &store, .value = 99};
            assert_int_equal(pthread_create(&callers[at].thread, NULL, fetch_run, &callers[at]), 0);
        }
        for (size_t at = 0; at < THREADS; at++) {
            assert_int_equal(pthread_join(callers[at].thread, NULL), 0);
            assert_int_equal(callers[at].err, cases[i].heard);
            assert_int_equal(callers[at].value, cases[i].value);
        }
        assert_int_equal(store.asked_count, 1);
        guard_validate(guard);
        slu_guard_destroy(&guard);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_fetch_that_is_cancelled_lets_another_ask(void **state)
{
    (void)state;
    static const int errors[] = {-ECANCELED, -ETIMEDOUT};
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget);
    struct slu_guard_options options = options_usual();
    options.lease_ns = SLU_GUARD_LEASE_NEVER;
    for (size_t i = 0; i < 2; i++) {
        struct slu_guard *guard = guard_of(budget, options);
        struct store gone = {.guard = guard, .await_waiting = 1, .err = errors[i]};
        struct store there = {.guard = guard};
        struct caller first = {.guard = guard, .scope = root, .store = &gone};
        struct caller second = {.guard = guard, .scope = root, .store = &there};
        assert_int_equal(pthread_create(&first.thread, NULL, fetch_run, &first), 0);
        while (gone.asked_count == 0) {
            sched_yield();
        }
        assert_int_equal(pthread_create(&second.thread, NULL, fetch_run, &second), 0);
        assert_int_equal(pthread_join(first.thread, NULL), 0);
        assert_int_equal(pthread_join(second.thread, NULL), 0);
        assert_int_equal(first.err, errors[i]);
        assert_int_equal(second.err, 0);
        assert_int_equal(second.value, 11);
        assert_int_equal(there.asked_count, 1);
        slu_guard_destroy(&guard);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_full_guard_lets_fetches_ask_alone_or_turns_them_away(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget);
    struct slu_guard_options options = options_usual();
    options.flight_max = 1;
    for (int busy = 0; busy < 2; busy++) {
        options.full = busy ? SLU_GUARD_FULL_BUSY : SLU_GUARD_FULL_ALONE;
        struct slu_guard *guard = guard_of(budget, options);
        struct store store = {.guard = guard};
        struct slu_guard_ticket other;
        uint64_t key = 1;
        uint64_t value = 99;
        assert_int_equal(begin(guard, slu_clock_monotonic_ns(), 2, &other), SLU_GUARD_LEADER);
        int err = slu_guard_fetch(guard, root, 0, key_of(&key), store_ask, &store, &value);
        assert_int_equal(err, busy ? -EAGAIN : 0);
        assert_int_equal(value, busy ? 99 : 11);

        /* What a leader of its own tells as a failure, and a deadline that has passed. */
        struct slu_guard_ticket follower;
        key = 2;
        err = slu_guard_fetch(guard, root, 0, key_of(&key), store_ask, &store, &value);
        assert_int_equal(err, -ETIMEDOUT);
        assert_int_equal(begin(guard, 0, 2, &follower), SLU_GUARD_FOLLOWER);
        assert_int_equal(slu_guard_finish(guard, 0, &other, SLU_GUARD_TELL_MISSING, 0), 0);
        err = slu_guard_fetch(guard, root, 0, key_of(&key), store_ask, &store, &value);
        assert_int_equal(err, -ENOENT);
        slu_guard_destroy(&guard);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

#define WORLD_KEYS 32

/* Keys that come and go; each is written by one thread and asked for by all. */
struct world {
    struct slu_guard *guard;
    struct slu_scope *scope;
    _Atomic uint32_t present[WORLD_KEYS];
    uint64_t rounds;
};

struct walker {
    struct world *world;
    struct test_random random;
    uint64_t number;
    pthread_t thread;
};

static int world_ask(void *arg, struct slu_scope *scope, struct slu_bytes key, uint64_t *value)
{
    (void)scope;
    struct world *world = arg;
    uint64_t number = *(const uint64_t *)key.data;
    bool there = atomic_load(&world->present[number]) != 0;
    if (number % 3 == 0) {
        sched_yield(); /* so that answers are old when they are told */
    }
    *value = number;
    return there ? 0 : -ENOENT;
}

static int world_fetch(struct world *world, uint64_t key)
{
    uint64_t value = UINT64_MAX;
    int err = slu_guard_fetch(world->guard, world->scope, SLU_SCOPE_NEVER, key_of(&key), world_ask,
                              world, &value);
    assert_true(err != 0 || value == key);
    return err;
}

static void *walk(void *arg)
{
    struct walker *walker = arg;
    struct world *world = walker->world;
    for (uint64_t round = 0; round < world->rounds; round++) {
        uint64_t any = test_random_below(&walker->random, WORLD_KEYS);
        int err = world_fetch(world, any);
        assert_true(err == 0 || err == -ENOENT);
        uint64_t own = walker->number + THREADS * test_random_below(&walker->random, 4);
        if (atomic_load(&world->present[own]) != 0) {
            assert_int_equal(world_fetch(world, own), 0);
            atomic_store(&world->present[own], 0);
        } else {
            (void)world_fetch(world, own); /* mostly missing, and remembered */
            atomic_store(&world->present[own], 1);
            forget(world->guard, slu_clock_monotonic_ns(), own);
            assert_int_equal(check(world->guard, 0, own), SLU_GUARD_UNKNOWN);
            assert_int_equal(world_fetch(world, own), 0);
        }
    }
    return NULL;
}

static void live_in_the_world(struct slu_guard_options options)
{
    static struct world world;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget);
    struct slu_guard *guard = guard_of(budget, options);
    world = (struct world){.guard = guard, .scope = root, .rounds = test_rounds(2000)};
    static struct walker walkers[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
        walkers[i] = (struct walker){.world = &world, .random = test_random_start(i), .number = i};
        assert_int_equal(pthread_create(&walkers[i].thread, NULL, walk, &walkers[i]), 0);
    }
    for (uint64_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(walkers[i].thread, NULL), 0);
    }
    struct slu_guard_stats stats = stats_of(guard);
    assert_int_equal(stats.asking_count, 0);
    assert_int_equal(stats.waiting_count, 0);
    assert_int_equal(stats.takeover_count, 0);
    assert_int_equal(stats.leader_count,
                     stats.found_count + stats.missing_count + stats.failed_count);
    guard_validate(guard);
    slu_guard_destroy(&guard);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_key_that_was_written_is_found_by_all_who_begin_later(void **state)
{
    (void)state;
    struct slu_guard_options options = options_usual();
    options.lease_ns = SLU_GUARD_LEASE_NEVER;
    live_in_the_world(options);
    options.span_ns = 1000000; /* ticks pass all the time */
    options.flight_max = 3;
    live_in_the_world(options);
}

static void the_same_holds_where_the_window_refuses(void **state)
{
    (void)state;
    struct slu_guard_options options = options_usual();
    options.lease_ns = SLU_GUARD_LEASE_NEVER;
    options.missing_max = 4;
    options.window_refuses = true;
    options.window_key_max = 20000;
    options.window_rate = SLU_GUARD_RATE_MIN;
    options.exempt_max = 100;
    live_in_the_world(options);
    options.exempt_max = 2;  /* the window is emptied again and again */
    options.span_ns = 20000; /* filters take turns all the time, also while they are asked */
    live_in_the_world(options);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_many_that_fetch_a_key_one_asks_and_all_hear),
        cmocka_unit_test(a_fetch_that_is_cancelled_lets_another_ask),
        cmocka_unit_test(a_full_guard_lets_fetches_ask_alone_or_turns_them_away),
        cmocka_unit_test(a_key_that_was_written_is_found_by_all_who_begin_later),
        cmocka_unit_test(the_same_holds_where_the_window_refuses),
    };
    return TEST_RUN("fetch", tests);
}
