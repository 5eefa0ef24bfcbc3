#include "holders/reach.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/graph.h"
#include "holders/roots.h"
#include "holders/typing.h"
#include "sys/pages.h"

static size_t sure_bytes(const struct graph *graph)
{
    return ((size_t)graph->node_count / 64 + 1) * sizeof(uint64_t);
}

static void reach_node(struct reach *reach, uint32_t node, uint32_t parent)
{
    reach->parents[node] = parent;
    reach->order[reach->count++] = node;
}

/* Returns whether edges were left out because they are not sure. */
static bool node_spread(struct reach *reach, struct typing *typing, uint32_t node, bool sure_alone)
{
    struct edge_cursor cursor;
    struct edge edge;
    bool left_out = false;
    edge_cursor_init(&cursor, reach->graph, node);
    while (edge_next(&cursor, &edge)) {
        if (reach_has(reach, edge.target)) {
            continue;
        }
        if (sure_alone && typing_judge(typing, node, &edge) >= EDGE_CONSERVATIVE) {
            left_out = true;
            continue;
        }
        reach_node(reach, edge.target, node);
    }
    return left_out;
}

static void roots_begin(struct reach *reach, const struct roots *roots, bool weak)
{
    for (uint32_t i = 0; i < roots_count(roots); i++) {
        if (root_is_weak(roots_at(roots, i)) == weak) {
            uint32_t node = reach->graph->block_count + i;
            reach_node(reach, node, node);
        }
    }
}

/* Marks of nodes whose edges were left out, by place in the order; then of nodes that are sure. */
static void search(struct reach *reach, const struct roots *roots, struct typing *typing)
{
    uint64_t *unsure = reach->sure;
    roots_begin(reach, roots, false);
    for (uint32_t i = 0; i < reach->count; i++) {
        graph_look_ahead(reach->graph, reach->order, i, reach->count, reach->parents);
        if (node_spread(reach, typing, reach->order[i], true)) {
            unsure[i / 64] |= (uint64_t)1 << i % 64;
        }
    }
    reach->sure_count = reach->count;
    uint32_t sure_count = reach->count;
    for (uint32_t i = 0; i < sure_count; i++) {
        if ((unsure[i / 64] >> i % 64 & 1) != 0) {
            (void)node_spread(reach, typing, reach->order[i], false);
        }
    }
    memset(reach->sure, 0, sure_bytes(reach->graph));
    for (uint32_t i = 0; i < sure_count; i++) {
        reach->sure[reach->order[i] / 64] |= (uint64_t)1 << reach->order[i] % 64;
    }
    roots_begin(reach, roots, true);
    for (uint32_t i = sure_count; i < reach->count; i++) {
        graph_look_ahead(reach->graph, reach->order, i, reach->count, reach->parents);
        (void)node_spread(reach, typing, reach->order[i], false);
    }
}

int reach_make(struct reach *reach, struct graph *graph, const struct roots *roots,
               struct typing *typing, struct slu_diag *diag)
{
    size_t bytes = ((size_t)graph->node_count + 1) * sizeof(uint32_t);
    void *parents = NULL;
    void *order = NULL;
    void *sure = NULL;
    int err = slu_budget_alloc(graph->budget, bytes, &parents);
    if (err == 0) {
        err = slu_budget_alloc(graph->budget, bytes, &order);
    }
    if (err == 0) {
        err = slu_budget_alloc(graph->budget, sure_bytes(graph), &sure);
    }
    if (err != 0) {
        slu_budget_free(graph->budget, order, bytes);
        slu_budget_free(graph->budget, parents, bytes);
        return diag_fail(diag, err, "no memory for the ways to %u blocks", graph->block_count);
    }
    pages_want_huge(parents, bytes);
    memset(parents, 0xff, bytes); /* GRAPH_NONE */
    *reach = (struct reach){.graph = graph, .parents = parents, .order = order, .sure = sure};
    search(reach, roots, typing);
    return 0;
}

void reach_free(struct reach *reach)
{
    if (reach->graph != NULL) {
        size_t bytes = ((size_t)reach->graph->node_count + 1) * sizeof(uint32_t);
        slu_budget_free(reach->graph->budget, reach->sure, sure_bytes(reach->graph));
        slu_budget_free(reach->graph->budget, reach->order, bytes);
        slu_budget_free(reach->graph->budget, reach->parents, bytes);
    }
    *reach = (struct reach){0};
}
