/* Who calls whom: edges between entries, with the values that pass along them. */
#ifndef VIEW_GRAPH_H
#define VIEW_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "profile/key_index.h"

struct view;

struct view_edge {
    int64_t value; /* of stacks in which the caller calls the callee, each once */
    uint32_t caller;
    uint32_t callee;
    uint32_t seen;    /* the last sample that it was seen in, plus one */
    uint32_t inlined; /* 1: always */
};

struct view_graph {
    const struct view *view;
    struct column edges; /* struct view_edge */
    struct key_index index;
    uint32_t *by_callee;   /* edges, those into one entry together, the largest first */
    uint32_t *by_caller;   /* and those out of one */
    uint32_t *callee_ends; /* by entry: where its edges end in `by_callee`; they begin at the one
                              before */
    uint32_t *caller_ends;
    uint32_t entry_count;
};

/*
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW. On success view_graph_deinit follows.
 * Cost     one look-up a frame, and a sort of the edges
 */
SLU_MUST_USE int view_graph_init(struct view_graph *graph, const struct view *view, uint32_t type,
                                 uint32_t sample_first, uint32_t sample_count);
void view_graph_deinit(struct view_graph *graph);

/* The edges into, or out of, an entry: numbers for view_graph_edge. */
const uint32_t *view_graph_callers(const struct view_graph *graph, uint32_t entry, uint32_t *count);
const uint32_t *view_graph_callees(const struct view_graph *graph, uint32_t entry, uint32_t *count);

static inline const struct view_edge *view_graph_edge(const struct view_graph *graph, uint32_t edge)
{
    return column_at(&graph->edges, edge);
}

#endif
