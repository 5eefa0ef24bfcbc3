#include <sluice/scope.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fixture.h"

#define CALLS_MAX 32

/* What callbacks did, in order. */
struct record {
    char names[CALLS_MAX][8];
    size_t count;
    int errors[CALLS_MAX];
};

struct entry {
    struct record *record;
    const char *name;
};

static void record_call(struct slu_scope *scope, void *arg)
{
    struct entry *entry = arg;
    struct record *record = entry->record;
    assert_true(record->count < CALLS_MAX);
    record->errors[record->count] = slu_scope_error(scope);
    strncat(record->names[record->count++], entry->name, sizeof(record->names[0]) - 1);
}

static uint64_t add(struct slu_scope *scope, slu_scope_fn *run, void *arg)
{
    uint64_t handle = 0;
    assert_int_equal(slu_scope_callback_add(scope, run, arg, &handle), 0);
    assert_int_not_equal(handle, 0);
    return handle;
}

static struct slu_scope *root_of(struct slu_budget *budget, uint32_t callback_max)
{
    return scope_of(NULL, (struct slu_scope_options){
                              .name = "root", .budget = budget, .callback_max = callback_max});
}

static struct slu_scope *child_of(struct slu_scope *parent, const char *name, uint32_t callback_max)
{
    return scope_of(parent, (struct slu_scope_options){.name = name, .callback_max = callback_max});
}

static void callbacks_run_once_children_first_and_the_newest_first(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 2);
    struct slu_scope *child = child_of(root, "child", 1);
    struct slu_scope *leaf = child_of(child, "leaf", 1);
    struct record record = {.count = 0};
    struct entry entries[] = {
        {&record, "old"}, {&record, "new"}, {&record, "child"}, {&record, "leaf"}};
    add(leaf, record_call, &entries[3]);
    add(root, record_call, &entries[0]);
    add(child, record_call, &entries[2]);
    add(root, record_call, &entries[1]);
    uint64_t calls = alloc_count();
    slu_scope_cancel(root);
    slu_scope_cancel(root);
    assert_int_equal(alloc_count(), calls);
    assert_int_equal(record.count, 4);
    static const char *const order[] = {"leaf", "child", "new", "old"};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(record.names[i], order[i]);
        assert_int_equal(record.errors[i], -ECANCELED);
    }
    scope_validate(root);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(record.count, 4);
    budget_end(budget);
}

static void a_deadline_and_a_close_run_them_too(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 1);
    struct slu_scope *child = scope_of(
        root, (struct slu_scope_options){.name = "child", .callback_max = 1, .deadline_ns = 10});
    struct record record = {.count = 0};
    struct entry entries[] = {{&record, "child"}, {&record, "root"}};
    add(child, record_call, &entries[0]);
    add(root, record_call, &entries[1]);
    assert_int_equal(slu_scope_advance(root, 10), 0);
    assert_int_equal(record.count, 1);
    assert_int_equal(record.errors[0], -ETIMEDOUT);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(record.count, 2);
    assert_int_equal(record.errors[1], -ECANCELED);
    budget_end(budget);
}

static void a_removed_callback_never_runs_and_its_handle_is_stale(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 3);
    struct record record = {.count = 0};
    struct entry entries[] = {{&record, "a"}, {&record, "b"}, {&record, "c"}, {&record, "d"}};
    uint64_t a = add(root, record_call, &entries[0]);
    uint64_t b = add(root, record_call, &entries[1]);
    uint64_t c = add(root, record_call, &entries[2]);
    assert_int_equal(slu_scope_callback_remove(root, b), 0);
    assert_int_equal(slu_scope_callback_remove(root, b), -ESTALE);
    uint64_t d = add(root, record_call, &entries[3]); /* in b's slot */
    assert_int_not_equal(d, b);
    assert_int_equal(slu_scope_callback_remove(root, b), -ESTALE);
    assert_int_equal(slu_scope_callback_remove(root, a), 0);
    assert_int_equal(slu_scope_callback_remove(root, 0), -ESTALE);
    assert_int_equal(slu_scope_callback_remove(root, UINT64_MAX), -ESTALE);
    scope_validate(root);
    slu_scope_cancel(root);
    assert_int_equal(record.count, 2);
    assert_string_equal(record.names[0], "d");
    assert_string_equal(record.names[1], "c");
    assert_int_equal(slu_scope_callback_remove(root, c), -ESTALE);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

