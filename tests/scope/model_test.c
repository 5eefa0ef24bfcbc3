/*
 * Random trees against a model that holds the rules in their plainest form: a flat array of nodes,
 * each with its parent's index, walked in full for everything.
 */
#include <sluice/scope.h>

#include <errno.h>

#include "fixture.h"

#define RUNS          200
#define STEPS         300
#define NODES_MAX     30
#define CALLBACKS_MAX 3
#define NONE          (-1)

struct registration {
    uint64_t handle;
    uint32_t number; /* by age, from 1; 0 when there is none */
};

struct node {
    struct slu_scope *scope; /* NULL where the place is free */
    int parent;
    uint64_t deadline_ns; /* its own, or SLU_SCOPE_NEVER */
    int error;
    enum slu_scope_reason reason;
    struct registration callbacks[CALLBACKS_MAX];
};

struct model {
    struct test_random random;
    struct slu_budget *budget;
    uint64_t now_ns;
    struct node nodes[NODES_MAX]; /* the root is the first */
    uint32_t number;              /* of the callback registered last */
    int owners[STEPS + 1];        /* the node of each callback */
    bool due[STEPS + 1];          /* which callbacks the step must run */
    uint32_t ran[STEPS + 1];      /* which it ran, in order */
    size_t ran_count;
};

struct call {
    struct model *model;
    uint32_t number;
};

static struct call calls[STEPS + 1];

static void note_call(struct slu_scope *scope, void *arg)
{
    const struct call *call = arg;
    assert_int_not_equal(slu_scope_error(scope), 0);
    assert_true(call->model->ran_count < STEPS);
    call->model->ran[call->model->ran_count++] = call->number;
}

static bool is_below(const struct model *model, int node, int top)
{
    while (node != NONE && node != top) {
        node = model->nodes[node].parent;
    }
    return node == top;
}

static uint64_t deadline_in_force(const struct model *model, int node)
{
    uint64_t earliest_ns = SLU_SCOPE_NEVER;
    for (; node != NONE; node = model->nodes[node].parent) {
        uint64_t own_ns = model->nodes[node].deadline_ns;
        earliest_ns = own_ns < earliest_ns ? own_ns : earliest_ns;
    }
    return earliest_ns;
}

static void model_cancel(struct model *model, int top, int err, enum slu_scope_reason reason)
{
    for (int i = 0; i < NODES_MAX; i++) {
        struct node *node = &model->nodes[i];
        if (node->scope == NULL || node->error != 0 || !is_below(model, i, top)) {
            continue;
        }
        node->error = err;
        node->reason = i == top ? reason : SLU_SCOPE_PARENT;
        for (int slot = 0; slot < CALLBACKS_MAX; slot++) {
            model->due[node->callbacks[slot].number] = true;
            node->callbacks[slot].number = 0;
        }
    }
}

static void model_check(struct model *model, int node)
{
    if (model->nodes[node].error == 0 && deadline_in_force(model, node) <= model->now_ns) {
        model_cancel(model, node, -ETIMEDOUT, SLU_SCOPE_DEADLINE);
    }
}

/* A scope is checked before those below it. */
static void model_advance(struct model *model, int top)
{
    model_check(model, top);
    for (int i = 0; i < NODES_MAX; i++) {
        if (model->nodes[i].scope != NULL && model->nodes[i].parent == top) {
            model_advance(model, i);
        }
    }
}

/* The callbacks that were due ran once each, below before above, and of one scope the newest first.
 */
static void assert_calls(struct model *model)
{
    model->due[0] = false; /* collects the places without a callback */
    for (size_t i = 0; i < model->ran_count; i++) {
        assert_true(model->due[model->ran[i]]);
        model->due[model->ran[i]] = false;
        for (size_t later = i + 1; later < model->ran_count; later++) {
            int owner = model->owners[model->ran[i]];
            int later_owner = model->owners[model->ran[later]];
            if (owner == later_owner) {
                assert_true(model->ran[i] > model->ran[later]);
            } else {
                assert_false(is_below(model, later_owner, owner));
            }
        }
    }
    for (uint32_t number = 1; number <= model->number; number++) {
        assert_false(model->due[number]);
    }
    model->ran_count = 0;
}

static uint64_t earliest_below(const struct model *model, int top)
{
    uint64_t earliest_ns = SLU_SCOPE_NEVER;
    for (int i = 0; i < NODES_MAX; i++) {
        const struct node *node = &model->nodes[i];
        if (node->scope != NULL && node->error == 0 && is_below(model, i, top)) {
            uint64_t deadline_ns = deadline_in_force(model, i);
            earliest_ns = deadline_ns < earliest_ns ? deadline_ns : earliest_ns;
        }
    }
    return earliest_ns;
}

static void assert_same(const struct model *model)
{
    for (int i = 0; i < NODES_MAX; i++) {
        const struct node *node = &model->nodes[i];
        if (node->scope == NULL) {
            continue;
        }
        assert_int_equal(slu_scope_error(node->scope), node->error);
        assert_int_equal(slu_scope_reason(node->scope), node->reason);
        assert_int_equal(slu_scope_deadline_ns(node->scope), deadline_in_force(model, i));
        assert_int_equal(slu_scope_next_deadline_ns(node->scope), earliest_below(model, i));
    }
    if (model->nodes[0].scope != NULL) {
        scope_validate(model->nodes[0].scope);
    }
}

static int any_node(struct model *model)
{
    int at = NONE;
    do {
        at = (int)test_random_below(&model->random, NODES_MAX);
    } while (model->nodes[at].scope == NULL);
    return at;
}

