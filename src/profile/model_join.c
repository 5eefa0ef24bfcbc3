#include "profile/model_join.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"

/* Samples of one stack are a chain. */
struct joining {
    struct model *model;
    uint32_t first;  /* sample */
    uint32_t count;  /* that are kept so far */
    uint32_t *heads; /* by stack: a sample that is kept; MODEL_NONE: none yet */
    uint32_t *nexts; /* by sample, from the first */
};

static int64_t sum_of(int64_t left, int64_t right)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(left, right, &sum)) {
        return left < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

static uint32_t same_find(const struct joining *joining, const struct model_sample *sample)
{
    uint32_t at = joining->heads[sample->stack];
    while (at != MODEL_NONE) {
        const struct model_sample *other = column_at(&joining->model->samples, joining->first + at);
        if (other->labels == sample->labels) {
            break;
        }
        at = joining->nexts[at];
    }
    return at;
}

static void sample_join(struct joining *joining, uint32_t from)
{
    struct model *model = joining->model;
    struct model_sample sample = *(struct model_sample *)column_at(&model->samples, from);
    uint32_t same = same_find(joining, &sample);
    uint32_t to = joining->first + (same == MODEL_NONE ? joining->count : same);
    for (uint32_t type = 0; type < model->type_count; type++) {
        int64_t *value = column_at(&model->values[type], to);
        int64_t more = model_value(model, type, from);
        *value = same == MODEL_NONE ? more : sum_of(*value, more);
    }
    if (same == MODEL_NONE) {
        *(struct model_sample *)column_at(&model->samples, to) = sample;
        joining->nexts[joining->count] = joining->heads[sample.stack];
        joining->heads[sample.stack] = joining->count++;
    }
}

static void profiles_join(struct joining *joining, uint32_t profile)
{
    struct model *model = joining->model;
    struct model_profile *joined = column_at(&model->profiles, profile);
    for (uint32_t i = profile + 1; i < model->profiles.count; i++) {
        const struct model_profile *other = model_profile_at(model, i);
        int64_t duration_ns = sum_of(joined->duration_ns, other->duration_ns);
        uint32_t sample_first = joined->sample_first;
        if (other->time_ns >= joined->time_ns) {
            *joined = *other;
        }
        joined->duration_ns = duration_ns;
        joined->sample_first = sample_first;
    }
    joined->sample_count = joining->count;
    column_shorten(&model->profiles, profile + 1);
    column_shorten(&model->samples, joining->first + joining->count);
    for (uint32_t type = 0; type < model->type_count; type++) {
        column_shorten(&model->values[type], model->samples.count);
    }
}

int model_join(struct model *model, uint32_t first)
{
    if (first >= model->profiles.count) {
        return -EINVAL;
    }
    uint32_t sample_first = model_profile_at(model, first)->sample_first;
    size_t samples = model->samples.count - sample_first;
    size_t size_bytes = (model->stacks.count + samples + 1) * sizeof(uint32_t);
    void *memory = NULL;
    int err = slu_budget_alloc(model->budget, size_bytes, &memory);
    if (err != 0) {
        return err;
    }
    struct joining joining = {.model = model,
                              .first = sample_first,
                              .heads = memory,
                              .nexts = (uint32_t *)memory + model->stacks.count};
    memset(joining.heads, 0xff, model->stacks.count * sizeof(uint32_t));
    for (size_t i = 0; i < samples; i++) {
        sample_join(&joining, sample_first + (uint32_t)i);
    }
    profiles_join(&joining, first);
    slu_budget_free(model->budget, memory, size_bytes);
    return 0;
}
