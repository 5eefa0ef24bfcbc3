/*
 * Locking, for all files of this folder.
 *
 * - Each tree has one lock, in its root's block. It guards the tree's shape, the marking of a
 *   cancellation, and the lists and counts of every scope in it. Trees do not know each other. One
 *   lock and not one for each scope: what happens under it is short, a cancellation marks a whole
 *   subtree at one moment, and a close can see that a whole subtree is quiet.
 * - No lock is held while a callback, a task or a report runs, while a thread is started or joined,
 *   while blocked calls are woken, or while memory is taken or given back.
 * - Without the lock are read: what is constant after creation, and the three atomics of a scope:
 *   `error`, `reason`, `earliest_ns`.
 * - A scope is freed by the one thread that closes it or an ancestor, when `busy_count` is 0. That
 *   count changes under the lock, and whoever lowers it touches the scope no more after unlocking.
 *   (A task's thread goes on to join its predecessor, and the close joins that thread.)
 */
#include <sluice/scope.h>

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "base/assert.h"
#include "base/diag.h"
#include "base/layout.h"
#include "scope/tree.h"

#define GRACE_DEFAULT_NS UINT64_C(10000000000)

_Static_assert(offsetof(struct slu_scope, links) == GOLDEN_LINE_BYTES,
               "what a check reads shares no line with what changes");

void scope_busy_enter(struct slu_scope *scope)
{
    while (scope != NULL && scope->busy_count++ == 0) {
        scope = scope->parent;
    }
}

void scope_busy_leave(struct slu_scope *scope)
{
    while (scope != NULL) {
        SLU_ASSERT(scope->busy_count > 0);
        if (--scope->busy_count > 0) {
            return;
        }
        if (scope->closer != NULL) {
            condition_signal(&scope->closer->quiet);
        }
        scope = scope->parent;
    }
}

/* The first scope of the subtree when children come before their parents. */
struct slu_scope *scope_post_first(struct slu_scope *top)
{
    while (top->links.first_child != NULL) {
        top = top->links.first_child;
    }
    return top;
}

/* The one after `scope`; NULL after `top`. */
struct slu_scope *scope_post_next(const struct slu_scope *top, struct slu_scope *scope)
{
    if (scope == top) {
        return NULL;
    }
    struct slu_scope *sibling = scope->links.next_sibling;
    return sibling != NULL ? scope_post_first(sibling) : scope->parent;
}

static void scope_link(struct slu_scope *scope)
{
    struct slu_scope *parent = scope->parent;
    struct slu_scope *next = parent->links.first_child;
    scope->links.next_sibling = next;
    if (next != NULL) {
        next->links.previous_sibling = scope;
    }
    parent->links.first_child = scope;
    parent->links.child_count++;
}

void scope_unlink(struct slu_scope *scope)
{
    struct slu_scope *next = scope->links.next_sibling;
    struct slu_scope *previous = scope->links.previous_sibling;
    if (next != NULL) {
        next->links.previous_sibling = previous;
    }
    if (previous != NULL) {
        previous->links.next_sibling = next;
    } else {
        scope->parent->links.first_child = next;
    }
    scope->parent->links.child_count--;
}

static int check_tasks(const struct slu_scope_options *options, const struct slu_budget *budget,
                       struct slu_diag *diag)
{
    if (options->task_max > SLU_SCOPE_TASK_MAX) {
        return diag_fail(diag, -EINVAL, "task_max is %" PRIu32 "; at most %d", options->task_max,
                         SLU_SCOPE_TASK_MAX);
    }
    if (options->task_max == 0) {
        return 0;
    }
    size_t stack_bytes = options->task_stack_bytes;
    if (stack_bytes < SLU_TASK_STACK_MIN || stack_bytes > SLU_TASK_STACK_MAX) {
        return diag_fail(diag, -EINVAL, "task_stack_bytes is %zu; from %zu to %zu", stack_bytes,
                         SLU_TASK_STACK_MIN, SLU_TASK_STACK_MAX);
    }
    size_t reserved_bytes = slu_task_reserved_bytes(stack_bytes);
    struct slu_budget_stats stats;
    slu_budget_stats(budget, &stats);
    if (reserved_bytes > stats.limit_bytes) {
        return diag_fail(diag, -EDQUOT,
                         "one task with task_stack_bytes %zu takes %zu bytes; budget '%s' holds "
                         "%" PRIu64,
                         stack_bytes, reserved_bytes, slu_budget_name(budget), stats.limit_bytes);
    }
    return 0;
}

static int check_options(const struct slu_scope *parent, const struct slu_scope_options *options,
                         const struct slu_budget *budget, struct slu_diag *diag)
{
    if (options->name == NULL || options->name[0] == '\0') {
        return diag_fail(diag, -EINVAL, "name is missing");
    }
    if (budget == NULL) {
        return diag_fail(diag, -EINVAL, "budget is missing; only a child may leave it out");
    }
    if (parent != NULL && parent->links.depth == SLU_SCOPE_DEPTH_MAX) {
        return diag_fail(diag, -EINVAL, "parent '%s' is at depth %d already", parent->name,
                         SLU_SCOPE_DEPTH_MAX);
    }
    if (options->callback_max > SLU_SCOPE_CALLBACK_MAX) {
        return diag_fail(diag, -EINVAL, "callback_max is %" PRIu32 "; at most %d",
                         options->callback_max, SLU_SCOPE_CALLBACK_MAX);
    }
    return check_tasks(options, budget, diag);
}

