#include <sluice/scope.h>

#include <errno.h>
#include <string.h>

#include "fixture.h"

static void a_new_scope_lives_until_it_is_cancelled(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *scope =
        scope_of(NULL, (struct slu_scope_options){.name = "root", .budget = budget});
    assert_string_equal(slu_scope_name(scope), "root");
    assert_int_equal(slu_scope_error(scope), 0);
    assert_int_equal(slu_scope_reason(scope), SLU_SCOPE_LIVE);
    assert_int_equal(slu_scope_deadline_ns(scope), SLU_SCOPE_NEVER);
    assert_int_equal(slu_scope_next_deadline_ns(scope), SLU_SCOPE_NEVER);
    assert_int_equal(slu_scope_check(scope, UINT64_MAX), 0);
    assert_int_equal(slu_scope_advance(scope, UINT64_MAX), 0);
    slu_scope_cancel(scope);
    assert_int_equal(slu_scope_error(scope), -ECANCELED);
    assert_int_equal(slu_scope_reason(scope), SLU_SCOPE_CANCELLED);
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_null(scope);
    assert_int_equal(slu_scope_close(&scope), 0);
    assert_int_equal(slu_scope_close(NULL), 0);
    budget_end(budget);
}

/* Each with a budget of 1 MiB, unless it says otherwise. */
static const struct refusal {
    struct slu_scope_options options;
    int err;
    const char *says;
    bool without_budget;
} refusals[] = {
    {{.name = NULL}, -EINVAL, "name is missing", false},
    {{.name = ""}, -EINVAL, "name is missing", false},
    {{.name = "x"}, -EINVAL, "budget is missing", true},
    {{.name = "x", .task_max = 65537, .task_stack_bytes = STACK_BYTES},
     -EINVAL,
     "task_max is 65537; at most 65536",
     false},
    {{.name = "x", .task_max = 1}, -EINVAL, "task_stack_bytes is 0; from ", false},
    {{.name = "x", .task_max = 1, .task_stack_bytes = SLU_TASK_STACK_MIN - 1},
     -EINVAL,
     "task_stack_bytes is 32767; from 32768 to 1073741824",
     false},
    {{.name = "x", .task_max = 1, .task_stack_bytes = SLU_TASK_STACK_MAX + 1},
     -EINVAL,
     "task_stack_bytes is 1073741825",
     false},
    {{.name = "x", .task_max = 1, .task_stack_bytes = 1 << 20},
     -EDQUOT,
     "budget 'test' holds 1048576",
     false},
    {{.name = "x", .callback_max = SLU_SCOPE_CALLBACK_MAX + 1},
     -EINVAL,
     "callback_max is 1048577; at most 1048576",
     false},
    {{.name = "x", .callback_max = SLU_SCOPE_CALLBACK_MAX},
     -EDQUOT,
     "no memory from budget 'test' for a scope with task_max 0 and callback_max 1048576",
     false},
};

static void creation_refuses_what_cannot_be_and_says_why(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    uint64_t used = budget_used(budget);
    struct slu_scope *untouched = (struct slu_scope *)(uintptr_t)0x1;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct slu_scope_options options = refusals[i].options;
        options.budget = refusals[i].without_budget ? NULL : budget;
        struct slu_diag diag = {.message = ""};
        struct slu_scope *scope = untouched;
        assert_int_equal(slu_scope_create(NULL, &options, &diag, &scope), refusals[i].err);
        assert_non_null(strstr(diag.message, refusals[i].says));
        assert_int_equal(slu_scope_create(NULL, &options, NULL, &scope), refusals[i].err);
        assert_ptr_equal(scope, untouched);
        assert_int_equal(budget_used(budget), used);
    }
    budget_end(budget);
}

static void a_cancelled_parent_takes_no_child(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope_options options = {.name = "parent", .budget = budget, .deadline_ns = 100};
    struct slu_scope *parent = scope_of(NULL, options);
    options.name = "child";
    struct slu_scope *child = NULL;
    struct slu_diag diag = {.message = ""};
    uint64_t used = budget_used(budget);
    assert_int_equal(slu_scope_check(parent, 100), -ETIMEDOUT);
    assert_int_equal(slu_scope_create(parent, &options, &diag, &child), -ETIMEDOUT);
    assert_string_equal(diag.message, "parent 'parent' is cancelled");
    assert_null(child);
    assert_int_equal(budget_used(budget), used);
    assert_int_equal(slu_scope_close(&parent), 0);
    budget_end(budget);
}

