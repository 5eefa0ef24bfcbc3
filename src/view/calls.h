/*
 * The tree of calls with several values at once: one for each sample type, and what else a caller
 * sums up. Where tree.h answers one question in the terminal, this is what a page needs to answer
 * many without asking again.
 */
#ifndef VIEW_CALLS_H
#define VIEW_CALLS_H

#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "profile/key_index.h"

struct slu_budget;
struct view;

#define CALLS_NODES_MAX   ((uint32_t)2097152)
#define CALLS_DEPTH_MAX   ((uint32_t)65535)
#define CALLS_COLUMNS_MAX 20

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
    struct key_index index;
    uint32_t *path_entries; /* of the stack before: what the next one shares is not looked up */
    uint32_t *path_nodes;
    uint32_t path_len;
    uint64_t cut_count; /* samples that are summed up in a caller, for want of room */
};

/* Returns 0; -EDQUOT; -ENOMEM. On success calls_deinit follows. */
SLU_MUST_USE int calls_init(struct calls *calls, const struct view *view, uint32_t column_count);
void calls_deinit(struct calls *calls);

/* Write a sample's values, column_count of them, all zero before. */
typedef void (*calls_values)(void *context, uint32_t sample, double *values);

/*
 * Add samples. Beyond CALLS_NODES_MAX nodes and CALLS_DEPTH_MAX calls a stack ends at the last
 * caller that has a place: sums stay exact.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW as view_each
 * Cost     a look-up for each entry that differs from the stack before
 */
SLU_MUST_USE int calls_add(struct calls *calls, uint32_t sample_first, uint32_t sample_count,
                           calls_values values, void *context);

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