static struct scope_reporter reporter_of(const struct slu_scope *parent,
                                         const struct slu_scope_options *options)
{
    struct scope_reporter reporter = {.grace_ns = GRACE_DEFAULT_NS};
    if (parent != NULL) {
        reporter = parent->reporter;
    }
    if (options->on_stuck != NULL) {
        reporter.report = options->on_stuck;
        reporter.arg = options->on_stuck_arg;
    }
    if (options->grace_ns != 0) {
        reporter.grace_ns = options->grace_ns;
    }
    return reporter;
}

static uint64_t deadline_of(const struct slu_scope *parent, const struct slu_scope_options *options)
{
    uint64_t own_ns = options->deadline_ns == 0 ? SLU_SCOPE_NEVER : options->deadline_ns;
    return parent != NULL && parent->deadline_ns < own_ns ? parent->deadline_ns : own_ns;
}

/* Where the parts of a scope's block begin; the scope itself is at 0. */
struct block_plan {
    size_t tree_at; /* a root's alone */
    size_t tasks_at;
    size_t callbacks_at;
    size_t block_bytes;
};

static int block_plan(const struct slu_scope *parent, const struct slu_scope_options *options,
                      struct block_plan *plan)
{
    struct layout layout = {0};
    (void)layout_add(&layout, 1, sizeof(struct slu_scope), GOLDEN_LINE_BYTES);
    plan->tree_at = layout_add(&layout, parent == NULL, sizeof(struct scope_tree), 8);
    plan->tasks_at = layout_add(&layout, options->task_max, sizeof(struct scope_task), 8);
    plan->callbacks_at =
        layout_add(&layout, options->callback_max, sizeof(struct scope_callback), 32);
    return layout_size(&layout, &plan->block_bytes);
}

/* The scope in a block of its own, not yet part of a tree. */
static int scope_make(struct slu_scope *parent, const struct slu_scope_options *options,
                      struct slu_budget *budget, struct slu_scope **out)
{
    struct block_plan plan;
    void *block = NULL;
    int err = block_plan(parent, options, &plan);
    if (err == 0) {
        err = slu_budget_alloc(budget, plan.block_bytes, &block);
    }
    if (err != 0) {
        return err;
    }
    struct slu_scope *scope = block;
    char *bytes = block;
    void *tree = bytes + plan.tree_at;
    void *tasks = bytes + plan.tasks_at;
    void *callbacks = bytes + plan.callbacks_at;
    scope->block_bytes = plan.block_bytes;
    scope->parent = parent;
    scope->budget = budget;
    scope->tree = parent == NULL ? tree : parent->tree;
    scope->links.depth = parent == NULL ? 1 : parent->links.depth + 1;
    scope->deadline_ns = deadline_of(parent, options);
    scope->reporter = reporter_of(parent, options);
    atomic_init(&scope->due.earliest_ns, scope->deadline_ns);
    name_copy(scope->name, options->name);
    tasks_init(scope, tasks, options);
    callbacks_init(&scope->callbacks, callbacks, options->callback_max);
    if (parent == NULL) {
        mutex_init(&scope->tree->lock);
        condition_init(&scope->tree->callback_returned);
    }
    *out = scope;
    return 0;
}

void scope_free(struct slu_scope *scope)
{
    if (scope->parent == NULL) {
        condition_deinit(&scope->tree->callback_returned);
        mutex_deinit(&scope->tree->lock);
    }
    slu_budget_free(scope->budget, scope, scope->block_bytes);
}

int slu_scope_create(struct slu_scope *parent, const struct slu_scope_options *options,
                     struct slu_diag *diag, struct slu_scope **out)
{
    struct slu_budget *budget =
        options->budget == NULL && parent != NULL ? parent->budget : options->budget;
    int err = check_options(parent, options, budget, diag);
    if (err != 0) {
        return err;
    }
    struct slu_scope *scope = NULL;
    err = scope_make(parent, options, budget, &scope);
    if (err != 0) {
        return diag_fail(diag, err,
                         "no memory from budget '%s' for a scope with task_max %" PRIu32
                         " and callback_max %" PRIu32,
                         slu_budget_name(budget), options->task_max, options->callback_max);
    }
    if (parent != NULL) {
        mutex_lock(&parent->tree->lock);
        err = scope_error(parent);
        if (err == 0) {
            scope_link(scope);
            deadline_link(scope);
        }
        mutex_unlock(&parent->tree->lock);
    }
    if (err != 0) {
        scope_free(scope);
        return diag_fail(diag, err, "parent '%s' is cancelled", parent->name);
    }
    *out = scope;
    return 0;
}

const char *slu_scope_name(const struct slu_scope *scope)
{
    return scope->name;
}

void slu_scope_stats(struct slu_scope *scope, struct slu_scope_stats *out)
{
    mutex_lock(&scope->tree->lock);
    *out = (struct slu_scope_stats){
        .child_count = scope->links.child_count,
        .task_count = scope->tasks.count,
        .task_high = scope->tasks.high,
        .callback_count = scope->callbacks.count,
        .task_refused_count = scope->tasks.refused_count,
        .callback_refused_count = scope->callbacks.refused_count,
    };
    mutex_unlock(&scope->tree->lock);
}
