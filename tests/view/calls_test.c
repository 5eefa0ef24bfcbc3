/* The tree of calls with several values, beside a model that keeps each stack as it is. */
#include "view/calls.h"

#include <errno.h>
#include <string.h>

#include <sluice/budget.h>

#include "profile/model.h"
#include "view/view.h"

#include "budget.h"
#include "harness.h"
#include "made_profile.h"

#define BUDGET_BYTES   ((uint64_t)64 << 20)
#define FUNCTION_COUNT 5
#define SAMPLE_COUNT   400
#define DEPTH_MAX      8
#define COLUMNS        3

struct naive {
    uint32_t stacks[SAMPLE_COUNT][DEPTH_MAX]; /* outermost first */
    uint32_t depths[SAMPLE_COUNT];
    int64_t values[SAMPLE_COUNT];
};

static struct naive naive;

static void sample_make(struct model *model, uint32_t sample, const uint32_t *functions,
                        uint32_t depth, int64_t value)
{
    uint32_t locations[DEPTH_MAX];
    for (uint32_t i = 0; i < depth; i++) {
        naive.stacks[sample][i] = functions[i];
        locations[depth - 1 - i] = made_location(model, &functions[i], 1);
    }
    naive.depths[sample] = depth;
    naive.values[sample] = value;
    made_sample(model, locations, depth, 1, value);
}

static void samples_make(struct model *model, struct test_random *random)
{
    for (uint32_t sample = 0; sample < SAMPLE_COUNT; sample++) {
        uint32_t functions[DEPTH_MAX];
        uint32_t depth = (uint32_t)test_random_below(random, DEPTH_MAX + 1);
        for (uint32_t i = 0; i < depth; i++) {
            functions[i] = (uint32_t)test_random_below(random, FUNCTION_COUNT);
        }
        sample_make(model, sample, functions, depth, 1 + (int64_t)test_random_below(random, 9));
    }
}

/* The value, its double, and its negative. */
static void values_write(void *context, uint32_t sample, double *values)
{
    (void)context;
    for (int i = 0; i < COLUMNS; i++) {
        assert_true(values[i] == 0);
    }
    values[0] = (double)naive.values[sample];
    values[1] = 2 * values[0];
    values[2] = -values[0];
}

static uint32_t function_of(const struct view *view, uint32_t entry)
{
    struct slu_bytes label = view_label(view, entry);
    return (uint32_t)(((const char *)label.data)[1] - '0');
}

static double naive_self(const uint32_t *stack, uint32_t depth)
{
    double sum = 0;
    for (uint32_t sample = 0; sample < SAMPLE_COUNT; sample++) {
        if (naive.depths[sample] == depth &&
            memcmp(naive.stacks[sample], stack, depth * sizeof(*stack)) == 0) {
            sum += (double)naive.values[sample];
        }
    }
    return sum;
}

static void node_check(const struct calls *calls, uint32_t node)
{
    uint32_t stack[DEPTH_MAX];
    uint32_t depth = calls_node(calls, node)->depth;
    assert_true(depth <= DEPTH_MAX);
    for (uint32_t at = node; calls_node(calls, at)->depth > 0; at = calls_node(calls, at)->parent) {
        stack[calls_node(calls, at)->depth - 1] =
            function_of(calls->view, calls_node(calls, at)->entry);
    }
    double expected = naive_self(stack, depth);
    const double *self = calls_self(calls, node);
    assert_true(self[0] == expected && self[1] == 2 * expected && self[2] == -expected);
}