static void a_tree_is_no_deeper_than_documented(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *chain[SLU_SCOPE_DEPTH_MAX] = {NULL};
    for (int depth = 0; depth < SLU_SCOPE_DEPTH_MAX; depth++) {
        struct slu_scope_options options = {.name = "link", .budget = depth == 0 ? budget : NULL};
        chain[depth] = scope_of(depth == 0 ? NULL : chain[depth - 1], options);
    }
    struct slu_scope *deeper = NULL;
    struct slu_diag diag = {.message = ""};
    assert_int_equal(slu_scope_create(chain[SLU_SCOPE_DEPTH_MAX - 1],
                                      &(struct slu_scope_options){.name = "deeper"}, &diag,
                                      &deeper),
                     -EINVAL);
    assert_string_equal(diag.message, "parent 'link' is at depth 64 already");
    scope_validate(chain[0]);
    slu_scope_cancel(chain[0]);
    assert_int_equal(slu_scope_error(chain[SLU_SCOPE_DEPTH_MAX - 1]), -ECANCELED);
    assert_int_equal(slu_scope_close(&chain[0]), 0);
    budget_end(budget);
}

/* root -> (left -> leaf, right) */
struct family {
    struct slu_budget *budget;
    struct slu_scope *root;
    struct slu_scope *left;
    struct slu_scope *leaf;
    struct slu_scope *right;
};

static struct family family_of(uint64_t root_ns, uint64_t left_ns, uint64_t leaf_ns,
                               uint64_t right_ns)
{
    struct family family = {.budget = budget_of(1 << 20)};
    family.root =
        scope_of(NULL, (struct slu_scope_options){
                           .name = "root", .budget = family.budget, .deadline_ns = root_ns});
    family.left =
        scope_of(family.root, (struct slu_scope_options){.name = "left", .deadline_ns = left_ns});
    family.leaf =
        scope_of(family.left, (struct slu_scope_options){.name = "leaf", .deadline_ns = leaf_ns});
    family.right =
        scope_of(family.root, (struct slu_scope_options){.name = "right", .deadline_ns = right_ns});
    return family;
}

static void family_end(struct family *family)
{
    scope_validate(family->root);
    assert_int_equal(slu_scope_close(&family->root), 0);
    budget_end(family->budget);
}

static void cancelling_reaches_all_below_and_nothing_beside(void **state)
{
    (void)state;
    struct family family = family_of(0, 0, 0, 0);
    slu_scope_cancel(family.left);
    assert_int_equal(slu_scope_error(family.left), -ECANCELED);
    assert_int_equal(slu_scope_reason(family.left), SLU_SCOPE_CANCELLED);
    assert_int_equal(slu_scope_error(family.leaf), -ECANCELED);
    assert_int_equal(slu_scope_reason(family.leaf), SLU_SCOPE_PARENT);
    assert_int_equal(slu_scope_error(family.root), 0);
    assert_int_equal(slu_scope_error(family.right), 0);
    family_end(&family);
}

static void the_first_cause_stays(void **state)
{
    (void)state;
    struct family family = family_of(0, 100, 0, 0);
    slu_scope_cancel(family.leaf);
    assert_int_equal(slu_scope_check(family.left, 100), -ETIMEDOUT);
    assert_int_equal(slu_scope_error(family.leaf), -ECANCELED);
    assert_int_equal(slu_scope_reason(family.leaf), SLU_SCOPE_CANCELLED);
    slu_scope_cancel(family.root);
    assert_int_equal(slu_scope_error(family.left), -ETIMEDOUT);
    assert_int_equal(slu_scope_reason(family.left), SLU_SCOPE_DEADLINE);
    assert_int_equal(slu_scope_error(family.right), -ECANCELED);
    assert_int_equal(slu_scope_reason(family.right), SLU_SCOPE_PARENT);
    family_end(&family);
}

static void a_deadline_is_noticed_by_a_check_from_it_on(void **state)
{
    (void)state;
    struct family family = family_of(0, 100, 0, 0);
    assert_int_equal(slu_scope_check(family.left, 99), 0);
    assert_int_equal(slu_scope_error(family.left), 0);
    assert_int_equal(slu_scope_check(family.left, 100), -ETIMEDOUT);
    assert_int_equal(slu_scope_reason(family.left), SLU_SCOPE_DEADLINE);
    assert_int_equal(slu_scope_error(family.leaf), -ETIMEDOUT);
    assert_int_equal(slu_scope_reason(family.leaf), SLU_SCOPE_PARENT);
    assert_int_equal(slu_scope_error(family.root), 0);
    family_end(&family);
}