static void one_more_than_registered_is_refused_and_counted(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *none = root_of(budget, 0);
    uint64_t handle = 77;
    struct record record = {.count = 0};
    struct entry entry = {&record, "x"};
    assert_int_equal(slu_scope_callback_add(none, record_call, &entry, &handle), -EDQUOT);
    assert_int_equal(slu_scope_callback_add(none, NULL, &entry, &handle), -EINVAL);
    assert_int_equal(handle, 77);
    struct slu_scope *one = child_of(none, "one", 1);
    uint64_t first = add(one, record_call, &entry);
    assert_int_equal(slu_scope_callback_add(one, record_call, &entry, &handle), -EDQUOT);
    assert_int_equal(slu_scope_callback_remove(one, first), 0);
    add(one, record_call, &entry);
    struct slu_scope_stats stats;
    slu_scope_stats(one, &stats);
    assert_int_equal(stats.callback_count, 1);
    assert_int_equal(stats.callback_refused_count, 1);
    assert_int_equal(slu_scope_close(&none), 0);
    budget_end(budget);
}

static void a_cancelled_scope_refuses_callbacks_and_does_not_call_them(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 1);
    struct record record = {.count = 0};
    struct entry entry = {&record, "x"};
    uint64_t handle = 77;
    slu_scope_cancel(root);
    assert_int_equal(slu_scope_callback_add(root, record_call, &entry, &handle), -ECANCELED);
    assert_int_equal(handle, 77);
    assert_int_equal(slu_scope_close(&root), 0);
    assert_int_equal(record.count, 0);
    budget_end(budget);
}

/* A callback that does to the tree what it must not, and what it may. */
struct meddler {
    struct slu_scope *root;
    struct slu_scope *sibling;
    struct slu_scope *done;
    uint64_t own;
    uint64_t other;
    int close_root;
    int close_self;
    int close_sibling;
    int close_done;
    int remove_own;
    int remove_other;
    int add_more;
};

static void meddle(struct slu_scope *scope, void *arg)
{
    struct meddler *meddler = arg;
    /* All were marked before the first callback ran. */
    assert_int_equal(slu_scope_error(meddler->root), -ECANCELED);
    assert_int_equal(slu_scope_error(meddler->sibling), -ECANCELED);
    slu_scope_cancel(meddler->root);
    struct slu_scope *self = scope;
    uint64_t handle = 0;
    meddler->close_root = slu_scope_close(&meddler->root);
    meddler->close_self = slu_scope_close(&self);
    meddler->close_sibling = slu_scope_close(&meddler->sibling);
    meddler->close_done = slu_scope_close(&meddler->done);
    meddler->remove_own = slu_scope_callback_remove(scope, meddler->own);
    meddler->remove_other = slu_scope_callback_remove(scope, meddler->other);
    meddler->add_more = slu_scope_callback_add(scope, meddle, arg, &handle);
}

static void a_callback_may_meddle_but_not_wait_for_itself(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct slu_scope *root = root_of(budget, 1);
    struct record record = {.count = 0};
    struct entry entries[] = {{&record, "root"}, {&record, "sib"}, {&record, "other"}};
    struct slu_scope *sibling = child_of(root, "sibling", 1); /* its callback comes later */
    struct slu_scope *middle = child_of(root, "middle", 2);
    struct meddler meddler = {.root = root,
                              .sibling = sibling,
                              .done = child_of(middle, "done", 1)}; /* its callback came before */
    add(root, record_call, &entries[0]);
    add(sibling, record_call, &entries[1]);
    meddler.other = add(middle, record_call, &entries[2]);
    meddler.own = add(middle, meddle, &meddler);
    struct entry entry_done = {&record, "done"};
    add(meddler.done, record_call, &entry_done);
    slu_scope_cancel(root);
    assert_int_equal(meddler.close_root, -EDEADLK);
    assert_int_equal(meddler.close_self, -EDEADLK);
    assert_int_equal(meddler.close_sibling, -EDEADLK);
    assert_int_equal(meddler.close_done, 0);
    assert_null(meddler.done);
    assert_int_equal(meddler.remove_own, -ESTALE);
    assert_int_equal(meddler.remove_other, 0);
    assert_int_equal(meddler.add_more, -ECANCELED);
    assert_int_equal(record.count, 3);
    assert_string_equal(record.names[0], "done");
    assert_string_equal(record.names[1], "sib");
    assert_string_equal(record.names[2], "root");
    scope_validate(root);
    assert_int_equal(slu_scope_close(&root), 0);
    budget_end(budget);
}

