#include <sluice/scope.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define TASKS 20 /* more than are reported in one pass through the lock */

/* Tasks that do not heed their cancellation, until they have been reported often enough. */
struct witness {
    struct latch may_end;
    uint32_t reports_wanted;
    uint32_t reports;
    uint32_t reports_of[TASKS];
    uint32_t reports_at_end[TASKS]; /* when all were told to end; some may not manage at once */
    uint32_t callback_reports;
    uint64_t round_ns[16]; /* waited_ns of each round */
    uint32_t rounds;
    char scope_name[SLU_SCOPE_NAME_MAX];
};

static void ignore_cancellation(struct slu_scope *scope, void *arg)
{
    (void)scope;
    struct witness *witness = arg;
    latch_await(&witness->may_end, 1);
}

static void let_all_end(struct witness *witness)
{
    for (int i = 0; i < TASKS; i++) {
        latch_open(&witness->may_end); /* each open wakes one */
    }
}

static void hear(void *arg, const struct slu_scope_stuck *stuck)
{
    struct witness *witness = arg;
    if (witness->rounds == 0 || witness->round_ns[witness->rounds - 1] != stuck->waited_ns) {
        assert_true(witness->rounds < 16);
        witness->round_ns[witness->rounds++] = stuck->waited_ns;
    }
    if (strcmp(stuck->task_name, "cancel callback") == 0) {
        witness->callback_reports++;
    } else {
        long index = strtol(stuck->task_name, NULL, 10);
        assert_in_range(index, 0, TASKS - 1);
        witness->reports_of[index]++;
    }
    strncat(witness->scope_name, stuck->scope_name,
            sizeof(witness->scope_name) - strlen(witness->scope_name) - 1);
    if (++witness->reports == witness->reports_wanted) {
        memcpy(witness->reports_at_end, witness->reports_of, sizeof(witness->reports_of));
        let_all_end(witness);
    }
}

static struct slu_scope_options options_of(struct slu_budget *budget, struct witness *witness)
{
    return (struct slu_scope_options){.name = "root",
                                      .budget = budget,
                                      .task_max = TASKS,
                                      .task_stack_bytes = STACK_BYTES,
                                      .callback_max = 1,
                                      .on_stuck = hear,
                                      .on_stuck_arg = witness,
                                      .grace_ns = 200000};
}

static void a_task_that_ignores_cancellation_is_reported_until_it_ends(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    struct witness witness = {.reports_wanted = 4};
    struct slu_scope_options options = options_of(budget, &witness);
    struct slu_scope *root = scope_of(NULL, options);
    assert_int_equal(slu_go(root, "7", ignore_cancellation, &witness), 0);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_true(witness.reports >= 4);
    assert_int_equal(witness.reports_of[7], witness.reports);
    assert_true(strncmp(witness.scope_name, "rootroot", 8) == 0);
    assert_true(witness.round_ns[0] >= options.grace_ns);
    for (uint32_t i = 1; i < 4; i++) {
        uint64_t pause_ns = witness.round_ns[i] - witness.round_ns[i - 1];
        assert_true(pause_ns >= options.grace_ns << i);
    }
    budget_end(budget);
}

static void each_stuck_task_is_reported_once_a_round(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    struct witness witness = {.reports_wanted = 2 * TASKS};
    struct slu_scope *root = scope_of(NULL, options_of(budget, &witness));
    for (int i = 0; i < TASKS; i++) {
        char name[8];
        (void)snprintf(name, sizeof(name), "%d", i);
        assert_int_equal(slu_go(root, name, ignore_cancellation, &witness), 0);
    }
    assert_int_equal(slu_scope_close(&root), 0);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(witness.reports_at_end[i], 2);
    }
    budget_end(budget);
}

static void a_child_is_reported_through_its_parent_and_inherits_the_way(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    struct witness witness = {.reports_wanted = 1};
    struct slu_scope *root = scope_of(NULL, options_of(budget, &witness));
    struct slu_scope_options options = {
        .name = "child", .task_max = 1, .task_stack_bytes = STACK_BYTES};
    struct slu_scope *child = scope_of(root, options);
    assert_int_equal(slu_go(child, "3", ignore_cancellation, &witness), 0);
    assert_int_equal(slu_scope_close(&child), 0);
    assert_true(witness.reports_of[3] >= 1);
    assert_true(strncmp(witness.scope_name, "child", 5) == 0);

    witness = (struct witness){.reports_wanted = 1};
    options.grace_ns = 100000; /* a grace of its own, and the parent's report */
    child = scope_of(root, options);
    assert_int_equal(slu_go(child, "5", ignore_cancellation, &witness), 0);
    assert_int_equal(slu_scope_close(&child), 0);
    assert_true(witness.reports_of[5] >= 1);
    assert_true(witness.round_ns[0] >= options.grace_ns);

    witness = (struct witness){.reports_wanted = 1};
    child = scope_of(root, options);
    assert_int_equal(slu_go(child, "4", ignore_cancellation, &witness), 0);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_true(witness.reports_of[4] >= 1);
    assert_true(strncmp(witness.scope_name, "child", 5) == 0);
    budget_end(budget);
}

static void call_back_and_hang(struct slu_scope *scope, void *arg)
{
    (void)scope;
    struct witness *witness = arg;
    latch_await(&witness->may_end, 1);
}

static void cancel_from_within(struct slu_scope *scope, void *arg)
{
    (void)arg;
    slu_scope_cancel(scope);
}

static void a_callback_that_hangs_is_reported_too(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    struct witness witness = {.reports_wanted = 2};
    struct slu_scope *root = scope_of(NULL, options_of(budget, &witness));
    uint64_t handle = 0;
    assert_int_equal(slu_scope_callback_add(root, call_back_and_hang, &witness, &handle), 0);
    assert_int_equal(slu_go(root, "0", cancel_from_within, NULL), 0);
    while (slu_scope_error(root) == 0) {
        sched_yield();
    }
    assert_int_equal(slu_scope_close(&root), 0);
    assert_true(witness.callback_reports >= 1);
    assert_true(witness.reports_of[0] >= 1);
    budget_end(budget);
}

static void nothing_is_reported_of_what_ends_in_time(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(64 << 20);
    struct witness witness = {.reports_wanted = UINT32_MAX};
    struct slu_scope_options options = options_of(budget, &witness);
    options.grace_ns = UINT64_MAX; /* and no overflow */
    struct slu_scope *root = scope_of(NULL, options);
    assert_int_equal(slu_go(root, "1", ignore_cancellation, &witness), 0);
    let_all_end(&witness);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(witness.reports, 0);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_ignores_cancellation_is_reported_until_it_ends),
        cmocka_unit_test(each_stuck_task_is_reported_once_a_round),
        cmocka_unit_test(a_child_is_reported_through_its_parent_and_inherits_the_way),
        cmocka_unit_test(a_callback_that_hangs_is_reported_too),
        cmocka_unit_test(nothing_is_reported_of_what_ends_in_time),
    };
    return TEST_RUN("close", tests);
}
