#include "base/ring.h"

#include <errno.h>

#include "base/diag.h"
#include "base/layout.h"

#define CAPACITY_MIN 2

int ring_options_check(const struct slu_ring_options *options, struct slu_diag *diag)
{
    if (options->capacity < CAPACITY_MIN || options->capacity > SLU_RING_CAPACITY_MAX) {
        return diag_fail(diag, -EINVAL, "capacity is %u; it must be %d to %u", options->capacity,
                         CAPACITY_MIN, SLU_RING_CAPACITY_MAX);
    }
    if (options->record_bytes == 0 || options->record_bytes > SLU_RING_RECORD_BYTES_MAX) {
        return diag_fail(diag, -EINVAL, "record_bytes is %u; it must be 1 to %u",
                         options->record_bytes, SLU_RING_RECORD_BYTES_MAX);
    }
    if (options->policy != SLU_RING_REJECT && options->policy != SLU_RING_OVERWRITE) {
        return diag_fail(diag, -EINVAL,
                         "policy is %d; it must be SLU_RING_REJECT or SLU_RING_OVERWRITE",
                         (int)options->policy);
    }
    return 0;
}

int ring_alloc(struct slu_budget *budget, const struct slu_ring_options *options, size_t ring_bytes,
               size_t stride_bytes, struct slu_diag *diag, void **out)
{
    uint32_t slot_count = (uint32_t)1 << (32 - __builtin_clz(options->capacity - 1));
    struct layout layout = {0};
    (void)layout_add(&layout, 1, ring_bytes, GOLDEN_LINE_BYTES); /* at the front */
    size_t slots_at = layout_add(&layout, slot_count, stride_bytes, GOLDEN_LINE_BYTES);
    size_t block_bytes = 0;
    void *block = NULL;
    int err = layout_alloc(&layout, budget, &block_bytes, &block);
    if (err != 0) {
        return diag_fail(diag, err, "a ring of %u records of %u bytes does not fit budget '%s'",
                         slot_count, options->record_bytes, slu_budget_name(budget));
    }
    struct ring_shape *shape = block;
    *shape = (struct ring_shape){
        .slots = (unsigned char *)block + slots_at,
        .slot_mask = slot_count - 1,
        .stride_bytes = stride_bytes,
        .record_bytes = options->record_bytes,
        .policy = options->policy,
        .budget = budget,
        .block_bytes = block_bytes,
        .clear_consumed = options->clear_consumed,
    };
    *out = block;
    return 0;
}

void ring_free(struct ring_shape *shape)
{
    slu_budget_free(shape->budget, shape, shape->block_bytes);
}
