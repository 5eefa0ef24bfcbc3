#include "view/graph.h"

#include <errno.h>
#include <stdlib.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "profile/model.h"
#include "view/order.h"
#include "view/view.h"

#define HASH_SEED   UINT64_C(0x6e9) /* probes are bounded */
#define EDGES_SHIFT 10

struct drawing {
    struct view_graph *graph;
    const struct column *values;
};

struct edge_search {
    const struct column *edges;
    uint32_t caller;
    uint32_t callee;
};

static bool edge_is(const void *context, uint32_t index)
{
    const struct edge_search *search = context;
    const struct view_edge *edge = column_at(search->edges, index);
    return edge->caller == search->caller && edge->callee == search->callee;
}

static int edge_find(struct view_graph *graph, uint32_t caller, uint32_t callee, bool inlined,
                     struct view_edge **found)
{
    struct edge_search search = {&graph->edges, caller, callee};
    uint64_t key = (uint64_t)caller << 32 | callee;
    uint64_t hash = hash_bytes((struct slu_bytes){&key, sizeof(key)}, HASH_SEED);
    uint32_t index = hash_map_find(&graph->index.map, hash, edge_is, &search);
    if (index == HASH_MAP_NONE) {
        struct view_edge edge = {.caller = caller, .callee = callee, .inlined = inlined};
        int err = column_add(&graph->edges, &edge, &index);
        if (err == 0) {
            err = key_index_add(&graph->index, hash, index);
        }
        if (err != 0) {
            return err;
        }
    }
    *found = column_at(&graph->edges, index);
    return 0;
}

static int stack_add(void *context, const struct view_stack *stack)
{
    const struct drawing *drawing = context;
    int64_t value = *(const int64_t *)column_at(drawing->values, stack->sample);
    for (uint32_t i = stack->count; i > 1 && value != 0; i--) {
        uint32_t caller = VIEW_ENTRY(stack->entries[i - 1]);
        uint32_t callee = VIEW_ENTRY(stack->entries[i - 2]);
        bool inlined = (stack->entries[i - 2] & VIEW_INLINED) != 0;
        struct view_edge *edge = NULL;
        if (caller == callee) {
            continue;
        }
        int err = edge_find(drawing->graph, caller, callee, inlined, &edge);
        if (err != 0) {
            return err;
        }
        if (edge->seen != stack->sample + 1) {
            edge->seen = stack->sample + 1;
            edge->value += value;
            edge->inlined = edge->inlined && inlined;
        }
    }
    return 0;
}

struct ordering {
    const struct view_graph *graph;
    bool by_callee;
};

static int edge_order(const void *left, const void *right, void *context)
{
    const struct ordering *ordering = context;
    const struct view_edge *left_edge = view_graph_edge(ordering->graph, *(const uint32_t *)left);
    const struct view_edge *right_edge = view_graph_edge(ordering->graph, *(const uint32_t *)right);
    const struct view *view = ordering->graph->view;
    uint32_t left_own = ordering->by_callee ? left_edge->callee : left_edge->caller;
    uint32_t right_own = ordering->by_callee ? right_edge->callee : right_edge->caller;
    uint32_t left_other = ordering->by_callee ? left_edge->caller : left_edge->callee;
    uint32_t right_other = ordering->by_callee ? right_edge->caller : right_edge->callee;
    if (left_own != right_own) {
        return left_own < right_own ? -1 : 1;
    }
    int order = order_larger_first(left_edge->value, right_edge->value);
    return order != 0 ? order : order_labels(view, left_other, right_other);
}

static void edges_order(struct view_graph *graph, bool by_callee, uint32_t *order, uint32_t *ends)
{
    struct ordering ordering = {graph, by_callee};
    for (uint32_t i = 0; i < graph->edges.count; i++) {
        const struct view_edge *edge = view_graph_edge(graph, i);
        order[i] = i;
        ends[by_callee ? edge->callee : edge->caller]++;
    }
    for (uint32_t i = 1; i < graph->entry_count; i++) {
        ends[i] += ends[i - 1];
    }
    qsort_r(order, graph->edges.count, sizeof(order[0]), edge_order, &ordering);
}

static int array_alloc(struct view_graph *graph, uint32_t count, uint32_t **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(graph->view->model->budget, ((size_t)count + 1) * sizeof(uint32_t),
                               &block);
    *out = block;
    return err;
}

static void array_free(struct view_graph *graph, uint32_t *array, uint32_t count)
{
    if (array != NULL) {
        slu_budget_free(graph->view->model->budget, array, ((size_t)count + 1) * sizeof(uint32_t));
    }
}

static int lists_make(struct view_graph *graph)
{
    int err = array_alloc(graph, graph->edges.count, &graph->by_callee);
    if (err == 0) {
        err = array_alloc(graph, graph->edges.count, &graph->by_caller);
    }
    if (err == 0) {
        err = array_alloc(graph, graph->entry_count, &graph->callee_ends);
    }
    if (err == 0) {
        err = array_alloc(graph, graph->entry_count, &graph->caller_ends);
    }
    if (err == 0) {
        edges_order(graph, true, graph->by_callee, graph->callee_ends);
        edges_order(graph, false, graph->by_caller, graph->caller_ends);
    }
    return err;
}

int view_graph_init(struct view_graph *graph, const struct view *view, uint32_t type,
                    uint32_t sample_first, uint32_t sample_count)
{
    struct drawing drawing = {graph, &view->model->values[type]};
    *graph = (struct view_graph){.view = view, .entry_count = view->entries.count};
    column_init(&graph->edges, view->model->budget, sizeof(struct view_edge), EDGES_SHIFT);
    int err = key_index_init(&graph->index, view->model->budget);
    if (err == 0) {
        err = view_each(view, sample_first, sample_count, stack_add, &drawing);
    }
    if (err == 0) {
        err = lists_make(graph);
    }
    if (err != 0) {
        view_graph_deinit(graph);
    }
    return err;
}

void view_graph_deinit(struct view_graph *graph)
{
    array_free(graph, graph->by_callee, graph->edges.count);
    array_free(graph, graph->by_caller, graph->edges.count);
    array_free(graph, graph->callee_ends, graph->entry_count);
    array_free(graph, graph->caller_ends, graph->entry_count);
    column_deinit(&graph->edges);
    key_index_deinit(&graph->index);
    *graph = (struct view_graph){0};
}

static const uint32_t *edges_of(const uint32_t *edges, const uint32_t *ends, uint32_t entry,
                                uint32_t *count)
{
    uint32_t begin = entry == 0 ? 0 : ends[entry - 1];
    *count = ends[entry] - begin;
    return edges + begin;
}

const uint32_t *view_graph_callers(const struct view_graph *graph, uint32_t entry, uint32_t *count)
{
    return edges_of(graph->by_callee, graph->callee_ends, entry, count);
}

const uint32_t *view_graph_callees(const struct view_graph *graph, uint32_t entry, uint32_t *count)
{
    return edges_of(graph->by_caller, graph->caller_ends, entry, count);
}
