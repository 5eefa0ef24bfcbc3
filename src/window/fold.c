#include <sluice/fold_block.h>

#include <errno.h>
#include <inttypes.h>

#include <sluice/window.h>

#include "base/diag.h"
#include "base/layout.h"
#include "window/slot.h"

static int fold_bytes(uint64_t capacity, size_t header_bytes, size_t value_bytes, size_t *bytes)
{
    struct layout layout = {0};
    (void)layout_add(&layout, 1, header_bytes, 64);           /* at the start */
    (void)layout_add(&layout, capacity + 1, value_bytes, 64); /* where SLU_FOLD_HEADER_BYTES says */
    return layout_size(&layout, bytes);
}

int slu_fold_alloc(struct slu_budget *budget, uint64_t capacity, size_t header_bytes,
                   size_t value_bytes, struct slu_diag *diag, void **out)
{
    if (capacity == 0 || capacity > SLU_FOLD_CAPACITY_MAX) {
        return diag_fail(diag, -EINVAL, "capacity is %" PRIu64 "; it must be 1 to %" PRIu32,
                         capacity, SLU_FOLD_CAPACITY_MAX);
    }
    size_t bytes = SIZE_MAX;
    int err = fold_bytes(capacity, header_bytes, value_bytes, &bytes);
    err = err != 0 ? err : slu_budget_alloc(budget, bytes, out);
    return err != 0 ? slot_refuse_bytes(budget, bytes, err, diag) : 0;
}

void slu_fold_free(struct slu_budget *budget, void *block, uint64_t capacity, size_t header_bytes,
                   size_t value_bytes)
{
    size_t bytes = 0;
    if (fold_bytes(capacity, header_bytes, value_bytes, &bytes) == 0) {
        slu_budget_free(budget, block, bytes);
    }
}

int slu_fold_slice_width(const struct slu_fold_slices_options *options, struct slu_diag *diag,
                         uint64_t *slice_ns)
{
    return slot_width(options->span_ns, options->slice_count, diag, slice_ns);
}