static void each_node_has_what_ends_in_it(void **state)
{
    struct test_random random = test_random_start(72);
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    struct view *view = NULL;
    struct calls calls;
    double sum = 0;
    (void)state;
    model = made_model(budget);
    made_profile(model, 0, 0);
    samples_make(model, &random);
    assert_int_equal(view_create(model, &(struct view_options){0}, NULL, &view), 0);
    assert_int_equal(calls_init(&calls, view, COLUMNS), 0);
    /* In two parts, as two moments are: they begin together. */
    const struct calls_addition parts[] = {
        {.sample_first = 0, .sample_count = SAMPLE_COUNT / 3, .values = values_write},
        {.sample_first = SAMPLE_COUNT / 3,
         .sample_count = SAMPLE_COUNT - SAMPLE_COUNT / 3,
         .values = values_write},
    };
    assert_int_equal(calls_add(&calls, parts, 2, 2), 0);
    for (uint32_t node = 0; node < calls.nodes.count; node++) {
        node_check(&calls, node);
        sum += calls_self(&calls, node)[0];
    }
    double all = 0;
    for (uint32_t sample = 0; sample < SAMPLE_COUNT; sample++) {
        all += (double)naive.values[sample];
    }
    assert_true(sum == all && calls.cut_count == 0);
    calls_deinit(&calls);
    view_destroy(&view);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

static void what_no_picture_would_show_is_summed_up_in_its_caller(void **state)
{
    static const uint32_t large[] = {0, 1, 2};
    static const uint32_t small[] = {0, 3, 4, 1};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = NULL;
    struct view *view = NULL;
    struct calls calls;
    (void)state;
    model = made_model(budget);
    made_profile(model, 0, 0);
    sample_make(model, 0, large, 3, 10 * (int64_t)CALLS_PARTS);
    sample_make(model, 1, small, 4, 9);
    assert_int_equal(view_create(model, &(struct view_options){0}, NULL, &view), 0);
    assert_int_equal(calls_init(&calls, view, COLUMNS), 0);
    const struct calls_addition all = {.sample_count = 2, .values = values_write};
    assert_int_equal(calls_add(&calls, &all, 1, 1), 0);
    assert_int_equal(calls.cut_count, 1);
    assert_int_equal(calls.nodes.count, 5); /* the root, 0, 1, 2 and 3, below which nothing is */
    double sum = 0;
    for (uint32_t node = 0; node < calls.nodes.count; node++) {
        uint32_t depth = calls_node(&calls, node)->depth;
        double self = calls_self(&calls, node)[0];
        assert_true(self == (depth == 3 ? 10.0 * CALLS_PARTS : self == 9 && depth == 2 ? 9 : 0));
        sum += self;
    }
    assert_true(sum == 10.0 * CALLS_PARTS + 9);
    calls_deinit(&calls);
    view_destroy(&view);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

/* What was left out below a node is there when that node's stack is asked for. */
static void below_a_stack_are_those_that_begin_with_it(void **state)
{
    static const uint32_t large[] = {0, 1, 2};
    static const uint32_t small[] = {0, 3, 4, 1};
    static const uint32_t other[] = {0, 3, 5};
    static const uint32_t inner[] = {3, 4};
    struct slu_budget *budget = budget_of(BUDGET_BYTES);
    struct model *model = made_model(budget);
    struct view *view = NULL;
    struct calls calls;
    uint32_t path[2] = {0};
    (void)state;
    made_profile(model, 0, 0);
    sample_make(model, 0, large, 3, 10 * (int64_t)CALLS_PARTS);
    sample_make(model, 1, small, 4, 5);
    sample_make(model, 2, other, 3, 4);
    sample_make(model, 3, inner, 2, 3);
    sample_make(model, 4, large, 1, 2);
    assert_int_equal(view_create(model, &(struct view_options){0}, NULL, &view), 0);
    for (uint32_t entry = 0; entry < view->entries.count; entry++) {
        path[0] = function_of(view, entry) == 0 ? entry : path[0];
        path[1] = function_of(view, entry) == 3 ? entry : path[1];
    }
    assert_int_equal(calls_init(&calls, view, COLUMNS), 0);
    calls_below(&calls, path, 2);
    const struct calls_addition all = {.sample_count = 5, .values = values_write};
    assert_int_equal(calls_add(&calls, &all, 1, 1), 0);
    assert_int_equal(calls.cut_count, 0);
    assert_int_equal(calls.nodes.count, 6); /* the root, 0, 3, 4, 1 and 5 */
    double sum = 0;
    for (uint32_t node = 0; node < calls.nodes.count; node++) {
        sum += calls_self(&calls, node)[0];
    }
    assert_true(sum == 9);
    calls_deinit(&calls);
    view_destroy(&view);
    model_destroy(&model);
    slu_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_node_has_what_ends_in_it),
        cmocka_unit_test(what_no_picture_would_show_is_summed_up_in_its_caller),
        cmocka_unit_test(below_a_stack_are_those_that_begin_with_it),
    };
    return TEST_RUN("calls", tests);
}