static void step_create(struct model *model)
{
    int parent = any_node(model);
    int at = (int)test_random_below(&model->random, NODES_MAX);
    if (model->nodes[at].scope != NULL) {
        return;
    }
    struct slu_scope_options options = {.name = "node", .callback_max = CALLBACKS_MAX};
    if (test_random_below(&model->random, 2) == 0) {
        options.deadline_ns = 1 + model->now_ns + test_random_below(&model->random, 500);
    }
    int expected = model->nodes[parent].error;
    struct slu_scope *scope = NULL;
    assert_int_equal(slu_scope_create(model->nodes[parent].scope, &options, NULL, &scope),
                     expected);
    if (expected == 0) {
        model->nodes[at] = (struct node){
            .scope = scope,
            .parent = parent,
            .deadline_ns = options.deadline_ns == 0 ? SLU_SCOPE_NEVER : options.deadline_ns};
    }
}

static void step_add(struct model *model)
{
    int at = any_node(model);
    struct node *node = &model->nodes[at];
    struct registration *free_place = NULL;
    for (int slot = 0; slot < CALLBACKS_MAX; slot++) {
        free_place = node->callbacks[slot].number == 0 ? &node->callbacks[slot] : free_place;
    }
    struct call *call = &calls[model->number + 1];
    *call = (struct call){.model = model, .number = model->number + 1};
    int expected = node->error != 0 ? node->error : free_place == NULL ? -EDQUOT : 0;
    uint64_t handle = 0;
    assert_int_equal(slu_scope_callback_add(node->scope, note_call, call, &handle), expected);
    if (expected == 0) {
        model->owners[++model->number] = at;
        *free_place = (struct registration){.handle = handle, .number = model->number};
    }
}

static void step_remove(struct model *model)
{
    struct node *node = &model->nodes[any_node(model)];
    struct registration *registration =
        &node->callbacks[test_random_below(&model->random, CALLBACKS_MAX)];
    int expected = registration->number == 0 ? -ESTALE : 0;
    assert_int_equal(slu_scope_callback_remove(node->scope, registration->handle), expected);
    registration->number = 0;
}

static void step_close(struct model *model)
{
    int top = any_node(model);
    if (top == 0 && test_random_below(&model->random, 4) != 0) {
        return;
    }
    model_cancel(model, top, -ECANCELED, SLU_SCOPE_CANCELLED);
    assert_int_equal(slu_scope_close(&model->nodes[top].scope), 0);
    assert_null(model->nodes[top].scope);
    assert_calls(model);
    bool gone[NODES_MAX];
    for (int i = 0; i < NODES_MAX; i++) {
        gone[i] = model->nodes[i].scope != NULL && is_below(model, i, top);
    }
    for (int i = 0; i < NODES_MAX; i++) {
        model->nodes[i].scope = gone[i] ? NULL : model->nodes[i].scope;
    }
}

/* Mostly forward in small steps; sometimes far, and sometimes back. */
static void step_clock(struct model *model)
{
    uint64_t kind = test_random_below(&model->random, 20);
    if (kind == 0) {
        model->now_ns = test_random_below(&model->random, model->now_ns + 1);
    } else if (kind == 1) {
        model->now_ns += test_random_below(&model->random, 2000);
    } else {
        model->now_ns += test_random_below(&model->random, 20);
    }
}

static void step_notice(struct model *model)
{
    int at = any_node(model);
    struct slu_scope *scope = model->nodes[at].scope;
    if (test_random_below(&model->random, 2) == 0) {
        model_check(model, at);
        assert_int_equal(slu_scope_check(scope, model->now_ns), model->nodes[at].error);
    } else {
        model_advance(model, at);
        assert_int_equal(slu_scope_advance(scope, model->now_ns), model->nodes[at].error);
    }
}

static void step_any(struct model *model)
{
    uint64_t kind = test_random_below(&model->random, 100);
    if (kind < 40) {
        step_create(model);
    } else if (kind < 60) {
        step_add(model);
    } else if (kind < 68) {
        step_remove(model);
    } else if (kind < 72) {
        int at = any_node(model);
        model_cancel(model, at, -ECANCELED, SLU_SCOPE_CANCELLED);
        slu_scope_cancel(model->nodes[at].scope);
    } else if (kind < 80) {
        step_close(model);
    } else {
        step_notice(model);
    }
}

static void random_trees_behave_as_the_model(void **state)
{
    (void)state;
    static struct model model;
    for (uint64_t run = 0; run < RUNS; run++) {
        model =
            (struct model){.random = test_random_start(1000 + run), .budget = budget_of(1 << 20)};
        for (int step = 0; step < STEPS; step++) {
            if (model.nodes[0].scope == NULL) {
                struct slu_scope_options options = {
                    .name = "root", .budget = model.budget, .callback_max = CALLBACKS_MAX};
                model.nodes[0] = (struct node){.scope = scope_of(NULL, options),
                                               .parent = NONE,
                                               .deadline_ns = SLU_SCOPE_NEVER};
            }
            step_clock(&model);
            step_any(&model);
            assert_calls(&model);
            assert_same(&model);
        }
        model_cancel(&model, 0, -ECANCELED, SLU_SCOPE_CANCELLED);
        assert_int_equal(slu_scope_close(&model.nodes[0].scope), 0);
        assert_calls(&model);
        budget_end(model.budget);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_behave_as_the_model),
    };
    return TEST_RUN("model", tests);
}
