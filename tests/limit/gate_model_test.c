/* A gate beside a limiter of its own for each key. */
#include <sluice/gate.h>

#include <string.h>

#include "fixture.h"
#include "sys/sim.h"

#define KEY_COUNT 4000

static const struct slu_gate_class classes[] = {
    {.limit = {.count = 3, .period_ns = SECOND, .burst = 2}, .keep_ns = SECOND},
    {.limit = {.count = 50, .period_ns = SECOND, .burst = 10}},
    {.limit = {.count = 1, .period_ns = 60 * SECOND, .burst = 5}, .keep_ns = 10 * SECOND},
};

#define CLASS_COUNT 3

struct run {
    struct slu_gate *gate;
    struct slu_limiter *limiters[KEY_COUNT]; /* as many accounts as keys: what a gate avoids */
    uint64_t now_ns;
    uint64_t refused_count;
};

static void run_tick(struct run *run, struct test_random *random)
{
    switch (test_random_below(random, 1000)) {
    case 0:
        run->now_ns += test_random_below(random, 100 * SECOND);
        break;
    default:
        run->now_ns += test_random_below(random, 200000);
    }
}

static uint64_t refused_of(const struct slu_gate *gate)
{
    struct slu_gate_stats stats;
    slu_gate_stats(gate, &stats);
    return stats.full_refused_count;
}

static void run_ask(struct run *run, uint64_t number, uint64_t events)
{
    uint32_t class_id = (uint32_t)(number % CLASS_COUNT);
    struct slu_gate_key key = slu_gate_key_number(run->gate, number);
    struct slu_limiter *limiter = run->limiters[number];
    struct slu_limit_state before;
    struct slu_limit_state after;
    slu_limiter_state(limiter, run->now_ns, events, &before);
    bool allowed = slu_gate_allow_n(run->gate, class_id, key, run->now_ns, events, &after);
    bool found_no_place = refused_of(run->gate) != run->refused_count;
    run->refused_count += found_no_place;
    if (found_no_place) {
        /* Only for one who owes nothing, and would have been allowed; he did not take anything. */
        assert_false(allowed);
        assert_int_equal(before.remaining, before.quota);
        assert_int_equal(before.retry_ns, 0);
        return;
    }
    assert_int_equal(slu_limiter_allow_n(limiter, run->now_ns, events), allowed);
    struct slu_limit_state expected;
    slu_limiter_state(limiter, run->now_ns, events, &expected);
    expected.retry_ns = allowed ? 0 : expected.retry_ns;
    assert_memory_equal(&after, &expected, sizeof(after));
}

static void behave_like_limiters(uint64_t keys_max, uint64_t key_count, uint64_t stream)
{
    struct slu_budget *budget = budget_of(8 << 20);
    struct test_random random = test_random_start(stream);
    static struct run run;
    memset(&run, 0, sizeof(run));
    sim_random_set(test_random_next(&random));
    run.gate = gate_of(budget, keys_max, classes, CLASS_COUNT, SLU_GATE_DENY);
    for (uint64_t i = 0; i < key_count; i++) {
        run.limiters[i] = limiter_of(budget, SLU_LIMITER_BUCKET, classes[i % CLASS_COUNT].limit);
    }
    uint64_t allocations = alloc_count();
    for (uint64_t step = 0; step < test_rounds(60000); step++) {
        run_tick(&run, &random);
        run_ask(&run, test_random_below(&random, key_count), test_random_below(&random, 4));
    }
    assert_int_equal(alloc_count(), allocations);
    assert_int_equal(run.refused_count > 0, key_count > 2 * keys_max);
    for (uint64_t i = 0; i < key_count; i++) {
        slu_limiter_destroy(&run.limiters[i]);
    }
    slu_gate_destroy(&run.gate);
    slu_budget_destroy(&budget);
}

static void a_gate_with_room_is_a_limiter_for_each_key(void **state)
{
    (void)state;
    behave_like_limiters(KEY_COUNT, KEY_COUNT, 1);
    behave_like_limiters(600, 500, 2);
}

/* Entries of all classes displace, move and keep each other all the time. */
static void a_crowded_gate_refuses_those_who_owe_nothing_and_nobody_else(void **state)
{
    (void)state;
    behave_like_limiters(600, KEY_COUNT, 3);
    behave_like_limiters(1, 2000, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gate_with_room_is_a_limiter_for_each_key),
        cmocka_unit_test(a_crowded_gate_refuses_those_who_owe_nothing_and_nobody_else),
    };
    return TEST_RUN("gate_model", tests);
}