/* A callback that returns when the test lets it. */
struct gate {
    struct slu_scope *scope;
    uint64_t handle;
    struct latch entered;
    struct latch may_return;
    struct latch removing;
    atomic_bool returned;
    int removed;
    atomic_bool closed;
};

static void wait_at_gate(struct slu_scope *scope, void *arg)
{
    (void)scope;
    struct gate *gate = arg;
    latch_open(&gate->entered);
    latch_await(&gate->may_return, 1);
    atomic_store(&gate->returned, true);
}

static void *cancel_run(void *arg)
{
    struct gate *gate = arg;
    slu_scope_cancel(gate->scope);
    return NULL;
}

static void *remove_run(void *arg)
{
    struct gate *gate = arg;
    latch_open(&gate->removing);
    gate->removed = slu_scope_callback_remove(gate->scope, gate->handle);
    assert_true(atomic_load(&gate->returned));
    return NULL;
}

static void removing_a_running_callback_waits_until_it_has_returned(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct gate gate = {.scope = root_of(budget, 1)};
    gate.handle = add(gate.scope, wait_at_gate, &gate);
    pthread_t canceller;
    pthread_t remover;
    assert_int_equal(pthread_create(&canceller, NULL, cancel_run, &gate), 0);
    latch_await(&gate.entered, 1);
    assert_int_equal(pthread_create(&remover, NULL, remove_run, &gate), 0);
    latch_await(&gate.removing, 1);
    scope_validate(gate.scope);
    latch_open(&gate.may_return);
    assert_int_equal(pthread_join(remover, NULL), 0);
    assert_int_equal(gate.removed, -ESTALE);
    assert_int_equal(pthread_join(canceller, NULL), 0);
    assert_int_equal(slu_scope_close(&gate.scope), 0);
    budget_end(budget);
}

static void *close_run(void *arg)
{
    struct gate *gate = arg;
    assert_int_equal(slu_scope_close(&gate->scope), 0);
    assert_true(atomic_load(&gate->returned));
    atomic_store(&gate->closed, true);
    return NULL;
}

static void a_close_waits_for_a_callback_that_another_thread_runs(void **state)
{
    (void)state;
    struct slu_budget *budget = budget_of(1 << 20);
    struct gate gate = {.scope = root_of(budget, 1)};
    gate.handle = add(gate.scope, wait_at_gate, &gate);
    pthread_t canceller;
    pthread_t closer;
    assert_int_equal(pthread_create(&canceller, NULL, cancel_run, &gate), 0);
    latch_await(&gate.entered, 1);
    assert_int_equal(pthread_create(&closer, NULL, close_run, &gate), 0);
    for (int i = 0; i < 100; i++) {
        sched_yield();
        assert_false(atomic_load(&gate.closed));
    }
    latch_open(&gate.may_return);
    assert_int_equal(pthread_join(closer, NULL), 0);
    assert_int_equal(pthread_join(canceller, NULL), 0);
    budget_end(budget);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_run_once_children_first_and_the_newest_first),
        cmocka_unit_test(a_deadline_and_a_close_run_them_too),
        cmocka_unit_test(a_removed_callback_never_runs_and_its_handle_is_stale),
        cmocka_unit_test(one_more_than_registered_is_refused_and_counted),
        cmocka_unit_test(a_cancelled_scope_refuses_callbacks_and_does_not_call_them),
        cmocka_unit_test(a_callback_may_meddle_but_not_wait_for_itself),
        cmocka_unit_test(removing_a_running_callback_waits_until_it_has_returned),
        cmocka_unit_test(a_close_waits_for_a_callback_that_another_thread_runs),
    };
    return TEST_RUN("callback", tests);
}
