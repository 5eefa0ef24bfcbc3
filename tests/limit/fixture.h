/* What the tests of limiters and gates share. */
#ifndef TESTS_LIMIT_FIXTURE_H
#define TESTS_LIMIT_FIXTURE_H

#include <sluice/diag.h>
#include <sluice/gate.h>
#include <sluice/limiter.h>

#include "budget.h"
#include "harness.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define DAY    (86400 * SECOND)

static inline struct slu_limiter *limiter_of(struct slu_budget *budget, enum slu_limiter_kind kind,
                                             struct slu_limit limit)
{
    struct slu_limiter_options options = {.kind = kind, .limit = limit};
    struct slu_limiter *limiter = NULL;
    struct slu_diag diag = {.message = ""};
    int err = slu_limiter_create(budget, &options, &diag, &limiter);
    if (err != 0) {
        print_message("refused: %s\n", diag.message);
    }
    assert_int_equal(err, 0);
    return limiter;
}

static inline struct slu_gate *gate_of(struct slu_budget *budget, uint64_t keys_max,
                                       const struct slu_gate_class *classes, uint32_t class_count,
                                       enum slu_gate_policy policy)
{
    struct slu_gate_options options = {
        .keys_max = keys_max, .classes = classes, .class_count = class_count, .policy = policy};
    struct slu_gate *gate = NULL;
    struct slu_diag diag = {.message = ""};
    int err = slu_gate_create(budget, &options, &diag, &gate);
    if (err != 0) {
        print_message("refused: %s\n", diag.message);
    }
    assert_int_equal(err, 0);
    return gate;
}

#endif
