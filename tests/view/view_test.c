/* Counts, edges and trees beside a model that looks at one function at a time. */
#include "view/view.h"

#include <errno.h>
#include <stdlib.h>

#include <sluice/budget.h>

#include "base/bytes.h"
#include "view/count.h"
#include "view/graph.h"
#include "view/tree.h"

#include "harness.h"
#include "made_profile.h"

#define BUDGET_BYTES   ((uint64_t)64 << 20)
#define FUNCTION_COUNT 6
#define SAMPLE_COUNT   200
#define DEPTH_MAX      12

/* Stacks of functions as the naive model keeps them, outermost first. */
struct naive {
    uint32_t stacks[SAMPLE_COUNT][3 * DEPTH_MAX];
    uint32_t depths[SAMPLE_COUNT];
    int64_t values[SAMPLE_COUNT];
};

static struct naive naive;

static void sample_make(struct model *model, struct test_random *random, uint32_t sample)
{
    uint32_t locations[DEPTH_MAX];
    uint32_t count = (uint32_t)test_random_below(random, DEPTH_MAX);
    uint32_t depth = 0;
    for (uint32_t i = count; i > 0; i--) {
        uint32_t functions[3];
        uint32_t lines = 1 + (uint32_t)test_random_below(random, 3);
        for (uint32_t at = 0; at < lines; at++) {
            functions[at] = (uint32_t)test_random_below(random, FUNCTION_COUNT);
        }
        locations[i - 1] = made_location(model, functions, lines);
        for (uint32_t at = lines; at > 0; at--) {
            naive.stacks[sample][depth++] = functions[at - 1];
        }
    }
    naive.depths[sample] = depth;
    naive.values[sample] = (int64_t)test_random_below(random, 100) - 20;
    made_sample(model, locations, count, 1, naive.values[sample]);
}

static bool calls(uint32_t sample, uint32_t place, uint32_t caller, uint32_t callee)
{
    return naive.stacks[sample][place] == caller && naive.stacks[sample][place + 1] == callee;
}

static struct view_value naive_value(uint32_t function)
{
    struct view_value sum = {0};
    for (uint32_t sample = 0; sample < SAMPLE_COUNT; sample++) {
        uint32_t depth = naive.depths[sample];
        bool is_there = false;
        for (uint32_t i = 0; i < depth; i++) {
            is_there = is_there || naive.stacks[sample][i] == function;
        }
        sum.cum += is_there ? naive.values[sample] : 0;
        if (depth > 0 && naive.stacks[sample][depth - 1] == function) {
            sum.flat += naive.values[sample];
        }
    }
    return sum;
}

static int64_t naive_edge(uint32_t caller, uint32_t callee)
{
    int64_t sum = 0;
    for (uint32_t sample = 0; sample < SAMPLE_COUNT; sample++) {
        bool is_there = false;
        for (uint32_t i = 0; i + 1 < naive.depths[sample]; i++) {
            is_there = is_there || calls(sample, i, caller, callee);
        }
        sum += is_there && caller != callee ? naive.values[sample] : 0;
    }
    return sum;
}

static uint32_t function_of(const struct view *view, uint32_t entry)
{
    struct slu_bytes label = view_label(view, entry);
    return (uint32_t)(((const char *)label.data)[1] - '0');
}

static void counts_check(const struct view *view)
{
    struct view_count count;
    assert_int_equal(view_count_init(&count, view, 1, 0, SAMPLE_COUNT), 0);
    for (uint32_t i = 0; i < count.entry_count; i++) {
        struct view_value expected = naive_value(function_of(view, i));
        assert_int_equal(count.values[i].flat, expected.flat);
        assert_int_equal(count.values[i].cum, expected.cum);
    }
    view_count_deinit(&count);
}

static void edges_check(const struct view *view)
{
    struct view_graph graph;
    assert_int_equal(view_graph_init(&graph, view, 1, 0, SAMPLE_COUNT), 0);
    for (uint32_t i = 0; i < view->entries.count; i++) {
        uint32_t count = 0;
        const uint32_t *edges = view_graph_callees(&graph, i, &count);
        for (uint32_t at = 0; at < count; at++) {
            const struct view_edge *edge = view_graph_edge(&graph, edges[at]);
            assert_int_equal(edge->caller, i);
            assert_int_equal(edge->value,
                             naive_edge(function_of(view, i), function_of(view, edge->callee)));
        }
        edges = view_graph_callers(&graph, i, &count);
        for (uint32_t at = 0; at < count; at++) {
            assert_int_equal(view_graph_edge(&graph, edges[at])->callee, i);
            assert_true(at == 0 || llabs(view_graph_edge(&graph, edges[at])->value) <=
                                       llabs(view_graph_edge(&graph, edges[at - 1])->value));
        }
    }
    view_graph_deinit(&graph);
}

