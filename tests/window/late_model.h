/*
 * What the tests and the fuzz target of the late fold share: an operation that is neither
 * commutative nor invertible, and the naive window, a sorted array that is folded anew each time.
 */
#ifndef TESTS_WINDOW_LATE_MODEL_H
#define TESTS_WINDOW_LATE_MODEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The map x -> scale * x + shift modulo 2^32; older maps are applied first. */
struct affine {
    uint32_t scale;
    uint32_t shift;
};

#define AFFINE_IDENTITY ((struct affine){1, 0})

static uint64_t affine_combines; /* how often affine_combine was called */

static inline struct affine affine_combine(struct affine older, struct affine newer)
{
    affine_combines++;
    return (struct affine){older.scale * newer.scale, older.shift * newer.scale + newer.shift};
}

static inline bool affine_equal(struct affine left, struct affine right)
{
    return left.scale == right.scale && left.shift == right.shift;
}

#define MODEL_ITEMS_MAX 4096

struct late_model {
    uint64_t span_ns;
    uint64_t newest_ns;
    uint64_t horizon_ns;
    uint64_t stale_count;
    uint64_t refused_count;
    uint32_t item_max;
    uint32_t count;
    uint64_t times[MODEL_ITEMS_MAX];
    struct affine values[MODEL_ITEMS_MAX];
};

static inline void model_init(struct late_model *model, uint64_t span_ns, uint32_t item_max)
{
    memset(model, 0, sizeof(*model));
    model->span_ns = span_ns;
    model->item_max = item_max;
}

static inline void model_evict_before(struct late_model *model, uint64_t time_ns)
{
    uint32_t older = 0;
    while (older < model->count && model->times[older] < time_ns) {
        older++;
    }
    model->count -= older;
    memmove(model->times, &model->times[older], model->count * sizeof(model->times[0]));
    memmove(model->values, &model->values[older], model->count * sizeof(model->values[0]));
    model->horizon_ns = time_ns > model->horizon_ns ? time_ns : model->horizon_ns;
}

static inline int model_insert(struct late_model *model, uint64_t time_ns, struct affine value)
{
    if (time_ns < model->horizon_ns) {
        model->stale_count++;
        return -ESTALE;
    }
    uint64_t newest_ns = time_ns > model->newest_ns ? time_ns : model->newest_ns;
    uint64_t horizon_ns = newest_ns > model->span_ns ? newest_ns - model->span_ns : 0;
    if (model->count == model->item_max && model->times[0] >= horizon_ns) {
        model->refused_count++;
        return -EDQUOT;
    }
    model->newest_ns = newest_ns;
    model_evict_before(model, horizon_ns);
    uint32_t at = model->count++;
    for (; at > 0 && model->times[at - 1] > time_ns; at--) {
        model->times[at] = model->times[at - 1];
        model->values[at] = model->values[at - 1];
    }
    model->times[at] = time_ns;
    model->values[at] = value;
    return 0;
}

static inline struct affine model_query_range(const struct late_model *model, uint64_t from_ns,
                                              uint64_t to_ns)
{
    struct affine all = AFFINE_IDENTITY;
    for (uint32_t i = 0; i < model->count; i++) {
        if (model->times[i] >= from_ns && model->times[i] < to_ns) {
            all = affine_combine(all, model->values[i]);
        }
    }
    return all;
}

static inline struct affine model_query(const struct late_model *model)
{
    struct affine all = AFFINE_IDENTITY;
    for (uint32_t i = 0; i < model->count; i++) {
        all = affine_combine(all, model->values[i]);
    }
    return all;
}

#endif
