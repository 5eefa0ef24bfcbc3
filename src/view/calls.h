/*
 * The tree of calls with several values at once: one for each sample type, and what else a caller
 * sums up. Where tree.h answers one question in the terminal, this is what a page needs to answer
 * many without asking again.
 */
#ifndef VIEW_CALLS_H
#define VIEW_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "view/child_table.h"

struct slu_budget;
struct view;

#define CALLS_NODES_MAX     ((uint32_t)2097152)
#define CALLS_DEPTH_MAX     ((uint32_t)65535)
#define CALLS_COLUMNS_MAX   20
#define CALLS_ADDITIONS_MAX 2
#define CALLS_PARTS         16384 /* a twelfth of a pixel of 1,280 */

struct call_node {
    uint32_t parent; /* UINT32_MAX of the root, node 0 */
    uint32_t entry;  /* of the view */
    uint32_t depth;  /* of the root, 0 */
};

struct calls {
    struct slu_budget *budget;
    const struct view *view;
    uint32_t column_count;
    struct column nodes;  /* struct call_node; parents before their children */
    struct column values; /* double[column_count], of each node's own */
    struct child_table children;
    uint64_t cut_count;    /* samples that are summed up in a caller */
    const uint32_t *below; /* what stacks have to begin with */
    uint32_t below_count;
};

/* Returns 0; -EDQUOT; -ENOMEM. On success calls_deinit follows. */
SLU_MUST_USE int calls_init(struct calls *calls, const struct view *view, uint32_t column_count);
void calls_deinit(struct calls *calls);

/*
 * Add only stacks that begin with these entries of the view, the outermost first: what one node of
 * another tree holds, judged by that. Before calls_add, and borrowed until then.
 */
void calls_below(struct calls *calls, const uint32_t *entries, uint32_t count);

/* Write a sample's values, column_count of them, all zero before. */
typedef void (*calls_values)(void *context, uint32_t sample, double *values);

/* What is added at a time: values of samples in a range. */
struct calls_addition {
    uint32_t sample_first;
    uint32_t sample_count;
    calls_values values;
    void *context;
};

/*
 * Add samples, once for a tree. A stack ends at the last caller that has a place, to which its
 * values are added, so that sums stay exact: beyond CALLS_NODES_MAX nodes and CALLS_DEPTH_MAX
 * calls, and below nodes that hold less than 1/CALLS_PARTS of each of the first `judged` columns,
 * which no picture would show.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Cost     a look-up for each entry that is followed; meanwhile 32 bytes for each sample and, where
 *          the budget has room, its values
 */
SLU_MUST_USE int calls_add(struct calls *calls, const struct calls_addition *additions,
                           size_t addition_count, uint32_t judged);

static inline const struct call_node *calls_node(const struct calls *calls, uint32_t node)
{
    return column_at(&calls->nodes, node);
}

static inline const double *calls_self(const struct calls *calls, uint32_t node)
{
    return column_at(&calls->values, node);
}

/*
 * List all nodes but the root in preorder, siblings with the larger total of a column first, then
 * by label.
 *
 * rest      the columns from `column` on to column + rest - 1: the largest of them counts
 * preorder  room for nodes.count numbers
 * Returns   0; -EDQUOT; -ENOMEM
 */
SLU_MUST_USE int calls_order(const struct calls *calls, uint32_t column, uint32_t rest,
                             uint32_t *preorder);

#endif
