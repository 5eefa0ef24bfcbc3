#include "view/count.h"

#include <stdbool.h>
#include <stdlib.h>

#include <sluice/budget.h>

#include "profile/model.h"
#include "view/order.h"
#include "view/view.h"

struct counting {
    struct view_count *count;
    const struct view *view;
    const struct column *values;
    uint32_t *seen; /* by entry: the last sample that it was seen in, plus one */
};

static int stack_count(void *context, const struct view_stack *stack)
{
    const struct counting *counting = context;
    struct view_count *count = counting->count;
    int64_t value = *(const int64_t *)column_at(counting->values, stack->sample);
    uint32_t mark = stack->sample + 1;
    uint32_t parent = UINT32_MAX;
    if (value == 0 || stack->count == 0) {
        return 0;
    }
    count->kept += value;
    for (uint32_t i = stack->count; i > 0; i--) {
        uint32_t entry = VIEW_ENTRY(stack->entries[i - 1]);
        if (counting->seen[entry] != mark) {
            counting->seen[entry] = mark;
            count->values[entry].cum += value;
        }
        if (parent != UINT32_MAX && parent != entry) {
            bool is_inlined = (stack->entries[i - 1] & VIEW_INLINED) != 0;
            count->ways[entry] |= is_inlined ? VIEW_CALLED_INLINE : VIEW_CALLED;
        }
        parent = entry;
    }
    count->values[parent].flat += value;
    return 0;
}

static int64_t total_of(const struct column *values, uint32_t first, uint32_t count)
{
    int64_t total = 0;
    for (uint32_t i = first; i < first + count; i++) {
        int64_t value = *(const int64_t *)column_at(values, i);
        total += value < 0 ? -value : value;
    }
    return total;
}

int view_count_init(struct view_count *count, const struct view *view, uint32_t type,
                    uint32_t sample_first, uint32_t sample_count)
{
    struct slu_budget *budget = view->model->budget;
    uint32_t entry_count = view->entries.count;
    size_t seen_bytes = ((size_t)entry_count + 1) * sizeof(uint32_t);
    void *values = NULL;
    void *ways = NULL;
    void *seen = NULL;
    *count = (struct view_count){.budget = budget, .entry_count = entry_count};
    int err =
        slu_budget_alloc(budget, ((size_t)entry_count + 1) * sizeof(struct view_value), &values);
    count->values = values;
    if (err == 0) {
        err = slu_budget_alloc(budget, (size_t)entry_count + 1, &ways);
        count->ways = ways;
    }
    if (err == 0) {
        err = slu_budget_alloc(budget, seen_bytes, &seen);
    }
    if (err == 0) {
        struct counting counting = {count, view, &view->model->values[type], seen};
        count->total = total_of(counting.values, sample_first, sample_count);
        err = view_each(view, sample_first, sample_count, stack_count, &counting);
        slu_budget_free(budget, seen, seen_bytes);
    }
    if (err != 0) {
        view_count_deinit(count);
    }
    return err;
}

void view_count_deinit(struct view_count *count)
{
    if (count->values != NULL) {
        slu_budget_free(count->budget, count->values,
                        ((size_t)count->entry_count + 1) * sizeof(struct view_value));
    }
    if (count->ways != NULL) {
        slu_budget_free(count->budget, count->ways, (size_t)count->entry_count + 1);
    }
    *count = (struct view_count){0};
}

struct ordering {
    const struct view_count *count;
    const struct view *view;
    bool by_cum;
};

static int entry_order(const void *left, const void *right, void *context)
{
    const struct ordering *ordering = context;
    uint32_t left_entry = *(const uint32_t *)left;
    uint32_t right_entry = *(const uint32_t *)right;
    const struct view_value *left_value = &ordering->count->values[left_entry];
    const struct view_value *right_value = &ordering->count->values[right_entry];
    int flat = order_larger_first(left_value->flat, right_value->flat);
    int cum = order_larger_first(left_value->cum, right_value->cum);
    int first = ordering->by_cum ? cum : flat;
    if (first == 0) {
        first = order_labels(ordering->view, left_entry, right_entry);
    }
    if (first == 0) {
        first = ordering->by_cum ? flat : cum;
    }
    return first != 0 ? first : (left_entry > right_entry) - (left_entry < right_entry);
}

uint32_t view_count_order(const struct view_count *count, const struct view *view, bool by_cum,
                          uint32_t *order)
{
    struct ordering ordering = {count, view, by_cum};
    uint32_t len = 0;
    for (uint32_t i = 0; i < count->entry_count; i++) {
        if (count->values[i].cum != 0 || count->values[i].flat != 0) {
            order[len++] = i;
        }
    }
    qsort_r(order, len, sizeof(order[0]), entry_order, &ordering);
    return len;
}
