/*
 * A gate under attack: hostile keys that never come twice, many times as many as it holds, beside
 * clients that are in debt and hammer on, and honest ones that stay below their limit.
 */
#include <sluice/gate.h>

#include "fixture.h"

#define CLIENT_COUNT   1000
#define DEBTOR_NUMBER  (UINT64_C(1) << 40)
#define HONEST_NUMBER  (UINT64_C(1) << 41)
#define HOSTILE_PER_MS 1000

/* Ten a second, twenty at once. */
static struct slu_gate_class client_class = {
    .limit = {.count = 10, .period_ns = SECOND, .burst = 20}, .keep_ns = 5 * SECOND};

struct attack {
    struct slu_gate *gate;
    struct slu_limiter *debtors[CLIENT_COUNT]; /* what each may have, exactly */
    uint64_t debtor_allowed;
    uint64_t honest_asked;
    uint64_t honest_allowed;
    uint64_t hostile_asked;
    uint64_t hostile_allowed;
};

static void attack_begin(struct attack *attack, struct slu_budget *budget)
{
    attack->gate = gate_of(budget, 10 * CLIENT_COUNT, &client_class, 1, SLU_GATE_DENY);
    for (uint64_t i = 0; i < CLIENT_COUNT; i++) {
        attack->debtors[i] = limiter_of(budget, SLU_LIMITER_BUCKET, client_class.limit);
        struct slu_gate_key debtor = slu_gate_key_number(attack->gate, DEBTOR_NUMBER + i);
        struct slu_gate_key honest = slu_gate_key_number(attack->gate, HONEST_NUMBER + i);
        assert_true(slu_gate_allow_n(attack->gate, 0, debtor, 0, 20, NULL));
        assert_true(slu_limiter_allow_n(attack->debtors[i], 0, 20));
        assert_true(slu_gate_allow(attack->gate, 0, honest, 0));
        assert_true(slu_gate_allow(attack->gate, 0, honest, 0));
    }
}

/* One millisecond: each debtor asks twenty times a second, each honest client five times. */
static void attack_tick(struct attack *attack, struct test_random *random, uint64_t now_ns)
{
    uint64_t tick = now_ns / MS;
    for (uint64_t i = tick % 50; i < CLIENT_COUNT; i += 50) {
        struct slu_gate_key key = slu_gate_key_number(attack->gate, DEBTOR_NUMBER + i);
        bool allowed = slu_gate_allow(attack->gate, 0, key, now_ns);
        assert_int_equal(allowed, slu_limiter_allow(attack->debtors[i], now_ns));
        attack->debtor_allowed += allowed;
    }
    for (uint64_t i = tick % 200; i < CLIENT_COUNT; i += 200) {
        struct slu_gate_key key = slu_gate_key_number(attack->gate, HONEST_NUMBER + i);
        attack->honest_allowed += slu_gate_allow(attack->gate, 0, key, now_ns);
        attack->honest_asked++;
    }
    for (uint64_t i = 0; i < HOSTILE_PER_MS; i++) {
        uint64_t at_ns = now_ns + test_random_below(random, MS);
        struct slu_gate_key key = slu_gate_key_number(attack->gate, attack->hostile_asked++);
        attack->hostile_allowed += slu_gate_allow(attack->gate, 0, key, at_ns);
    }
}

static void an_attack_lets_no_debtor_off_and_displaces_no_regular(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(2 << 20);
    struct test_random random = test_random_start(1);
    static struct attack attack;
    attack_begin(&attack, budget);
    uint64_t used = budget_used(budget);
    uint64_t allocations = alloc_count();
    uint64_t ticks = test_rounds(1000); /* ten times as many are the 10 million of make test-long */
    for (uint64_t tick = 1; tick <= ticks; tick++) {
        attack_tick(&attack, &random, tick * MS);
    }
    struct slu_gate_stats stats;
    slu_gate_stats(attack.gate, &stats);
    print_message(
        "%llu hostile keys: %llu found a place, %llu refused; %llu of %llu honest\n",
        (unsigned long long)attack.hostile_asked, (unsigned long long)attack.hostile_allowed,
        (unsigned long long)stats.full_refused_count, (unsigned long long)attack.honest_allowed,
        (unsigned long long)attack.honest_asked);
    assert_int_equal(attack.honest_allowed, attack.honest_asked);
    assert_int_equal(stats.full_refused_count, attack.hostile_asked - attack.hostile_allowed);
    assert_true(stats.full_refused_count > attack.hostile_asked / 2);
    assert_int_equal(budget_used(budget), used);
    assert_int_equal(alloc_count(), allocations);
    for (uint64_t i = 0; i < CLIENT_COUNT; i++) {
        slu_limiter_destroy(&attack.debtors[i]);
    }
    slu_gate_destroy(&attack.gate);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attack_lets_no_debtor_off_and_displaces_no_regular),
    };
    return TEST_RUN("gate_attack", tests);
}
