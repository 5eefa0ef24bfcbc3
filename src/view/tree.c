#include "view/tree.h"

#include <errno.h>

#include <sluice/budget.h>

#include "base/hash.h"
#include "profile/model.h"
#include "view/cursor.h"
#include "view/order.h"
#include "view/view.h"

#define HASH_SEED   UINT64_C(0x7ee) /* probes are bounded */
#define NODES_SHIFT 10

struct growing {
    struct view_tree *tree;
    const struct column *values;
    struct view_cursor *cursors;
    uint32_t cursor_count;
    bool inverted;
    uint64_t least; /* what lies below a smaller node is not followed */
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

static int64_t value_of(const struct growing *growing, uint32_t sample)
{
    return *(const int64_t *)column_at(growing->values, sample);
}

/* Follow all stacks by one entry; those that end become their nodes' own. */
static int level_add(struct growing *growing)
{
    struct view_tree *tree = growing->tree;
    uint32_t left = 0;
    for (uint32_t i = 0; i < growing->cursor_count; i++) {
        view_cursors_fetch(growing->cursors, i, growing->cursor_count);
        struct view_cursor cursor = growing->cursors[i];
        int64_t value = value_of(growing, cursor.sample);
        uint32_t frame = 0;
        if (!view_cursor_next(tree->view, &cursor, growing->inverted, &frame)) {
            view_tree_at(tree, cursor.node)->self += value;
            continue;
        }
        int err = child_of(tree, cursor.node, frame, &cursor.node);
        if (err != 0) {
            return err;
        }
        view_tree_at(tree, cursor.node)->total += value;
        growing->cursors[left++] = cursor;
    }
    growing->cursor_count = left;
    return 0;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

static void small_drop(struct growing *growing)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < growing->cursor_count && growing->least > 0; i++) {
        const struct view_cursor *cursor = &growing->cursors[i];
        if (magnitude(view_tree_at(growing->tree, cursor->node)->total) >= growing->least) {
            growing->cursors[left++] = *cursor;
        }
    }
    growing->cursor_count = growing->least > 0 ? left : growing->cursor_count;
}

/* A cursor for each sample that has a value and a stack that is wanted. */
static void cursors_begin(struct growing *growing, uint32_t sample_first, uint32_t sample_count)
{
    const struct view *view = growing->tree->view;
    struct view_node *root = view_tree_at(growing->tree, VIEW_TREE_ROOT);
    for (uint32_t i = sample_first; i < sample_first + sample_count; i++) {
        struct view_cursor *cursor = &growing->cursors[growing->cursor_count];
        uint32_t frame = 0;
        if (value_of(growing, i) == 0 ||
            !view_cursor_begin(view, i, growing->inverted, VIEW_TREE_ROOT, cursor)) {
            continue;
        }
        struct view_cursor tried = *cursor;
        if (view_cursor_next(view, &tried, growing->inverted, &frame)) {
            root->total += value_of(growing, i);
            growing->cursor_count++;
        }
    }
}

static int tree_grow(struct growing *growing, uint32_t sample_first, uint32_t sample_count,
                     uint32_t parts_max)
{
    struct slu_budget *budget = growing->tree->view->model->budget;
    size_t bytes = ((size_t)sample_count + 1) * sizeof(struct view_cursor);
    void *block = NULL;
    int err = slu_budget_alloc(budget, bytes, &block);
    if (err != 0) {
        return err;
    }
    growing->cursors = block;
    cursors_begin(growing, sample_first, sample_count);
    uint64_t total = magnitude(view_tree_at(growing->tree, VIEW_TREE_ROOT)->total);
    growing->least = parts_max == 0 ? 0 : total / parts_max;
    while (err == 0 && growing->cursor_count > 0) {
        err = level_add(growing);
        small_drop(growing);
    }
    slu_budget_free(budget, block, bytes);
    return err;
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
                   uint32_t sample_first, uint32_t sample_count,
                   const struct view_tree_options *options)
{
    struct slu_budget *budget = view->model->budget;
    struct view_node root = {.parent = VIEW_TREE_NONE,
                             .entry = UINT32_MAX,
                             .child = VIEW_TREE_NONE,
                             .sibling = VIEW_TREE_NONE};
    struct growing growing = {
        .tree = tree, .values = &view->model->values[type], .inverted = options->inverted};
    uint32_t index = 0;
    *tree = (struct view_tree){.view = view};
    column_init(&tree->nodes, budget, sizeof(struct view_node), NODES_SHIFT);
    int err = key_index_init(&tree->index, budget);
    if (err == 0) {
        err = column_add(&tree->nodes, &root, &index);
    }
    if (err == 0) {
        err = tree_grow(&growing, sample_first, sample_count, options->parts_max);
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
