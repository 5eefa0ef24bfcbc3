#include "view/function_sums.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "profile/model.h"
#include "view/view.h"

struct summing {
    struct function_sums *sums;
    const struct calls_addition *addition;
};

int function_sums_init(struct function_sums *sums, const struct view *view, uint32_t column_count)
{
    SLU_ASSERT(column_count > 0 && column_count <= CALLS_COLUMNS_MAX);
    *sums = (struct function_sums){
        .budget = view->model->budget,
        .view = view,
        .entry_count = view->entries.count,
        .column_count = column_count,
    };
    size_t values = (size_t)sums->entry_count * column_count;
    sums->block_bytes =
        2 * values * sizeof(double) + ((size_t)sums->entry_count + 1) * sizeof(uint32_t);
    int err = slu_budget_alloc(sums->budget, sums->block_bytes, &sums->block);
    if (err == 0) {
        memset(sums->block, 0, sums->block_bytes);
        sums->self = sums->block;
        sums->total = sums->self + values;
        sums->seen = (uint32_t *)(sums->total + values);
    }
    return err;
}

void function_sums_deinit(struct function_sums *sums)
{
    slu_budget_free(sums->budget, sums->block, sums->block_bytes);
    *sums = (struct function_sums){0};
}

static void values_add(double *sum, const double *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        sum[i] += values[i];
    }
}

static int stack_add(void *context, const struct view_stack *stack)
{
    const struct summing *summing = context;
    struct function_sums *sums = summing->sums;
    uint32_t count = sums->column_count;
    double values[CALLS_COLUMNS_MAX] = {0};
    if (stack->count == 0) {
        return 0;
    }
    summing->addition->values(summing->addition->context, stack->sample, values);
    sums->stack_count++;
    for (uint32_t i = 0; i < stack->count; i++) {
        uint32_t entry = VIEW_ENTRY(stack->entries[i]);
        if (sums->seen[entry] != sums->stack_count) {
            sums->seen[entry] = sums->stack_count;
            values_add(sums->total + (size_t)entry * count, values, count);
        }
    }
    values_add(sums->self + (size_t)VIEW_ENTRY(stack->entries[0]) * count, values, count);
    return 0;
}

int function_sums_add(struct function_sums *sums, const struct calls_addition *addition)
{
    struct summing summing = {sums, addition};
    return view_each(sums->view, addition->sample_first, addition->sample_count, stack_add,
                     &summing);
}

uint32_t function_sums_entries(const struct function_sums *sums, uint32_t *entries)
{
    uint32_t found = 0;
    for (uint32_t entry = 0; entry < sums->entry_count; entry++) {
        if (sums->seen[entry] != 0) {
            entries[found++] = entry;
        }
    }
    return found;
}
