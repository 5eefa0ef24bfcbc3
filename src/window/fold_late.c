#include <sluice/fold_late_block.h>

#include <errno.h>
#include <inttypes.h>

#include <sluice/error.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/golden.h"
#include "base/layout.h"

/* The layouts depend on the type of a value; this one stands for the others. */
#define SLU_LATE_NAME                  sum_late
#define SLU_LATE_VALUE                 double
#define SLU_LATE_COMBINE(older, newer) ((older) + (newer))
#define SLU_LATE_IDENTITY              0.0
#include <sluice/fold_late.h>

GOLDEN_LAYOUT(struct sum_late, 664, 4, 1, newest_ns, horizon_ns, span_ns, leaves, inners, levels,
              item_count, item_max, first, front_end, root_level, tail, middle, root_fold, books,
              front);
GOLDEN_LAYOUT(struct sum_late_leaf_node, 1016, 0, 0, end, next_free, time, value);
GOLDEN_LAYOUT(struct sum_late_inner_node, 776, 0, 0, count, level, next_free, time, fold, child,
              items);
GOLDEN_LAYOUT(struct sum_late_level, 40, 0, 0, left, right, left_own, left_total, right_own,
              right_total);
GOLDEN_LAYOUT(struct slu_late_books, 64, 4, 0, budget, size_bytes, stale_count, refused_count,
              leaf_free, inner_free, buried, leaf_fresh, inner_fresh, leaf_max, inner_max);

/*
 * Only the first and the last node of a level may hold fewer entries than slu_late_least, and every
 * inner node has two children: so many nodes there are at most when item_max items are held.
 */
static void nodes_plan(uint64_t item_max, const struct slu_late_shape *shape,
                       struct slu_late_plan *plan)
{
    uint64_t leaves = item_max / slu_late_least(shape->leaf_slots) + 2;
    uint64_t inners = 0;
    uint32_t levels = 1;
    for (uint64_t below = leaves; below > 1; levels++) {
        uint64_t by_least = below / slu_late_least(shape->inner_slots) + 2;
        below = by_least < below / 2 ? by_least : below / 2;
        inners += below;
    }
    SLU_ASSERT(levels <= SLU_LATE_LEVELS_MAX && leaves + inners < SLU_LATE_NONE);
    plan->level_max = levels;
    plan->leaf_max = (uint32_t)leaves;
    plan->inner_max = (uint32_t)inners;
}

static int block_plan(uint64_t item_max, const struct slu_late_shape *shape,
                      struct slu_late_plan *plan)
{
    struct layout layout = {0};
    nodes_plan(item_max, shape, plan);
    (void)layout_add(&layout, 1, shape->head_bytes, 64); /* at the start */
    plan->levels_at = layout_add(&layout, plan->level_max, shape->level_bytes, 64);
    plan->inners_at = layout_add(&layout, plan->inner_max, shape->inner_bytes, 64);
    plan->leaves_at = layout_add(&layout, plan->leaf_max, shape->leaf_bytes, 64);
    return layout_size(&layout, &plan->size_bytes);
}

static int options_check(const struct slu_late_options *options, struct slu_diag *diag)
{
    if (options->span_ns == 0) {
        return diag_fail(diag, -EINVAL,
                         "span_ns is 0; it must be at least 1, or UINT64_MAX to evict by hand");
    }
    if (options->item_max == 0 || options->item_max > SLU_LATE_ITEMS_MAX) {
        return diag_fail(diag, -EINVAL, "item_max is %" PRIu64 "; it must be 1 to %" PRIu32,
                         options->item_max, SLU_LATE_ITEMS_MAX);
    }
    return 0;
}

static int bytes_refuse(const struct slu_budget *budget, uint64_t item_max, size_t bytes, int err,
                        struct slu_diag *diag)
{
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    return diag_fail(diag, err,
                     "item_max %" PRIu64 " needs %zu bytes: %s (budget '%s', %" PRIu64
                     " of %" PRIu64 " in use)",
                     item_max, bytes, slu_error_text(err), slu_budget_name(budget),
                     stats.used_bytes, stats.limit_bytes);
}

int slu_late_alloc(struct slu_budget *budget, const struct slu_late_options *options,
                   const struct slu_late_shape *shape, struct slu_diag *diag,
                   struct slu_late_plan *plan, void **out)
{
    struct slu_late_plan planned;
    int err = options_check(options, diag);
    if (err != 0) {
        return err;
    }
    err = block_plan(options->item_max, shape, &planned);
    if (err != 0) {
        return diag_fail(diag, err, "item_max %" PRIu64 " passes the address space",
                         options->item_max);
    }
    err = slu_budget_alloc(budget, planned.size_bytes, out);
    if (err != 0) {
        return bytes_refuse(budget, options->item_max, planned.size_bytes, err, diag);
    }
    *plan = planned;
    return 0;
}

void slu_late_broken(void)
{
    assert_fail("the pool of a late fold holds a free node", __FILE__, __LINE__);
}
