#include "view/diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"
#include "view/order.h"
#include "view/view.h"

#define NAME_BYTES 64

/* "inuse_space" for "inuse_objects" and the other way round. */
static uint32_t partner_of(const struct model *model, uint32_t type, bool *is_space)
{
    struct slu_bytes name = model_text(model, model->types[type].type);
    static const char *const endings[] = {"space", "objects"};
    char partner[NAME_BYTES];
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(endings[i]);
        if (name.len < len || name.len + 3 > sizeof(partner) ||
            memcmp((const char *)name.data + name.len - len, endings[i], len) != 0) {
            continue;
        }
        *is_space = i == 0;
        memcpy(partner, name.data, name.len - len);
        memcpy(partner + name.len - len, endings[1 - i], strlen(endings[1 - i]) + 1);
        return model_type_find(model, partner);
    }
    return MODEL_NONE;
}

struct view_sampling view_sampling_of(const struct model *model, uint32_t type)
{
    struct view_sampling sampling = {0};
    uint32_t partner = partner_of(model, type, &sampling.of_bytes);
    sampling.period = (double)model_profile_at(model, 0)->period;
    sampling.is_known = partner != MODEL_NONE && sampling.period > 1;
    if (sampling.is_known) {
        sampling.bytes = &model->values[sampling.of_bytes ? type : partner];
        sampling.objects = &model->values[sampling.of_bytes ? partner : type];
    }
    return sampling;
}

double view_variance_of(const struct view_sampling *sampling, uint32_t sample)
{
    double objects = fabs((double)*(const int64_t *)column_at(sampling->objects, sample));
    double bytes = fabs((double)*(const int64_t *)column_at(sampling->bytes, sample));
    if (objects <= 0 || bytes <= 0) {
        return 0;
    }
    double size = bytes / objects;
    double missed = exp(-size / sampling->period); /* 1 - p */
    double variance = objects * missed / (1 - missed);
    return sampling->of_bytes ? variance * size * size : variance;
}

struct judging {
    struct view_diff *diff;
    struct view_sampling sampling;
    uint32_t *seen; /* by entry: the last sample that it was seen in, plus one */
};

/* Until all is summed up, variances stand in the places of errors. */
static int stack_judge(void *context, const struct view_stack *stack)
{
    const struct judging *judging = context;
    double variance = view_variance_of(&judging->sampling, stack->sample);
    for (uint32_t i = 0; i < stack->count; i++) {
        uint32_t entry = VIEW_ENTRY(stack->entries[i]);
        struct view_change *change = &judging->diff->changes[entry];
        if (judging->seen[entry] != stack->sample + 1) {
            judging->seen[entry] = stack->sample + 1;
            change->cum_error += variance;
        }
        change->flat_error += i == 0 ? variance : 0;
    }
    judging->diff->total_error += variance;
    return 0;
}

