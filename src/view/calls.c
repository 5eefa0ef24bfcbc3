#include "view/calls.h"

#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/hash.h"
#include "profile/model.h"
#include "view/order.h"
#include "view/view.h"

#define HASH_SEED   UINT64_C(0xca115) /* probes are bounded */
#define NODES_SHIFT 12
#define PATH_BYTES  ((size_t)(CALLS_DEPTH_MAX + 1) * sizeof(uint32_t))

struct adding {
    struct calls *calls;
    calls_values values;
    void *context;
};

struct node_search {
    const struct column *nodes;
    uint32_t parent;
    uint32_t entry;
};

static bool node_is(const void *context, uint32_t index)
{
    const struct node_search *search = context;
    const struct call_node *node = column_at(search->nodes, index);
    return node->parent == search->parent && node->entry == search->entry;
}

static int node_add(struct calls *calls, const struct call_node *node, uint32_t *added)
{
    void *values = NULL;
    uint32_t same = 0;
    int err = column_add(&calls->nodes, node, added);
    if (err == 0) {
        err = column_add_run(&calls->values, 1, &same, &values);
    }
    SLU_ASSERT(err != 0 || same == *added);
    return err;
}

/* UINT32_MAX: there is no room for another. */
static int child_of(struct calls *calls, uint32_t parent, uint32_t entry, uint32_t *child)
{
    struct node_search search = {&calls->nodes, parent, entry};
    uint64_t key = (uint64_t)parent << 32 | entry;
    uint64_t hash = hash_bytes((struct slu_bytes){&key, sizeof(key)}, HASH_SEED);
    *child = hash_map_find(&calls->index.map, hash, node_is, &search);
    if (*child != HASH_MAP_NONE) {
        return 0;
    }
    uint32_t depth = calls_node(calls, parent)->depth + 1;
    if (calls->nodes.count >= CALLS_NODES_MAX || depth > CALLS_DEPTH_MAX) {
        *child = UINT32_MAX;
        return 0;
    }
    struct call_node node = {.parent = parent, .entry = entry, .depth = depth};
    int err = node_add(calls, &node, child);
    return err == 0 ? key_index_add(&calls->index, hash, *child) : err;
}

/* How many entries the stack shares with the one before, from the outermost on. */
static uint32_t shared_len(const struct calls *calls, const struct view_stack *stack)
{
    uint32_t most = stack->count < calls->path_len ? stack->count : calls->path_len;
    uint32_t len = 0;
    while (len < most &&
           calls->path_entries[len] == VIEW_ENTRY(stack->entries[stack->count - 1 - len])) {
        len++;
    }
    return len;
}

static int stack_add(void *context, const struct view_stack *stack)
{
    const struct adding *adding = context;
    struct calls *calls = adding->calls;
    double values[CALLS_COLUMNS_MAX] = {0};
    uint32_t len = shared_len(calls, stack);
    uint32_t node = len == 0 ? 0 : calls->path_nodes[len - 1];
    for (; len < stack->count; len++) {
        uint32_t entry = VIEW_ENTRY(stack->entries[stack->count - 1 - len]);
        uint32_t child = 0;
        int err = child_of(calls, node, entry, &child);
        if (err != 0) {
            return err;
        }
        if (child == UINT32_MAX) {
            calls->cut_count++;
            break;
        }
        node = child;
        calls->path_entries[len] = entry;
        calls->path_nodes[len] = node;
    }
    calls->path_len = len;
    adding->values(adding->context, stack->sample, values);
    double *own = column_at(&calls->values, node);
    for (uint32_t i = 0; i < calls->column_count; i++) {
        own[i] += values[i];
    }
    return 0;
}

int calls_init(struct calls *calls, const struct view *view, uint32_t column_count)
{
    struct slu_budget *budget = view->model->budget;
    struct call_node root = {.parent = UINT32_MAX, .entry = UINT32_MAX};
    void *block = NULL;
    uint32_t added = 0;
    SLU_ASSERT(column_count > 0 && column_count <= CALLS_COLUMNS_MAX);
    *calls = (struct calls){.budget = budget, .view = view, .column_count = column_count};
    column_init(&calls->nodes, budget, sizeof(struct call_node), NODES_SHIFT);
    column_init(&calls->values, budget, column_count * sizeof(double), NODES_SHIFT);
    int err = slu_budget_alloc(budget, 2 * PATH_BYTES, &block);
    if (err != 0) {
        return err;
    }
    calls->path_entries = block;
    calls->path_nodes = calls->path_entries + CALLS_DEPTH_MAX + 1;
    err = key_index_init(&calls->index, budget);
    if (err == 0) {
        err = node_add(calls, &root, &added);
    }
    if (err != 0) {
        calls_deinit(calls);
    }
    return err;
}

