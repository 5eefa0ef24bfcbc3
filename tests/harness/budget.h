/* Budgets in tests: made with one assertion, asked with one call. */
#ifndef TESTS_BUDGET_H
#define TESTS_BUDGET_H

#include <sluice/budget.h>

#include "harness.h"

static inline struct slu_budget *budget_of(uint64_t limit_bytes)
{
    struct slu_budget *budget = NULL;
    assert_int_equal(slu_budget_create(NULL, "test", limit_bytes, &budget), 0);
    return budget;
}

static inline uint64_t budget_used(const struct slu_budget *budget)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return stats.used_bytes;
}

#endif