static int errors_compute(struct view_diff *diff, const struct view *view, uint32_t type,
                          struct view_range base, struct view_range now)
{
    struct judging judging = {.diff = diff, .sampling = view_sampling_of(view->model, type)};
    size_t bytes = ((size_t)diff->entry_count + 1) * sizeof(uint32_t);
    void *block = NULL;
    diff->is_sampled = judging.sampling.is_known;
    if (!diff->is_sampled) {
        return 0;
    }
    int err = slu_budget_alloc(diff->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    judging.seen = block;
    err = view_each(view, base.first, base.count, stack_judge, &judging);
    if (err == 0) {
        err = view_each(view, now.first, now.count, stack_judge, &judging);
    }
    for (uint32_t i = 0; i < diff->entry_count; i++) {
        diff->changes[i].flat_error = sqrt(diff->changes[i].flat_error);
        diff->changes[i].cum_error = sqrt(diff->changes[i].cum_error);
    }
    diff->total_error = sqrt(diff->total_error);
    slu_budget_free(diff->budget, block, bytes);
    return err;
}

static int values_count(struct view_diff *diff, const struct view *view, uint32_t type,
                        struct view_range range, bool is_base)
{
    struct view_count count;
    int err = view_count_init(&count, view, type, range.first, range.count);
    if (err != 0) {
        return err;
    }
    for (uint32_t i = 0; i < diff->entry_count; i++) {
        *(is_base ? &diff->changes[i].base : &diff->changes[i].now) = count.values[i];
    }
    *(is_base ? &diff->base_total : &diff->now_total) = count.kept;
    view_count_deinit(&count);
    return 0;
}

int64_t view_change_delta(const struct view_diff *diff, const struct view_change *change)
{
    return diff->by_cum ? change->now.cum - change->base.cum : change->now.flat - change->base.flat;
}

double view_change_error(const struct view_diff *diff, const struct view_change *change)
{
    return diff->by_cum ? change->cum_error : change->flat_error;
}

static int probability_order(const void *left, const void *right, void *context)
{
    const struct view_change *changes = context;
    double left_value = changes[*(const uint32_t *)left].probability;
    double right_value = changes[*(const uint32_t *)right].probability;
    return (left_value > right_value) - (left_value < right_value);
}

/* From the least probable on, each is held against what is left, until one could be noise. */
static int changes_judge(struct view_diff *diff)
{
    size_t bytes = ((size_t)diff->entry_count + 1) * sizeof(uint32_t);
    uint32_t count = 0;
    void *block = NULL;
    int err = slu_budget_alloc(diff->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    uint32_t *order = block;
    for (uint32_t i = 0; i < diff->entry_count; i++) {
        struct view_change *change = &diff->changes[i];
        double delta = fabs((double)view_change_delta(diff, change));
        double error = view_change_error(diff, change);
        change->probability = 1;
        if (delta > 0) {
            change->probability = error > 0 ? erfc(delta / error / sqrt(2)) : 0;
            order[count++] = i;
        }
    }
    qsort_r(order, count, sizeof(order[0]), probability_order, diff->changes);
    for (uint32_t i = 0; i < count; i++) {
        struct view_change *change = &diff->changes[order[i]];
        if (change->probability * (count - i) > 1 - VIEW_DIFF_LEVEL) {
            break;
        }
        change->is_significant = true;
    }
    slu_budget_free(diff->budget, block, bytes);
    return 0;
}

int view_diff_init(struct view_diff *diff, const struct view *view, uint32_t type,
                   struct view_range base, struct view_range now, bool by_cum)
{
    uint32_t entry_count = view->entries.count;
    void *block = NULL;
    *diff = (struct view_diff){
        .budget = view->model->budget, .entry_count = entry_count, .by_cum = by_cum};
    int err = slu_budget_alloc(diff->budget, ((size_t)entry_count + 1) * sizeof(struct view_change),
                               &block);
    if (err != 0) {
        return err;
    }
    diff->changes = block;
    err = values_count(diff, view, type, base, true);
    if (err == 0) {
        err = values_count(diff, view, type, now, false);
    }
    if (err == 0) {
        err = errors_compute(diff, view, type, base, now);
    }
    if (err == 0) {
        err = changes_judge(diff);
    }
    if (err != 0) {
        view_diff_deinit(diff);
    }
    return err;
}

void view_diff_deinit(struct view_diff *diff)
{
    if (diff->changes != NULL) {
        slu_budget_free(diff->budget, diff->changes,
                        ((size_t)diff->entry_count + 1) * sizeof(struct view_change));
    }
    *diff = (struct view_diff){0};
}

struct ordering {
    const struct view_diff *diff;
    const struct view *view;
};

static int change_order(const void *left, const void *right, void *context)
{
    const struct ordering *ordering = context;
    uint32_t left_entry = *(const uint32_t *)left;
    uint32_t right_entry = *(const uint32_t *)right;
    int order = order_larger_first(
        view_change_delta(ordering->diff, &ordering->diff->changes[left_entry]),
        view_change_delta(ordering->diff, &ordering->diff->changes[right_entry]));
    return order != 0 ? order : order_labels(ordering->view, left_entry, right_entry);
}

uint32_t view_diff_order(const struct view_diff *diff, const struct view *view, uint32_t *order)
{
    struct ordering ordering = {diff, view};
    uint32_t count = 0;
    for (uint32_t i = 0; i < diff->entry_count; i++) {
        if (view_change_delta(diff, &diff->changes[i]) != 0) {
            order[count++] = i;
        }
    }
    qsort_r(order, count, sizeof(order[0]), change_order, &ordering);
    return count;
}
