/*
 * Property: whatever is inserted, evicted and asked, a late fold answers as a sorted array that is
 * folded anew each time, its tree is sound (looked at after every operation while the window is
 * small, else after every eighth), and it holds item_max items.
 *
 * Input: two bytes for item_max and the span, then two bytes an operation, the kind in the low
 * three bits of the first and the time relative to what is in the window in the rest.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "late_model.h"

#define SLU_LATE_NAME                  small_late
#define SLU_LATE_VALUE                 struct affine
#define SLU_LATE_COMBINE(older, newer) affine_combine(older, newer)
#define SLU_LATE_IDENTITY              AFFINE_IDENTITY
#define SLU_LATE_EQUAL(left, right)    affine_equal(left, right)
#define SLU_LATE_LEAF_SLOTS            5
#define SLU_LATE_INNER_SLOTS           5
#include <sluice/fold_late.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim) {
        abort();
    }
}

static void compare(const struct small_late *late, const struct late_model *model, uint64_t from_ns,
                    uint64_t to_ns)
{
    must(small_late_check(late) == NULL);
    must(small_late_count(late) == model->count);
    must(affine_equal(small_late_query(late), model_query(model)));
    must(affine_equal(small_late_query_range(late, from_ns, to_ns),
                      model_query_range(model, from_ns, to_ns)));
}

/* The time that an operation is about. */
static uint64_t operation_time(const struct late_model *model, unsigned kind, uint64_t number)
{
    uint64_t oldest = model->count == 0 ? model->horizon_ns : model->times[0];
    switch (kind) {
    case 0:
    case 1:
        return model->newest_ns + number % 8;
    case 2:
        return model->newest_ns - number;
    case 3:
        return oldest - number % 4;
    case 4:
    case 5:
        return model->count == 0 ? number : model->times[number % model->count] + (number >> 12);
    default:
        return oldest + number % 64;
    }
}

static void operate(struct small_late *late, struct late_model *model, unsigned kind,
                    uint64_t number, bool look)
{
    uint64_t time_ns = operation_time(model, kind, number);
    if (kind < 6) {
        struct affine value = {(uint32_t)number | 1, (uint32_t)time_ns + model->count};
        must(small_late_insert(late, time_ns, value) == model_insert(model, time_ns, value));
    } else if (kind == 6) {
        small_late_evict_before(late, time_ns);
        model_evict_before(model, time_ns);
    } else if (number % 64 == 0) {
        small_late_clear(late);
        model_init(model, model->span_ns, model->item_max);
    }
    if (look || model->count < 40) {
        compare(late, model, time_ns - number % 512, time_ns + number / 64);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct late_model model;
    if (size < 2) {
        return 0;
    }
    struct slu_late_options options = {.span_ns = data[1] == 0 ? UINT64_MAX : data[1] * 16u,
                                       .item_max = 1u + data[0] * 2u};
    struct slu_budget *budget = NULL;
    struct small_late *late = NULL;
    must(slu_budget_create(NULL, "fuzz", 1 << 20, &budget) == 0);
    must(small_late_create(budget, &options, NULL, &late) == 0);
    model_init(&model, options.span_ns, (uint32_t)options.item_max);
    for (size_t at = 2; at + 1 < size; at += 2) {
        operate(late, &model, data[at] & 7u, (uint64_t)(data[at] >> 3) << 8 | data[at + 1],
                at % 16 == 0);
    }
    small_late_destroy(&late);
    slu_budget_destroy(&budget);
    return 0;
}
