#include "scope/guest.h"

#include <errno.h>
#include <string.h>

#include "fixture.h"

static struct slu_scope *named_scope(struct slu_scope *parent, struct slu_budget *budget)
{
    struct slu_scope_options options = {.name = "guested", .budget = budget, .callback_max = 2};
    return scope_of(parent, options);
}

static void a_guest_may_close_its_scope_or_one_above(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    for (int above = 0; above < 2; above++) {
        struct slu_scope *parent = named_scope(NULL, budget);
        struct slu_scope *child = named_scope(parent, NULL);
        struct slu_scope *other = named_scope(NULL, budget);
        struct scope_guest guest;
        struct scope_guest other_guest;
        assert_int_equal(scope_guest_enter(child, "guest", &guest), 0);
        assert_int_equal(scope_guest_enter(other, "guest", &other_guest), 0);
        scope_validate(parent);
        assert_int_equal(slu_scope_close(above ? &parent : &child), 0);
        scope_guest_leave(&guest);
        assert_int_equal(slu_scope_close(&parent), 0);
        scope_validate(other);
        scope_guest_leave(&other_guest);
        assert_int_equal(slu_scope_close(&other), 0);
    }
    budget_end(budget);
}

static void guests_leave_in_any_order(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *scope = named_scope(NULL, budget);
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        struct scope_guest guests[3];
        for (int n = 0; n < 3; n++) {
            assert_int_equal(scope_guest_enter(scope, "guest", &guests[n]), 0);
        }
        for (int n = 0; n < 3; n++) {
            scope_guest_leave(&guests[orders[i][n]]);
            scope_validate(scope);
        }
    }
    assert_int_equal(slu_scope_close(&scope), 0);
    budget_end(budget);
}

static void a_cancelled_scope_takes_no_guest(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *scope = named_scope(NULL, budget);
    struct scope_guest guest;
    slu_scope_cancel(scope);
    assert_int_equal(scope_guest_enter(scope, "guest", &guest), -ECANCELED);
    assert_int_equal(slu_scope_close(&scope), 0);
    budget_end(budget);
}

struct visit {
    struct slu_scope *scope;
    struct latch entered;
    struct latch may_leave;
    uint32_t reports;
    _Atomic bool has_left;
};

static void hear_of_guest(void *arg, const struct slu_scope_stuck *stuck)
{
    struct visit *visit = arg;
    assert_string_equal(stuck->task_name, "slow guest");
    assert_string_equal(stuck->scope_name, "guested");
    visit->reports++;
    latch_open(&visit->may_leave);
}

static void *visit_main(void *arg)
{
    struct visit *visit = arg;
    struct scope_guest guest;
    assert_int_equal(scope_guest_enter(visit->scope, "slow guest", &guest), 0);
    latch_open(&visit->entered);
    latch_await(&visit->may_leave, 1);
    atomic_store(&visit->has_left, true);
    scope_guest_leave(&guest);
    return NULL;
}

static void a_close_waits_for_the_guests_of_other_threads_and_reports_them(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct visit visit = {0};
    struct slu_scope_options options = {.name = "root",
                                        .budget = budget,
                                        .on_stuck = hear_of_guest,
                                        .on_stuck_arg = &visit,
                                        .grace_ns = 100000};
    struct slu_scope *root = scope_of(NULL, options);
    visit.scope = named_scope(root, NULL);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, visit_main, &visit), 0);
    latch_await(&visit.entered, 1);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_true(visit.reports > 0);
    assert_true(atomic_load(&visit.has_left));
    assert_int_equal(pthread_join(thread, NULL), 0);
    budget_end(budget);
}

struct removal {
    uint64_t own;
    uint64_t other;
};

static void try_to_remove_both(struct slu_scope *scope, void *arg)
{
    struct removal *removal = arg;
    assert_int_equal(scope_callback_try_remove(scope, removal->own), -EBUSY);
    assert_int_equal(scope_callback_try_remove(scope, removal->other), 0);
}

static void a_running_callback_is_not_waited_for(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *scope = named_scope(NULL, budget);
    struct removal removal;
    int err = slu_scope_callback_add(scope, try_to_remove_both, &removal, &removal.other);
    assert_int_equal(err, 0);
    err = slu_scope_callback_add(scope, try_to_remove_both, &removal, &removal.own);
    assert_int_equal(err, 0);
    slu_scope_cancel(scope);
    assert_int_equal(scope_callback_try_remove(scope, removal.own), -ESTALE);
    assert_int_equal(scope_callback_try_remove(scope, removal.other), -ESTALE);
    assert_int_equal(slu_scope_close(&scope), 0);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_may_close_its_scope_or_one_above),
        cmocka_unit_test(guests_leave_in_any_order),
        cmocka_unit_test(a_cancelled_scope_takes_no_guest),
        cmocka_unit_test(a_close_waits_for_the_guests_of_other_threads_and_reports_them),
        cmocka_unit_test(a_running_callback_is_not_waited_for),
    };
    return TEST_RUN("guest", tests);
}
