#include "view/calls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "base/hash.h"
#include "profile/model.h"
#include "view/cursor.h"
#include "view/order.h"
#include "view/view.h"

#define HASH_SEED   UINT64_C(0xca115) /* probes are bounded */
#define NODES_SHIFT 12

/* Samples that are followed, level by level. */
struct following {
    struct calls *calls;
    const struct calls_addition *addition;
    struct view_cursor *cursors;
    uint32_t cursor_count;
    double least[CALLS_COLUMNS_MAX]; /* what lies below nodes with less is not followed */
    uint32_t judged;
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

static void values_move(const struct following *following, uint32_t sample, uint32_t from,
                        uint32_t to)
{
    struct calls *calls = following->calls;
    double values[CALLS_COLUMNS_MAX] = {0};
    double *left = column_at(&calls->values, from);
    double *right = column_at(&calls->values, to);
    following->addition->values(following->addition->context, sample, values);
    for (uint32_t i = 0; i < calls->column_count; i++) {
        left[i] -= from == to ? 0 : values[i];
        right[i] += values[i];
    }
}

/* Between levels a node has the values of all that passes it: not one has gone on. */
static bool is_worth_it(const struct following *following, uint32_t node)
{
    const double *values = calls_self(following->calls, node);
    for (uint32_t i = 0; i < following->judged; i++) {
        if (fabs(values[i]) >= following->least[i] && values[i] != 0) {
            return true;
        }
    }
    return false;
}

/* Follow the stacks by one entry: those that end are done with. */
static int level_follow(struct following *following)
{
    struct calls *calls = following->calls;
    uint32_t left = 0;
    for (uint32_t i = 0; i < following->cursor_count; i++) {
        view_cursors_fetch(following->cursors, i, following->cursor_count);
        struct view_cursor cursor = following->cursors[i];
        uint32_t from = cursor.node;
        uint32_t frame = 0;
        uint32_t child = UINT32_MAX;
        if (!view_cursor_next(calls->view, &cursor, false, &frame)) {
            continue;
        }
        int err = child_of(calls, from, VIEW_ENTRY(frame), &child);
        if (err != 0) {
            return err;
        }
        if (child == UINT32_MAX) {
            calls->cut_count++;
            continue;
        }
        values_move(following, cursor.sample, from, child);
        cursor.node = child;
        following->cursors[left++] = cursor;
    }
    following->cursor_count = left;
    return 0;
}

static void small_drop(struct following *following)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < following->cursor_count; i++) {
        struct view_cursor cursor = following->cursors[i];
        struct view_cursor tried = cursor;
        uint32_t frame = 0;
        if (is_worth_it(following, cursor.node)) {
            following->cursors[left++] = cursor;
        } else if (view_cursor_next(following->calls->view, &tried, false, &frame)) {
            following->calls->cut_count++;
        }
    }
    following->cursor_count = left;
}

/* All values begin at the root. */
static void cursors_begin(struct following *following)
{
    const struct calls_addition *addition = following->addition;
    for (uint32_t i = 0; i < addition->sample_count; i++) {
        uint32_t sample = addition->sample_first + i;
        struct view_cursor *cursor = &following->cursors[following->cursor_count];
        if (view_cursor_begin(following->calls->view, sample, false, 0, cursor)) {
            following->cursor_count++;
            values_move(following, sample, 0, 0);
        }
    }
}

int calls_init(struct calls *calls, const struct view *view, uint32_t column_count)
{
    struct slu_budget *budget = view->model->budget;
    struct call_node root = {.parent = UINT32_MAX, .entry = UINT32_MAX};
    uint32_t added = 0;
    SLU_ASSERT(column_count > 0 && column_count <= CALLS_COLUMNS_MAX);
    *calls = (struct calls){.budget = budget, .view = view, .column_count = column_count};
    column_init(&calls->nodes, budget, sizeof(struct call_node), NODES_SHIFT);
    column_init(&calls->values, budget, column_count * sizeof(double), NODES_SHIFT);
    int err = key_index_init(&calls->index, budget);
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
    column_deinit(&calls->nodes);
    column_deinit(&calls->values);
    key_index_deinit(&calls->index);
    *calls = (struct calls){0};
}

static size_t samples_count(const struct calls_addition *additions, size_t addition_count)
{
    size_t count = 0;
    for (size_t i = 0; i < addition_count; i++) {
        count += additions[i].sample_count;
    }
    return count;
}

/* The samples of all additions begin together, so that a node is judged by all that pass it. */
static int additions_follow(struct calls *calls, const struct calls_addition *additions,
                            size_t addition_count, uint32_t judged, struct view_cursor *cursors)
{
    struct following following[CALLS_ADDITIONS_MAX] = {0};
    bool is_left = true;
    int err = 0;
    for (size_t i = 0; i < addition_count; i++) {
        following[i] = (struct following){
            .calls = calls, .addition = &additions[i], .cursors = cursors, .judged = judged};
        cursors += additions[i].sample_count;
        cursors_begin(&following[i]);
    }
    for (size_t i = 0; i < addition_count; i++) {
        for (uint32_t column = 0; column < judged; column++) {
            following[i].least[column] = fabs(calls_self(calls, 0)[column]) / CALLS_PARTS;
        }
    }
    while (err == 0 && is_left) {
        is_left = false;
        for (size_t i = 0; i < addition_count && err == 0; i++) {
            err = level_follow(&following[i]);
        }
        for (size_t i = 0; i < addition_count && err == 0; i++) {
            small_drop(&following[i]);
            is_left = is_left || following[i].cursor_count > 0;
        }
    }
    return err;
}

int calls_add(struct calls *calls, const struct calls_addition *additions, size_t addition_count,
              uint32_t judged)
{
    size_t bytes = (samples_count(additions, addition_count) + 1) * sizeof(struct view_cursor);
    void *block = NULL;
    SLU_ASSERT(addition_count <= CALLS_ADDITIONS_MAX && judged <= calls->column_count);
    int err = slu_budget_alloc(calls->budget, bytes, &block);
    if (err == 0) {
        err = additions_follow(calls, additions, addition_count, judged, block);
        slu_budget_free(calls->budget, block, bytes);
    }
    return err;
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
