#include "view/tree.h"

#include <errno.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "profile/model.h"
#include "view/order.h"
#include "view/view.h"

#define HASH_SEED   UINT64_C(0x7ee) /* probes are bounded */
#define NODES_SHIFT 10

struct growing {
    struct view_tree *tree;
    const struct column *values;
    bool inverted;
};

struct node_search {
    const struct column *nodes;
    uint32_t parent;
    uint32_t entry;
};

static bool node_is(const void *context, uint32_t index)
{
    const struct node_search *search = context;
    const struct view_node *node = column_at(search->nodes, index);
    return node->parent == search->parent && node->entry == search->entry;
}

static int child_of(struct view_tree *tree, uint32_t parent, uint32_t frame, uint32_t *child)
{
    struct node_search search = {&tree->nodes, parent, VIEW_ENTRY(frame)};
    uint64_t key = (uint64_t)parent << 32 | VIEW_ENTRY(frame);
    uint64_t hash = hash_bytes((struct slu_bytes){&key, sizeof(key)}, HASH_SEED);
    *child = hash_map_find(&tree->index.map, hash, node_is, &search);
    if (*child != HASH_MAP_NONE) {
        return 0;
    }
    struct view_node *above = view_tree_at(tree, parent);
    struct view_node node = {
        .parent = parent,
        .entry = VIEW_ENTRY(frame),
        .child = VIEW_TREE_NONE,
        .sibling = above->child,
        .depth = above->depth + 1,
        .inlined = (frame & VIEW_INLINED) != 0,
    };
    int err = column_add(&tree->nodes, &node, child);
    if (err == 0) {
        err = key_index_add(&tree->index, hash, *child);
    }
    if (err == 0) {
        above->child = *child;
        tree->depth_max = node.depth > tree->depth_max ? node.depth : tree->depth_max;
    }
    return err;
}

static int stack_add(void *context, const struct view_stack *stack)
{
    const struct growing *growing = context;
    struct view_tree *tree = growing->tree;
    int64_t value = *(const int64_t *)column_at(growing->values, stack->sample);
    uint32_t node = VIEW_TREE_ROOT;
    if (value == 0 || stack->count == 0) {
        return 0;
    }
    view_tree_at(tree, node)->total += value;
    for (uint32_t i = 0; i < stack->count; i++) {
        uint32_t place = growing->inverted ? i : stack->count - 1 - i;
        int err = child_of(tree, node, stack->entries[place], &node);
        if (err != 0) {
            return err;
        }
        view_tree_at(tree, node)->total += value;
    }
    view_tree_at(tree, node)->self += value;
    return 0;
}

/* Put two ordered lists of siblings together, the larger first. */
static uint32_t lists_merge(struct view_tree *tree, uint32_t left, uint32_t right)
{
    uint32_t first = VIEW_TREE_NONE;
    uint32_t *last = &first;
    while (left != VIEW_TREE_NONE && right != VIEW_TREE_NONE) {
        int order =
            order_larger_first(view_tree_at(tree, left)->total, view_tree_at(tree, right)->total);
        bool takes_left = order < 0 || (order == 0 && left < right);
        uint32_t taken = takes_left ? left : right;
        *last = taken;
        last = &view_tree_at(tree, taken)->sibling;
        *(takes_left ? &left : &right) = *last;
    }
    *last = left != VIEW_TREE_NONE ? left : right;
    return first;
}

/* Merge sort of a list from the bottom up: runs[i] holds 2^i nodes or none. */
static uint32_t list_sort(struct view_tree *tree, uint32_t list)
{
    uint32_t runs[32];
    uint32_t run_count = 0;
    while (list != VIEW_TREE_NONE) {
        uint32_t next = view_tree_at(tree, list)->sibling;
        uint32_t run = list;
        uint32_t at = 0;
        view_tree_at(tree, run)->sibling = VIEW_TREE_NONE;
        while (at < run_count && runs[at] != VIEW_TREE_NONE) {
            run = lists_merge(tree, runs[at], run);
            runs[at++] = VIEW_TREE_NONE;
        }
        run_count = at == run_count ? run_count + 1 : run_count;
        runs[at] = run;
        list = next;
    }
    uint32_t sorted = VIEW_TREE_NONE;
    for (uint32_t i = 0; i < run_count; i++) {
        sorted = lists_merge(tree, runs[i], sorted);
    }
    return sorted;
}

int view_tree_init(struct view_tree *tree, const struct view *view, uint32_t type,
                   uint32_t sample_first, uint32_t sample_count, bool inverted)
{
    struct slu_budget *budget = view->model->budget;
    struct view_node root = {.parent = VIEW_TREE_NONE,
                             .entry = UINT32_MAX,
                             .child = VIEW_TREE_NONE,
                             .sibling = VIEW_TREE_NONE};
    struct growing growing = {tree, &view->model->values[type], inverted};
    uint32_t index = 0;
    *tree = (struct view_tree){.view = view};
    column_init(&tree->nodes, budget, sizeof(struct view_node), NODES_SHIFT);
    int err = key_index_init(&tree->index, budget);
    if (err == 0) {
        err = column_add(&tree->nodes, &root, &index);
    }
    if (err == 0) {
        err = view_each(view, sample_first, sample_count, stack_add, &growing);
    }
    for (uint32_t i = 0; i < tree->nodes.count && err == 0; i++) {
        struct view_node *node = view_tree_at(tree, i);
        node->child = list_sort(tree, node->child);
    }
    if (err != 0) {
        view_tree_deinit(tree);
    }
    return err;
}

void view_tree_deinit(struct view_tree *tree)
{
    column_deinit(&tree->nodes);
    key_index_deinit(&tree->index);
    *tree = (struct view_tree){0};
}

uint32_t view_tree_skip(const struct view_tree *tree, uint32_t node)
{
    while (node != VIEW_TREE_NONE && view_tree_at(tree, node)->sibling == VIEW_TREE_NONE) {
        node = view_tree_at(tree, node)->parent;
    }
    return node == VIEW_TREE_NONE ? node : view_tree_at(tree, node)->sibling;
}

uint32_t view_tree_next(const struct view_tree *tree, uint32_t node)
{
    uint32_t child = view_tree_at(tree, node)->child;
    return child != VIEW_TREE_NONE ? child : view_tree_skip(tree, node);
}
