#include "view/timeline.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"
#include "view/count.h"
#include "view/order.h"
#include "view/view.h"

#define SECOND_NS 1e9

struct following {
    struct timeline *timeline;
    const struct view *view;
    const struct timeline_options *options;
};

static int time_order(const void *left, const void *right, void *context)
{
    const struct model *model = context;
    uint32_t left_id = *(const uint32_t *)left;
    uint32_t right_id = *(const uint32_t *)right;
    int64_t left_ns = model_profile_at(model, left_id)->time_ns;
    int64_t right_ns = model_profile_at(model, right_id)->time_ns;
    if (left_ns != right_ns) {
        return left_ns < right_ns ? -1 : 1;
    }
    return (left_id > right_id) - (left_id < right_id);
}

static void profiles_order(struct following *following)
{
    struct timeline *timeline = following->timeline;
    struct model *model = following->view->model;
    timeline->has_times = timeline->profile_count > 1;
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        timeline->profiles[i] = i;
    }
    qsort_r(timeline->profiles, timeline->profile_count, sizeof(uint32_t), time_order, model);
    int64_t first_ns = model_profile_at(model, timeline->profiles[0])->time_ns;
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        int64_t time_ns = model_profile_at(model, timeline->profiles[i])->time_ns;
        timeline->seconds[i] = ((double)time_ns - (double)first_ns) / SECOND_NS;
        bool is_later = i == 0 || timeline->seconds[i] > timeline->seconds[i - 1];
        timeline->has_times = timeline->has_times && time_ns > 0 && is_later;
    }
    for (uint32_t i = 0; i < timeline->profile_count && !timeline->has_times; i++) {
        timeline->seconds[i] = i;
    }
}

static int profile_count(const struct following *following, uint32_t place, uint32_t type,
                         struct view_count *count)
{
    const struct model_profile *profile =
        model_profile_at(following->view->model, following->timeline->profiles[place]);
    return view_count_init(count, following->view, type, profile->sample_first,
                           profile->sample_count);
}

static int64_t value_of(const struct following *following, const struct view_count *count,
                        uint32_t entry)
{
    if (entry == MODEL_NONE) {
        return count->kept;
    }
    return following->options->by_cum ? count->values[entry].cum : count->values[entry].flat;
}

struct ranking {
    const struct view *view;
    const int64_t *changes; /* by entry: the largest less the smallest value */
};

static int change_order(const void *left, const void *right, void *context)
{
    const struct ranking *ranking = context;
    uint32_t left_entry = *(const uint32_t *)left;
    uint32_t right_entry = *(const uint32_t *)right;
    int order = order_larger_first(ranking->changes[left_entry], ranking->changes[right_entry]);
    return order != 0 ? order : order_labels(ranking->view, left_entry, right_entry);
}

/* Each entry's last value less its first; of one profile, the value. */
static int changes_count(struct following *following, int64_t *changes)
{
    struct timeline *timeline = following->timeline;
    uint32_t last = timeline->profile_count - 1;
    for (uint32_t step = 0; step < 2; step++) {
        struct view_count count;
        uint32_t place = step == 0 ? last : 0;
        if (step == 1 && last == 0) {
            break;
        }
        int err = profile_count(following, place, following->options->type, &count);
        if (err != 0) {
            return err;
        }
        for (uint32_t i = 0; i < count.entry_count; i++) {
            changes[i] +=
                step == 0 ? value_of(following, &count, i) : -value_of(following, &count, i);
        }
        view_count_deinit(&count);
    }
    return 0;
}

static int rows_choose(struct following *following)
{
    struct timeline *timeline = following->timeline;
    const struct view *view = following->view;
    uint32_t entry_count = view->entries.count;
    size_t change_bytes = ((size_t)entry_count + 1) * sizeof(int64_t);
    size_t order_bytes = ((size_t)entry_count + 1) * sizeof(uint32_t);
    void *changes = NULL;
    void *order = NULL;
    int err = slu_budget_alloc(timeline->budget, change_bytes, &changes);
    if (err != 0) {
        return err;
    }
    err = slu_budget_alloc(timeline->budget, order_bytes, &order);
    if (err == 0) {
        err = changes_count(following, changes);
        struct ranking ranking = {view, changes};
        uint32_t *entries = order;
        uint32_t count = 0;
        for (uint32_t i = 0; i < entry_count; i++) {
            entries[count] = i;
            count += ranking.changes[i] != 0;
        }
        qsort_r(entries, count, sizeof(uint32_t), change_order, &ranking);
        timeline->entries[0] = MODEL_NONE;
        timeline->row_count = 1 + (count < timeline->row_room - 1 ? count : timeline->row_room - 1);
        memcpy(timeline->entries + 1, entries, (timeline->row_count - 1) * sizeof(uint32_t));
        slu_budget_free(timeline->budget, order, order_bytes);
    }
    slu_budget_free(timeline->budget, changes, change_bytes);
    return err;
}