/* The values of all nodes of an entry add up to its flat value, those of children to parents. */
static void tree_check(const struct view *view)
{
    struct view_tree tree;
    const struct view_tree_options whole = {0};
    int64_t self[FUNCTION_COUNT] = {0};
    uint32_t visited = 0;
    assert_int_equal(view_tree_init(&tree, view, 1, 0, SAMPLE_COUNT, &whole), 0);
    for (uint32_t i = VIEW_TREE_ROOT; i != VIEW_TREE_NONE; i = view_tree_next(&tree, i)) {
        const struct view_node *node = view_tree_at(&tree, i);
        int64_t below = node->self;
        for (uint32_t child = node->child; child != VIEW_TREE_NONE;
             child = view_tree_at(&tree, child)->sibling) {
            below += view_tree_at(&tree, child)->total;
        }
        assert_int_equal(below, node->total);
        if (node->depth > 0) {
            self[function_of(view, node->entry)] += node->self;
        }
        visited++;
    }
    assert_int_equal(visited, tree.nodes.count);
    for (uint32_t i = 0; i < FUNCTION_COUNT; i++) {
        assert_int_equal(self[i], naive_value(i).flat);
    }
    view_tree_deinit(&tree);
}

static void figures_are_those_of_a_naive_model(void **state)
{
    (void)state;
    struct test_random random = test_random_start(1);
    for (uint64_t round = 0; round < test_rounds(30); round++) {
        struct slu_budget *budget = budget_of(BUDGET_BYTES);
        struct model *model = made_model(budget);
        struct view *view = NULL;
        const struct view_options options = {.level = VIEW_FUNCTIONS};
        made_profile(model, 1, 0);
        for (uint32_t i = 0; i < SAMPLE_COUNT; i++) {
            sample_make(model, &random, i);
        }
        assert_int_equal(view_create(model, &options, NULL, &view), 0);
        counts_check(view);
        edges_check(view);
        tree_check(view);
        view_destroy(&view);
        model_destroy(&model);
        slu_budget_destroy(&budget);
    }
}

/* main calls wide, with 99 of 100, and narrow, which calls deep. */
static struct model *made_narrow(struct slu_budget *budget)
{
    struct model *model = made_model(budget);
    uint32_t ids[4];
    made_profile(model, 1, 0);
    for (uint32_t i = 0; i < 4; i++) {
        ids[i] = made_location(model, &i, 1);
    }
    made_sample(model, (uint32_t[]){ids[1], ids[0]}, 2, 1, 99);
    made_sample(model, (uint32_t[]){ids[3], ids[2], ids[0]}, 3, 1, 1);
    return model;
}

static void what_lies_below_a_small_node_is_not_followed(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_narrow(budget);
    struct view *view = NULL;
    struct view_tree tree;
    const struct view_options options = {.level = VIEW_FUNCTIONS};
    const struct view_tree_options parts[] = {
        {.parts_max = 0}, {.parts_max = 100}, {.parts_max = 50}};
    const uint32_t counts[] = {5, 5, 4};
    assert_int_equal(view_create(model, &options, NULL, &view), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(view_tree_init(&tree, view, 1, 0, 2, &parts[i]), 0);
        assert_int_equal(tree.nodes.count, counts[i]);
        assert_int_equal(view_tree_at(&tree, VIEW_TREE_ROOT)->total, 100);
        view_tree_deinit(&tree);
    }
    const struct view_tree_options inverted = {.inverted = true};
    assert_int_equal(view_tree_init(&tree, view, 1, 0, 2, &inverted), 0);
    const struct view_node *first = view_tree_at(&tree, view_tree_at(&tree, VIEW_TREE_ROOT)->child);
    assert_int_equal(function_of(view, first->entry), 1);
    assert_int_equal(first->total, 99);
    view_tree_deinit(&tree);
    view_destroy(&view);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_narrow(budget);
    const struct view_options options = {.level = VIEW_LINES, .focus = "f", .tag = NULL};
    const struct view_tree_options whole = {0};
    int64_t live = alloc_live_count();
    int err = -ENOMEM;
    for (uint64_t nth = 1; err != 0; nth++) {
        struct view *view = NULL;
        struct view_count count;
        struct view_tree tree;
        alloc_fault_at(nth);
        err = view_create(model, &options, NULL, &view);
        if (err == 0) {
            err = view_count_init(&count, view, 1, 0, 2);
            if (err == 0) {
                view_count_deinit(&count);
                err = view_tree_init(&tree, view, 1, 0, 2, &whole);
            }
            if (err == 0) {
                view_tree_deinit(&tree);
            }
            view_destroy(&view);
        }
        assert_true(err == 0 || err == -ENOMEM);
        alloc_fault_at(0);
        assert_true(nth < 1000 && alloc_live_count() - live <= 4); /* the model's new strings */
    }
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_a_naive_model),
        cmocka_unit_test(what_lies_below_a_small_node_is_not_followed),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return TEST_RUN("view", tests);
}