void calls_deinit(struct calls *calls)
{
    slu_budget_free(calls->budget, calls->path_entries, 2 * PATH_BYTES);
    column_deinit(&calls->nodes);
    column_deinit(&calls->values);
    key_index_deinit(&calls->index);
    *calls = (struct calls){0};
}

int calls_add(struct calls *calls, uint32_t sample_first, uint32_t sample_count,
              calls_values values, void *context)
{
    struct adding adding = {calls, values, context};
    return view_each(calls->view, sample_first, sample_count, stack_add, &adding);
}

/* What calls_order needs: children in runs by parent. */
struct ordering {
    const struct calls *calls;
    double *weights;    /* by node */
    double *totals;     /* by node, of one column at a time */
    uint32_t *first;    /* by node, of its children; one more at the end */
    uint32_t *children; /* nodes */
};

static void weights_raise(const struct ordering *ordering, uint32_t column)
{
    const struct calls *calls = ordering->calls;
    for (uint32_t i = 0; i < calls->nodes.count; i++) {
        ordering->totals[i] = calls_self(calls, i)[column];
    }
    for (uint32_t i = calls->nodes.count - 1; i > 0; i--) {
        ordering->totals[calls_node(calls, i)->parent] += ordering->totals[i];
    }
    for (uint32_t i = 0; i < calls->nodes.count; i++) {
        if (ordering->totals[i] > ordering->weights[i]) {
            ordering->weights[i] = ordering->totals[i];
        }
    }
}

/* Counting sort by parent: `first` begins as counts, and ends as where each run begins. */
static void children_gather(const struct ordering *ordering)
{
    const struct calls *calls = ordering->calls;
    uint32_t *first = ordering->first;
    uint32_t sum = 0;
    for (uint32_t i = 1; i < calls->nodes.count; i++) {
        first[calls_node(calls, i)->parent]++;
    }
    for (uint32_t i = 0; i <= calls->nodes.count; i++) {
        sum += first[i];
        first[i] = sum;
    }
    for (uint32_t i = calls->nodes.count - 1; i > 0; i--) {
        ordering->children[--first[calls_node(calls, i)->parent]] = i;
    }
}

static int sibling_order(const void *left, const void *right, void *context)
{
    const struct ordering *ordering = context;
    uint32_t left_node = *(const uint32_t *)left;
    uint32_t right_node = *(const uint32_t *)right;
    double difference = ordering->weights[right_node] - ordering->weights[left_node];
    if (difference != 0) {
        return difference > 0 ? 1 : -1;
    }
    return order_labels(ordering->calls->view, calls_node(ordering->calls, left_node)->entry,
                        calls_node(ordering->calls, right_node)->entry);
}

/* `totals` is done with: its room holds what waits, never more than there are nodes. */
static void preorder_write(const struct ordering *ordering, uint32_t *preorder)
{
    uint32_t *waiting = (uint32_t *)ordering->totals;
    uint32_t waiting_count = 1;
    uint32_t written = 0;
    waiting[0] = 0;
    while (waiting_count > 0) {
        uint32_t node = waiting[--waiting_count];
        if (node != 0) {
            preorder[written++] = node;
        }
        for (uint32_t i = ordering->first[node + 1]; i > ordering->first[node]; i--) {
            waiting[waiting_count++] = ordering->children[i - 1];
        }
    }
}

int calls_order(const struct calls *calls, uint32_t column, uint32_t rest, uint32_t *preorder)
{
    size_t count = calls->nodes.count;
    size_t bytes = count * 2 * sizeof(double) + (2 * count + 1) * sizeof(uint32_t);
    void *block = NULL;
    int err = slu_budget_alloc(calls->budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    memset(block, 0, bytes);
    struct ordering ordering = {.calls = calls, .weights = block};
    ordering.totals = ordering.weights + count;
    ordering.first = (uint32_t *)(ordering.totals + count);
    ordering.children = ordering.first + count + 1;
    for (uint32_t i = 0; i < rest; i++) {
        weights_raise(&ordering, column + i);
    }
    children_gather(&ordering);
    for (uint32_t i = 0; i < calls->nodes.count; i++) {
        uint32_t first = ordering.first[i];
        qsort_r(ordering.children + first, ordering.first[i + 1] - first, sizeof(uint32_t),
                sibling_order, &ordering);
    }
    preorder_write(&ordering, preorder);
    slu_budget_free(calls->budget, block, bytes);
    return 0;
}