/* What was allocated since the profile before; a counter that fell began anew. */
static void rates_add(struct following *following, uint32_t place, const struct view_count *count,
                      int64_t *before)
{
    struct timeline *timeline = following->timeline;
    for (uint32_t row = 0; row < timeline->row_count; row++) {
        int64_t value = value_of(following, count, timeline->entries[row]);
        double delta = (double)value - (double)before[row];
        double *rate = &timeline->rates[(size_t)row * timeline->profile_count + place];
        *rate = NAN;
        if (place > 0 && timeline->has_times && delta >= 0) {
            *rate = delta / (timeline->seconds[place] - timeline->seconds[place - 1]);
        }
        before[row] = value;
    }
}

static int profile_follow(struct following *following, uint32_t place, int64_t *before)
{
    struct timeline *timeline = following->timeline;
    struct view_count count;
    int err = profile_count(following, place, following->options->type, &count);
    if (err != 0) {
        return err;
    }
    for (uint32_t row = 0; row < timeline->row_count; row++) {
        timeline->values[(size_t)row * timeline->profile_count + place] =
            value_of(following, &count, timeline->entries[row]);
    }
    view_count_deinit(&count);
    if (following->options->allocated == MODEL_NONE) {
        return 0;
    }
    err = profile_count(following, place, following->options->allocated, &count);
    if (err == 0) {
        rates_add(following, place, &count, before);
        view_count_deinit(&count);
    }
    return err;
}

static int rows_follow(struct following *following)
{
    struct timeline *timeline = following->timeline;
    size_t bytes = timeline->row_room * sizeof(int64_t);
    void *before = NULL;
    int err = slu_budget_alloc(timeline->budget, bytes, &before);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; i < (size_t)timeline->row_room * timeline->profile_count; i++) {
        timeline->rates[i] = NAN;
    }
    for (uint32_t place = 0; place < timeline->profile_count && err == 0; place++) {
        err = profile_follow(following, place, before);
    }
    slu_budget_free(timeline->budget, before, bytes);
    return err;
}

static size_t cell_count(const struct timeline *timeline)
{
    return (size_t)timeline->row_room * timeline->profile_count;
}

static int arrays_alloc(struct timeline *timeline)
{
    void *profiles = NULL;
    void *seconds = NULL;
    void *entries = NULL;
    void *values = NULL;
    void *rates = NULL;
    size_t count = timeline->profile_count;
    int err = slu_budget_alloc(timeline->budget, count * sizeof(uint32_t), &profiles);
    timeline->profiles = profiles;
    if (err == 0) {
        err = slu_budget_alloc(timeline->budget, count * sizeof(double), &seconds);
        timeline->seconds = seconds;
    }
    if (err == 0) {
        err = slu_budget_alloc(timeline->budget, timeline->row_room * sizeof(uint32_t), &entries);
        timeline->entries = entries;
    }
    if (err == 0) {
        err = slu_budget_alloc(timeline->budget, cell_count(timeline) * sizeof(int64_t), &values);
        timeline->values = values;
    }
    if (err == 0) {
        err = slu_budget_alloc(timeline->budget, cell_count(timeline) * sizeof(double), &rates);
        timeline->rates = rates;
    }
    return err;
}

int timeline_init(struct timeline *timeline, const struct view *view,
                  const struct timeline_options *options)
{
    struct following following = {timeline, view, options};
    *timeline = (struct timeline){.budget = view->model->budget,
                                  .profile_count = view->model->profiles.count,
                                  .row_room = options->row_max + 1};
    if (timeline->profile_count > TIMELINE_PROFILES_MAX) {
        return -E2BIG;
    }
    int err = arrays_alloc(timeline);
    if (err == 0) {
        profiles_order(&following);
        err = rows_choose(&following);
    }
    if (err == 0) {
        err = rows_follow(&following);
    }
    if (err != 0) {
        timeline_deinit(timeline);
    }
    return err;
}

static void array_free(struct timeline *timeline, void *array, size_t bytes)
{
    if (array != NULL) {
        slu_budget_free(timeline->budget, array, bytes);
    }
}

void timeline_deinit(struct timeline *timeline)
{
    size_t count = timeline->profile_count;
    array_free(timeline, timeline->profiles, count * sizeof(uint32_t));
    array_free(timeline, timeline->seconds, count * sizeof(double));
    array_free(timeline, timeline->entries, timeline->row_room * sizeof(uint32_t));
    array_free(timeline, timeline->values, cell_count(timeline) * sizeof(int64_t));
    array_free(timeline, timeline->rates, cell_count(timeline) * sizeof(double));
    *timeline = (struct timeline){0};
}

double timeline_growth(const struct timeline *timeline, uint32_t row)
{
    double count = timeline->profile_count;
    double mean_x = 0;
    double mean_y = 0;
    double along = 0;
    double spread = 0;
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        mean_x += timeline->seconds[i] / count;
        mean_y += (double)timeline_value(timeline, row, i) / count;
    }
    for (uint32_t i = 0; i < timeline->profile_count; i++) {
        double x = timeline->seconds[i] - mean_x;
        along += x * ((double)timeline_value(timeline, row, i) - mean_y);
        spread += x * x;
    }
    return timeline->has_times && spread > 0 ? along / spread : NAN;
}
