#include "view/calls.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"
#include "profile/model.h"
#include "view/cursor.h"
#include "view/order.h"
#include "view/view.h"

#define NODES_SHIFT 12

/* Samples that are followed, level by level. */
struct following {
    struct calls *calls;
    const struct calls_addition *addition;
    struct view_cursor *cursors;
    uint32_t cursor_count;
    double *values; /* by sample, column_count each; NULL: they are asked for again and again */
};

/* Stacks that are followed together, so that each waits for its memory while others do. */
#define STEPS 32

struct step {
    struct view_cursor cursor;
    uint32_t parent;
    uint32_t entry;
    uint32_t hash;
};

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

/* CHILD_NONE: there is no room for another. */
static int child_of(struct calls *calls, const struct step *step, uint32_t *child)
{
    *child = child_table_find(&calls->children, step->hash, step->parent, step->entry);
    if (*child != CHILD_NONE) {
        return 0;
    }
    uint32_t depth = calls_node(calls, step->parent)->depth + 1;
    if (calls->nodes.count >= CALLS_NODES_MAX || depth > CALLS_DEPTH_MAX) {
        return 0;
    }
    struct call_node node = {.parent = step->parent, .entry = step->entry, .depth = depth};
    int err = node_add(calls, &node, child);
    return err == 0
               ? child_table_add(&calls->children, step->hash, step->parent, step->entry, *child)
               : err;
}

/* Until all have been followed a node has the values of all that passes it. */
static void values_add(const struct following *following, uint32_t sample, uint32_t node)
{
    const struct calls_addition *addition = following->addition;
    uint32_t count = following->calls->column_count;
    double asked[CALLS_COLUMNS_MAX];
    double *total = column_at(&following->calls->values, node);
    const double *values = asked;
    if (following->values != NULL) {
        values = following->values + (size_t)(sample - addition->sample_first) * count;
    } else {
        memset(asked, 0, count * sizeof(double));
        addition->values(addition->context, sample, asked);
    }
    for (uint32_t i = 0; i < count; i++) {
        total[i] += values[i];
    }
}

static void cut_count(const struct following *following, struct view_cursor cursor)
{
    uint32_t frame = 0;
    if (view_cursor_next(following->calls->view, &cursor, false, &frame)) {
        following->calls->cut_count++;
    }
}

/* The next entries of some stacks, from `at` on. Returns how many have one, and are worth it. */
static uint32_t steps_begin(const struct following *following, uint32_t at, uint32_t end,
                            const unsigned char *worth, struct step *steps)
{
    const struct calls *calls = following->calls;
    uint32_t count = 0;
    for (uint32_t i = at; i < end; i++) {
        struct step *step = &steps[count];
        uint32_t frame = 0;
        view_cursors_fetch(following->cursors, i, following->cursor_count);
        step->cursor = following->cursors[i];
        step->parent = step->cursor.node;
        if (!worth[step->parent]) {
            cut_count(following, step->cursor);
        } else if (view_cursor_next(calls->view, &step->cursor, false, &frame)) {
            step->entry = VIEW_ENTRY(frame);
            step->hash = child_hash(step->parent, step->entry);
            child_table_fetch(&calls->children, step->hash);
            count++;
        }
    }
    return count;
}

static int steps_find(struct calls *calls, struct step *steps, uint32_t count)
{
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++) {
        err = child_of(calls, &steps[i], &steps[i].cursor.node);
        if (err == 0 && steps[i].cursor.node != CHILD_NONE) {
            __builtin_prefetch(column_at(&calls->values, steps[i].cursor.node), 1);
        }
    }
    return err;
}

/* Follow the stacks by one entry: those that end, or are not worth it, are done with. */
static int level_follow(struct following *following, const unsigned char *worth)
{
    struct step steps[STEPS];
    uint32_t left = 0;
    int err = 0;
    for (uint32_t at = 0; at < following->cursor_count && err == 0; at += STEPS) {
        uint32_t rest = following->cursor_count - at;
        uint32_t end = at + (rest < STEPS ? rest : STEPS);
        uint32_t count = steps_begin(following, at, end, worth, steps);
        err = steps_find(following->calls, steps, count);
        for (uint32_t i = 0; i < count && err == 0; i++) {
            if (steps[i].cursor.node == CHILD_NONE) {
                following->calls->cut_count++;
            } else {
                values_add(following, steps[i].cursor.sample, steps[i].cursor.node);
                following->cursors[left++] = steps[i].cursor;
            }
        }
    }
    following->cursor_count = left;
    return err;
}

static size_t values_bytes(const struct following *following)
{
    return (size_t)following->addition->sample_count * following->calls->column_count *
           sizeof(double);
}

/* Ask for all values once, if there is room for them. */
static void values_take(struct following *following)
{
    const struct calls_addition *addition = following->addition;
    uint32_t count = following->calls->column_count;
    void *block = NULL;
    size_t bytes = values_bytes(following);
    if (bytes == 0 || slu_budget_alloc(following->calls->budget, bytes, &block) != 0) {
        return;
    }
    following->values = block;
    memset(block, 0, bytes);
    for (uint32_t i = 0; i < addition->sample_count; i++) {
        addition->values(addition->context, addition->sample_first + i,
                         following->values + (size_t)i * count);
    }
}

