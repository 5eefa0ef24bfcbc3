/* Limiters and gates that eight threads share, by the machine's own clock and by a made one. */
#include <sluice/gate.h>

#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

#define THREAD_COUNT 8
#define KEY_COUNT    64

struct crowd {
    struct slu_gate *gate;
    struct slu_limiter *limiter;
    _Atomic uint64_t now_ns;
    _Atomic uint64_t allowed[KEY_COUNT];
    _Atomic uint64_t flood; /* the next number of a key that comes once */
    _Atomic uint64_t flood_allowed;
    uint64_t rounds;
};

static const struct slu_limit every_ms = {.count = 1000, .period_ns = SECOND, .burst = 5};

static void start_and_join(struct crowd *crowd, void *(*work)(void *))
{
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, crowd), 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void *ask_for_keys(void *argument)
{
    struct crowd *crowd = argument;
    for (uint64_t i = 0; i < crowd->rounds; i++) {
        uint64_t now_ns = atomic_fetch_add(&crowd->now_ns, 10000);
        uint64_t number = i * 7 % KEY_COUNT;
        struct slu_gate_key key = slu_gate_key_number(crowd->gate, number);
        if (slu_gate_allow(crowd->gate, 0, key, now_ns)) {
            atomic_fetch_add(&crowd->allowed[number], 1);
        }
        uint64_t stranger = KEY_COUNT + atomic_fetch_add(&crowd->flood, 1);
        struct slu_gate_key new_key = slu_gate_key_number(crowd->gate, stranger);
        if (slu_gate_allow(crowd->gate, 0, new_key, now_ns)) {
            atomic_fetch_add(&crowd->flood_allowed, 1);
        }
    }
    return NULL;
}

/* One key's share of the time: what came between its first and last call, and the burst. */
static void assert_within_limit(const struct crowd *crowd, uint64_t allowed)
{
    uint64_t span_ns = atomic_load(&crowd->now_ns);
    assert_in_range(allowed, 1, every_ms.burst + span_ns * every_ms.count / every_ms.period_ns + 1);
}

static void eight_threads_get_no_more_from_a_key_than_one(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    const struct slu_gate_class class = {.limit = every_ms, .keep_ns = 1000 * SECOND};
    static struct crowd crowd;
    crowd.rounds = test_rounds(4000);
    crowd.gate = gate_of(budget, 300, &class, 1, SLU_GATE_DENY);
    start_and_join(&crowd, ask_for_keys);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        assert_within_limit(&crowd, crowd.allowed[i]);
    }
    struct slu_gate_stats stats;
    slu_gate_stats(crowd.gate, &stats);
    assert_true(stats.full_refused_count + crowd.flood_allowed >= crowd.flood);
    slu_gate_destroy(&crowd.gate);
    slu_budget_destroy(&budget);
}

/* All at the same moment: exactly a burst for each key, and a place is never taken twice. */
static void *ask_at_one_moment(void *argument)
{
    struct crowd *crowd = argument;
    for (uint64_t i = 0; i < crowd->rounds; i++) {
        uint64_t number = i % KEY_COUNT;
        struct slu_gate_key key = slu_gate_key_number(crowd->gate, number);
        if (slu_gate_allow(crowd->gate, 0, key, SECOND)) {
            atomic_fetch_add(&crowd->allowed[number], 1);
        }
    }
    return NULL;
}

static void a_moment_has_exactly_one_burst_for_all_threads(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    const struct slu_gate_class class = {.limit = every_ms};
    for (uint64_t round = 0; round < test_rounds(20); round++) {
        struct crowd crowd = {.rounds = 5 * KEY_COUNT};
        crowd.gate = gate_of(budget, 100, &class, 1, SLU_GATE_DENY);
        start_and_join(&crowd, ask_at_one_moment);
        for (size_t i = 0; i < KEY_COUNT; i++) {
            assert_int_equal(crowd.allowed[i], every_ms.burst);
        }
        slu_gate_destroy(&crowd.gate);
    }
    slu_budget_destroy(&budget);
}

static void *use_a_limiter(void *argument)
{
    struct crowd *crowd = argument;
    struct slu_limit_state seen;
    for (uint64_t i = 0; i < crowd->rounds; i++) {
        uint64_t now_ns = atomic_fetch_add(&crowd->now_ns, 10000);
        struct slu_reservation reservation = {.events = 0};
        if (slu_limiter_allow(crowd->limiter, now_ns)) {
            atomic_fetch_add(&crowd->allowed[0], 1);
        }
        if (slu_limiter_reserve(crowd->limiter, now_ns, 2, 10 * MS, &reservation) == 0 &&
            slu_limiter_cancel(crowd->limiter, now_ns, &reservation) != 0) {
            atomic_fetch_add(&crowd->allowed[0], 2);
        }
        slu_limiter_state(crowd->limiter, now_ns, 1, &seen);
        if (i % 64 == 0) {
            assert_int_equal(slu_limiter_set(crowd->limiter, now_ns, &every_ms, NULL), 0);
        }
    }
    return NULL;
}

static void eight_threads_get_no_more_from_a_limiter_than_one(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct crowd crowd = {.rounds = test_rounds(4000)};
    crowd.limiter = limiter_of(budget, SLU_LIMITER_BUCKET, every_ms);
    start_and_join(&crowd, use_a_limiter);
    assert_within_limit(&crowd, crowd.allowed[0]);
    slu_limiter_destroy(&crowd.limiter);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_threads_get_no_more_from_a_key_than_one),
        cmocka_unit_test(a_moment_has_exactly_one_burst_for_all_threads),
        cmocka_unit_test(eight_threads_get_no_more_from_a_limiter_than_one),
    };
    return TEST_RUN("limit_threads", tests);
}
