/* What must hold of any bytes that are read as a profile, whatever their format. */
#ifndef TESTS_PROFILE_JUDGE_H
#define TESTS_PROFILE_JUDGE_H

#include <stdbool.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/diag.h>

#include "base/assert.h"
#include "profile/model_validate.h"
#include "view/count.h"
#include "view/tree.h"
#include "view/view.h"

#include "read_profile.h"

#define MEMORY_BYTES ((uint64_t)64 << 20)

/* Values are added modulo 2^64 by whoever sums up a hostile profile: here only small ones count. */
static inline bool values_are_small(const struct model *model, uint32_t type)
{
    for (uint32_t i = 0; i < model->samples.count; i++) {
        int64_t value = model_value(model, type, i);
        if (value > INT64_MAX >> 24 || value < -(INT64_MAX >> 24)) {
            return false;
        }
    }
    return true;
}

static inline void view_judge(struct model *model, enum view_level level)
{
    struct view *view = NULL;
    struct view_count count;
    struct view_tree tree;
    const struct view_options options = {.level = level};
    const struct view_tree_options whole = {0};
    uint32_t samples = model->samples.count;
    int64_t flat = 0;
    if (view_create(model, &options, NULL, &view) != 0) {
        return; /* out of its budget */
    }
    if (values_are_small(model, 0) && view_count_init(&count, view, 0, 0, samples) == 0) {
        for (uint32_t i = 0; i < count.entry_count; i++) {
            flat += count.values[i].flat;
        }
        SLU_ASSERT(flat == count.kept);
        if (view_tree_init(&tree, view, 0, 0, samples, &whole) == 0) {
            SLU_ASSERT(view_tree_at(&tree, VIEW_TREE_ROOT)->total == count.kept);
            view_tree_deinit(&tree);
        }
        view_count_deinit(&count);
    }
    view_destroy(&view);
}

/* Read it whole and in small pieces: the answer is the same. */
static inline void profile_judge(const void *bytes, size_t len)
{
    struct slu_budget *budget = NULL;
    struct model *model = NULL;
    struct slu_diag diag = {0};
    SLU_ASSERT(slu_budget_create(NULL, "fuzz", MEMORY_BYTES, &budget) == 0);
    SLU_ASSERT(model_create(budget, &model) == 0);
    int err = read_profile(model, bytes, len, 0, &diag);
    if (err == 0) {
        model_validate(model);
        view_judge(model, VIEW_FUNCTIONS);
        view_judge(model, VIEW_ADDRESSES);
    } else {
        SLU_ASSERT(strncmp(diag.message, "p: ", 3) == 0);
    }
    uint32_t samples = model->samples.count;
    model_destroy(&model);
    SLU_ASSERT(model_create(budget, &model) == 0);
    int again = read_profile(model, bytes, len, 7, &diag);
    SLU_ASSERT(again == err && (err != 0 || model->samples.count == samples));
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

#endif