static void the_deadline_in_force_is_the_earliest_above(void **state)
{
    (void)state;
    struct family family = family_of(500, 900, 200, SLU_SCOPE_NEVER);
    assert_int_equal(slu_scope_deadline_ns(family.left), 500);
    assert_int_equal(slu_scope_deadline_ns(family.leaf), 200);
    assert_int_equal(slu_scope_deadline_ns(family.right), 500);
    /* A check notices for its own scope, not for the ancestor whose deadline it is. */
    assert_int_equal(slu_scope_check(family.right, 500), -ETIMEDOUT);
    assert_int_equal(slu_scope_error(family.root), 0);
    assert_int_equal(slu_scope_error(family.left), 0);
    family_end(&family);
}

static void a_clock_that_runs_backwards_cancels_nothing_and_revives_nothing(void **state)
{
    (void)state;
    struct family family = family_of(0, 100, 0, 300);
    assert_int_equal(slu_scope_check(family.left, 150), -ETIMEDOUT);
    assert_int_equal(slu_scope_check(family.left, 0), -ETIMEDOUT);
    assert_int_equal(slu_scope_advance(family.root, 1), 0);
    assert_int_equal(slu_scope_error(family.left), -ETIMEDOUT);
    assert_int_equal(slu_scope_check(family.right, 20), 0);
    assert_int_equal(slu_scope_check(family.right, 300), -ETIMEDOUT);
    family_end(&family);
}

static void advance_notices_the_deadlines_of_the_whole_subtree(void **state)
{
    (void)state;
    struct family family = family_of(1000, 400, 200, 300);
    assert_int_equal(slu_scope_next_deadline_ns(family.root), 200);
    assert_int_equal(slu_scope_advance(family.root, 199), 0);
    assert_int_equal(slu_scope_advance(family.left, 350), 0);
    assert_int_equal(slu_scope_reason(family.leaf), SLU_SCOPE_DEADLINE);
    assert_int_equal(slu_scope_error(family.right), 0);
    assert_int_equal(slu_scope_advance(family.root, 350), 0);
    assert_int_equal(slu_scope_error(family.right), -ETIMEDOUT);
    assert_int_equal(slu_scope_error(family.left), 0);
    assert_int_equal(slu_scope_next_deadline_ns(family.root), 400);
    assert_int_equal(slu_scope_advance(family.root, UINT64_MAX), -ETIMEDOUT);
    assert_int_equal(slu_scope_reason(family.left), SLU_SCOPE_PARENT);
    assert_int_equal(slu_scope_next_deadline_ns(family.root), SLU_SCOPE_NEVER);
    family_end(&family);
}