static void values_give_back(struct following *following)
{
    if (following->values != NULL) {
        slu_budget_free(following->calls->budget, following->values, values_bytes(following));
        following->values = NULL;
    }
}

static bool begins_below(const struct calls *calls, struct view_cursor cursor)
{
    uint32_t frame = 0;
    for (uint32_t i = 0; i < calls->below_count; i++) {
        if (!view_cursor_next(calls->view, &cursor, false, &frame) ||
            VIEW_ENTRY(frame) != calls->below[i]) {
            return false;
        }
    }
    return true;
}

/* All values begin at the root. */
static void cursors_begin(struct following *following)
{
    const struct calls_addition *addition = following->addition;
    for (uint32_t i = 0; i < addition->sample_count; i++) {
        uint32_t sample = addition->sample_first + i;
        struct view_cursor *cursor = &following->cursors[following->cursor_count];
        if (view_cursor_begin(following->calls->view, sample, false, 0, cursor) &&
            begins_below(following->calls, *cursor)) {
            following->cursor_count++;
            values_add(following, sample, 0);
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
    int err = child_table_init(&calls->children, budget);
    if (err == 0) {
        err = node_add(calls, &root, &added);
    }
    if (err != 0) {
        calls_deinit(calls);
    }
    return err;
}

void calls_below(struct calls *calls, const uint32_t *entries, uint32_t count)
{
    calls->below = entries;
    calls->below_count = count;
}

void calls_deinit(struct calls *calls)
{
    column_deinit(&calls->nodes);
    column_deinit(&calls->values);
    child_table_deinit(&calls->children);
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

/* Which nodes hold so much that what lies below them is followed. */
struct judging {
    struct calls *calls;
    uint32_t judged;                 /* columns, the first ones */
    double least[CALLS_COLUMNS_MAX]; /* of them, what is worth it */
    unsigned char *worth;            /* by node: 0 or 1 */
    uint32_t room;                   /* of `worth` */
    uint32_t done;                   /* nodes that were judged */
};

static bool is_worth_it(const struct judging *judging, uint32_t node)
{
    const double *values = calls_self(judging->calls, node);
    for (uint32_t i = 0; i < judging->judged; i++) {
        if (fabs(values[i]) >= judging->least[i] && values[i] != 0) {
            return true;
        }
    }
    return false;
}

static void judging_end(struct judging *judging)
{
    if (judging->worth != NULL) {
        slu_budget_free(judging->calls->budget, judging->worth, judging->room);
    }
}

static int judging_grow(struct judging *judging)
{
    void *block = NULL;
    uint32_t room = judging->calls->nodes.count * 2;
    int err = slu_budget_alloc(judging->calls->budget, room, &block);
    if (err == 0) {
        if (judging->done > 0) {
            memcpy(block, judging->worth, judging->done);
        }
        judging_end(judging);
        judging->worth = block;
        judging->room = room;
    }
    return err;
}

/* The nodes of one level, once all that passes them has been added. */
static int level_judge(struct judging *judging)
{
    uint32_t count = judging->calls->nodes.count;
    int err = count > judging->room ? judging_grow(judging) : 0;
    for (; err == 0 && judging->done < count; judging->done++) {
        judging->worth[judging->done] = is_worth_it(judging, judging->done);
    }
    return err;
}

static int judging_begin(struct judging *judging)
{
    const double *all = calls_self(judging->calls, 0);
    for (uint32_t column = 0; column < judging->judged; column++) {
        judging->least[column] = fabs(all[column]) / CALLS_PARTS;
    }
    int err = level_judge(judging);
    if (err == 0) {
        judging->worth[0] = 1; /* also of a profile that is all zeroes */
    }
    return err;
}

/* Parents come before their children: what passes a node has not been taken from by then. */
static void totals_part(struct calls *calls)
{
    for (uint32_t node = 1; node < calls->nodes.count; node++) {
        const double *values = column_at(&calls->values, node);
        double *parent = column_at(&calls->values, calls_node(calls, node)->parent);
        for (uint32_t i = 0; i < calls->column_count; i++) {
            parent[i] -= values[i];
        }
    }
}

static int levels_follow(struct following *following, size_t count, struct judging *judging)
{
    bool is_left = true;
    int err = judging_begin(judging);
    while (err == 0 && is_left) {
        is_left = false;
        for (size_t i = 0; i < count && err == 0; i++) {
            err = level_follow(&following[i], judging->worth);
            is_left = is_left || following[i].cursor_count > 0;
        }
        err = err == 0 ? level_judge(judging) : err;
    }
    return err;
}

/* The samples of all additions begin together, so that a node is judged by all that pass it. */
static int additions_follow(struct calls *calls, const struct calls_addition *additions,
                            size_t addition_count, uint32_t judged, struct view_cursor *cursors)
{
    struct following following[CALLS_ADDITIONS_MAX] = {0};
    struct judging judging = {.calls = calls, .judged = judged};
    for (size_t i = 0; i < addition_count; i++) {
        following[i] =
            (struct following){.calls = calls, .addition = &additions[i], .cursors = cursors};
        cursors += additions[i].sample_count;
        values_take(&following[i]);
        cursors_begin(&following[i]);
    }
    int err = levels_follow(following, addition_count, &judging);
    judging_end(&judging);
    for (size_t i = 0; i < addition_count; i++) {
        values_give_back(&following[i]);
    }
    totals_part(calls);
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
