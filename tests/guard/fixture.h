/* What the guard's tests share: guards made with one call, and keys that are numbers. */
#ifndef TESTS_GUARD_FIXTURE_H
#define TESTS_GUARD_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/guard.h>

#include "budget.h"
#include "guard/guard.h"
#include "harness.h"

#define SECOND UINT64_C(1000000000)

/* Charged for nothing but itself, or the test has a leak. */
static inline void budget_end(struct slu_budget *budget)
{
    struct slu_budget *fresh = budget_of(1 << 20);
    assert_int_equal(budget_used(budget), budget_used(fresh));
    slu_budget_destroy(&fresh);
    slu_budget_destroy(&budget);
}

static inline struct slu_guard_options options_usual(void)
{
    return (struct slu_guard_options){
        .seed = test_seed(),
        .span_ns = 64 * SECOND,
        .lease_ns = 5 * SECOND,
        .missing_max = 1000,
        .flight_max = 16,
        .waiter_max = 64,
    };
}

static inline struct slu_guard *guard_of(struct slu_budget *budget,
                                         struct slu_guard_options options)
{
    struct slu_guard *guard = NULL;
    struct slu_diag diag = {.message = ""};
    int err = slu_guard_create(budget, &options, &diag, &guard);
    if (err != 0) {
        print_message("refused: %s\n", diag.message);
    }
    assert_int_equal(err, 0);
    return guard;
}

static inline struct slu_bytes key_of(const uint64_t *number)
{
    return (struct slu_bytes){number, sizeof(*number)};
}

static inline enum slu_guard_answer begin(struct slu_guard *guard, uint64_t now_ns, uint64_t key,
                                          struct slu_guard_ticket *ticket)
{
    return slu_guard_begin(guard, now_ns, key_of(&key), ticket);
}

static inline enum slu_guard_answer check(struct slu_guard *guard, uint64_t now_ns, uint64_t key)
{
    return slu_guard_check(guard, now_ns, key_of(&key));
}

static inline void forget(struct slu_guard *guard, uint64_t now_ns, uint64_t key)
{
    slu_guard_forget(guard, now_ns, key_of(&key));
}

/* Lead the asking for a key that is not remembered, and tell its end. */
static inline void tell(struct slu_guard *guard, uint64_t now_ns, uint64_t key,
                        enum slu_guard_outcome outcome)
{
    struct slu_guard_ticket ticket;
    assert_int_equal(begin(guard, now_ns, key, &ticket), SLU_GUARD_LEADER);
    assert_int_equal(slu_guard_finish(guard, now_ns, &ticket, outcome, 0), 0);
}

static inline struct slu_guard_stats stats_of(struct slu_guard *guard)
{
    struct slu_guard_stats stats;
    slu_guard_stats(guard, &stats);
    return stats;
}

#endif