static void many_deadlines_are_noticed_in_their_order(void **state)
{
    (void)state;
    enum {
        COUNT = 2000
    };
    static struct slu_scope *children[COUNT];
    struct test_random random = test_random_start(5);
    struct slu_budget *budget = budget_of(4 << 20);
    struct slu_scope *root =
        scope_of(NULL, (struct slu_scope_options){.name = "root", .budget = budget});
    for (size_t i = 0; i < COUNT; i++) {
        children[i] = scope_of(
            root, (struct slu_scope_options){.name = "child",
                                             .deadline_ns = 1 + test_random_below(&random, 5000)});
    }
    uint64_t last_ns = 0;
    for (uint64_t due_ns = slu_scope_next_deadline_ns(root); due_ns != SLU_SCOPE_NEVER;
         due_ns = slu_scope_next_deadline_ns(root)) {
        assert_true(due_ns > last_ns);
        assert_int_equal(slu_scope_advance(root, due_ns - 1), 0);
        assert_int_equal(slu_scope_next_deadline_ns(root), due_ns);
        assert_int_equal(slu_scope_advance(root, due_ns), 0);
        last_ns = due_ns;
        size_t at = test_random_below(&random, COUNT);
        assert_int_equal(slu_scope_close(&children[at]), 0); /* due, past, or closed already */
        scope_validate(root);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(children[i] == NULL || slu_scope_error(children[i]) == -ETIMEDOUT);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void a_parent_closed_first_takes_its_open_children_along(void **state)
{
    (void)state;
    struct family family = family_of(0, 0, 0, 0);
    assert_int_equal(slu_scope_close(&family.leaf), 0);
    scope_validate(family.root);
    struct slu_scope_stats stats;
    slu_scope_stats(family.root, &stats);
    assert_int_equal(stats.child_count, 2);
    slu_scope_stats(family.left, &stats);
    assert_int_equal(stats.child_count, 0);
    family_end(&family);
}

static void all_memory_is_charged_at_creation_and_given_back(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_budget *own = NULL;
    assert_int_equal(slu_budget_create(budget, "own", 1 << 20, &own), 0);
    struct slu_scope_options options = {.name = "root",
                                        .budget = budget,
                                        .callback_max = 100,
                                        .task_max = 10,
                                        .task_stack_bytes = STACK_BYTES};
    struct slu_scope *root = scope_of(NULL, options);
    uint64_t before = budget_used(own);
    struct slu_scope *child =
        scope_of(root, (struct slu_scope_options){.name = "child", .budget = own});
    assert_true(budget_used(own) > before);

    uint64_t calls = alloc_count();
    uint64_t used = budget_used(budget);
    assert_int_equal(slu_scope_check(root, 5), 0);
    assert_int_equal(slu_scope_advance(root, 5), 0);
    slu_scope_cancel(child);
    assert_int_equal(alloc_count(), calls);
    assert_int_equal(budget_used(budget), used);

    assert_int_equal(slu_scope_close(&child), 0);
    assert_int_equal(budget_used(own), before);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(alloc_count(), calls);
    slu_budget_destroy(&own);
    budget_end(budget);
}

static void a_failed_allocation_leaves_everything_as_it_was(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    struct slu_scope *root =
        scope_of(NULL, (struct slu_scope_options){.name = "root", .budget = budget});
    uint64_t used = budget_used(budget);
    int64_t live = alloc_live_count();
    static const uint32_t callback_counts[] = {0, 100000}; /* a small and a mapped block */
    for (size_t i = 0; i < 2; i++) {
        struct slu_scope_options options = {.name = "child", .callback_max = callback_counts[i]};
        struct slu_scope *child = NULL;
        uint64_t nth = 0;
        int err = 0;
        do {
            assert_int_equal(budget_used(budget), used);
            assert_int_equal(alloc_live_count(), live);
            assert_null(child);
            alloc_fault_at(++nth);
            err = slu_scope_create(root, &options, NULL, &child);
            assert_int_equal(err, alloc_fault_hit() ? -ENOMEM : 0);
        } while (err != 0);
        assert_true(nth > 1);
        alloc_fault_at(0);
        scope_validate(root);
        assert_int_equal(slu_scope_close(&child), 0);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void names_are_kept_and_cut_to_their_room(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    char name[2 * SLU_SCOPE_NAME_MAX];
    memset(name, 'n', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    struct slu_scope *scope =
        scope_of(NULL, (struct slu_scope_options){.name = name, .budget = budget});
    assert_int_equal(strlen(slu_scope_name(scope)), SLU_SCOPE_NAME_MAX - 1);
    assert_int_equal(slu_scope_close(&scope), 0);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_scope_lives_until_it_is_cancelled),
        cmocka_unit_test(creation_refuses_what_cannot_be_and_says_why),
        cmocka_unit_test(a_cancelled_parent_takes_no_child),
        cmocka_unit_test(a_tree_is_no_deeper_than_documented),
        cmocka_unit_test(cancelling_reaches_all_below_and_nothing_beside),
        cmocka_unit_test(the_first_cause_stays),
        cmocka_unit_test(a_deadline_is_noticed_by_a_check_from_it_on),
        cmocka_unit_test(the_deadline_in_force_is_the_earliest_above),
        cmocka_unit_test(a_clock_that_runs_backwards_cancels_nothing_and_revives_nothing),
        cmocka_unit_test(advance_notices_the_deadlines_of_the_whole_subtree),
        cmocka_unit_test(many_deadlines_are_noticed_in_their_order),
        cmocka_unit_test(a_parent_closed_first_takes_its_open_children_along),
        cmocka_unit_test(all_memory_is_charged_at_creation_and_given_back),
        cmocka_unit_test(a_failed_allocation_leaves_everything_as_it_was),
        cmocka_unit_test(names_are_kept_and_cut_to_their_room),
    };
    return TEST_RUN("scope", tests);
}
