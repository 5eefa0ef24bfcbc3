/*
 * Closing: cancel, wait until the subtree is quiet, take it out of the tree, free it.
 *
 * Descendants are freed only when nothing runs in the whole subtree any more, because until then a
 * task of it may use, or close, a scope that it created further down. Such a close under way counts
 * in the parent's busy_count, so two closes never free the same scope.
 */
#include <sluice/scope.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include <sluice/clock.h>

#include "base/assert.h"
#include "scope/guest.h"
#include "scope/tree.h"

#define REPORT_BATCH  8
#define REPORT_FACTOR 64 /* the longest pause between reports, in grace times */

struct stuck_name {
    uintptr_t place; /* address of the task's slot, the guest, or the scope of a running callback */
    char scope[SLU_SCOPE_NAME_MAX];
    char task[SLU_SCOPE_NAME_MAX];
};

/*
 * A round of reports goes by ascending place, a few with each pass through the lock: the tree may
 * change between them, and several closes may report the same tasks at the same time.
 */
struct stuck_batch {
    struct stuck_name names[REPORT_BATCH];
    size_t count;
    uintptr_t after; /* the last place of the batch before */
};

static bool scope_holds_self(const struct slu_scope *scope, uint64_t self)
{
    if (scope->callbacks.runner == self) {
        return true;
    }
    for (uint32_t i = 0; i < scope->tasks.max && scope->tasks.count > 0; i++) {
        struct scope_task *task = &scope->tasks.slots[i];
        /* Relaxed: only this thread's own write can make them equal. */
        if (task->in_use && atomic_load_explicit(&task->thread.id, memory_order_relaxed) == self) {
            return true;
        }
    }
    return false;
}

/* Locked. */
static bool subtree_holds_self(struct slu_scope *top)
{
    uint64_t self = thread_self();
    struct slu_scope *scope = top->busy_count == 0 ? NULL : scope_post_first(top);
    while (scope != NULL && !scope_holds_self(scope, self)) {
        scope = scope_post_next(top, scope);
    }
    return scope != NULL;
}

/* Keep the lowest places above `after`, in order. */
static void batch_offer(struct stuck_batch *batch, uintptr_t place, const char *scope,
                        const char *task)
{
    size_t at = batch->count;
    while (at > 0 && batch->names[at - 1].place > place) {
        at--;
    }
    if (place <= batch->after || at == REPORT_BATCH) {
        return;
    }
    size_t kept = batch->count < REPORT_BATCH ? batch->count : REPORT_BATCH - 1;
    memmove(&batch->names[at + 1], &batch->names[at], (kept - at) * sizeof(batch->names[0]));
    batch->count = kept + 1;
    batch->names[at] = (struct stuck_name){.place = place};
    name_copy(batch->names[at].scope, scope);
    name_copy(batch->names[at].task, task);
}

/* Locked. */
static void batch_fill(struct stuck_batch *batch, struct slu_scope *top)
{
    for (const struct scope_guest *guest = top->tree->guests; guest != NULL; guest = guest->next) {
        if (guest_is_within(guest, top)) {
            batch_offer(batch, (uintptr_t)guest, guest->scope->name, guest->name);
        }
    }
    for (struct slu_scope *scope = scope_post_first(top); scope != NULL;
         scope = scope_post_next(top, scope)) {
        if (scope->callbacks.runner != 0) {
            batch_offer(batch, (uintptr_t)scope, scope->name, "cancel callback");
        }
        for (uint32_t i = 0; i < scope->tasks.max && scope->tasks.count > 0; i++) {
            const struct scope_task *task = &scope->tasks.slots[i];
            if (task->in_use) {
                batch_offer(batch, (uintptr_t)task, scope->name, task->name);
            }
        }
    }
}

/* Locked, but not while it reports. */
static void report_stuck(struct slu_scope *top, uint64_t waited_ns)
{
    struct stuck_batch batch = {0};
    do {
        batch.count = 0;
        batch_fill(&batch, top);
        mutex_unlock(&top->tree->lock);
        for (size_t i = 0; i < batch.count; i++) {
            const struct slu_scope_stuck stuck = {.scope_name = batch.names[i].scope,
                                                  .task_name = batch.names[i].task,
                                                  .waited_ns = waited_ns};
            top->reporter.report(top->reporter.arg, &stuck);
            batch.after = batch.names[i].place;
        }
        mutex_lock(&top->tree->lock);
    } while (batch.count == REPORT_BATCH);
}

static uint64_t saturating_add(uint64_t left, uint64_t right)
{
    return left > UINT64_MAX - right ? UINT64_MAX : left + right;
}

/* Locked: wait until nothing runs in the subtree, and report what does. */
static void wait_until_quiet(struct slu_scope *top, struct scope_closer *closer)
{
    bool reports = top->reporter.report != NULL && top->busy_count > 0;
    uint64_t grace_ns = top->reporter.grace_ns;
    uint64_t began_ns = reports ? slu_clock_monotonic_ns() : 0;
    uint64_t next_ns = reports ? saturating_add(began_ns, grace_ns) : SLU_SCOPE_NEVER;
    uint64_t factor = 1;
    while (top->busy_count > 0) {
        if (condition_wait_until(&closer->quiet, &top->tree->lock, next_ns) == 0 ||
            top->busy_count == 0) {
            continue;
        }
        uint64_t now_ns = slu_clock_monotonic_ns();
        report_stuck(top, now_ns - began_ns);
        factor = factor < REPORT_FACTOR ? 2 * factor : REPORT_FACTOR;
        uint64_t pause_ns = grace_ns > UINT64_MAX / factor ? UINT64_MAX : grace_ns * factor;
        next_ns = saturating_add(now_ns, pause_ns);
    }
}

/* The subtree is out of everybody's reach: join the last threads before anything is freed. */
static void subtree_free(struct slu_scope *top)
{
    for (struct slu_scope *scope = scope_post_first(top); scope != NULL;
         scope = scope_post_next(top, scope)) {
        tasks_collect(scope);
    }
    struct slu_scope *scope = scope_post_first(top);
    while (scope != NULL) {
        struct slu_scope *next = scope_post_next(top, scope);
        scope_free(scope);
        scope = next;
    }
}

/* Locked. */
static void close_begin(struct slu_scope *top, struct scope_closer *closer,
                        struct cancel_work *work)
{
    SLU_ASSERT(top->closer == NULL); /* nobody else is closing it */
    condition_init(&closer->quiet);
    top->closer = closer;
    scope_busy_enter(top->parent);
    guests_dismiss(top);
    cancel_mark(top, -ECANCELED, SLU_SCOPE_CANCELLED, work);
    for (struct slu_scope *scope = scope_post_first(top); scope != NULL;
         scope = scope_post_next(top, scope)) {
        scope->tasks.closing = true;
    }
}

int slu_scope_close(struct slu_scope **handle)
{
    struct slu_scope *scope = handle == NULL ? NULL : *handle;
    if (scope == NULL) {
        return 0;
    }
    struct scope_tree *tree = scope->tree;
    struct slu_scope *parent = scope->parent;
    struct scope_closer closer;
    struct cancel_work work = {.last = &work.first};
    mutex_lock(&tree->lock);
    if (subtree_holds_self(scope)) {
        mutex_unlock(&tree->lock);
        return -EDEADLK;
    }
    close_begin(scope, &closer, &work);
    mutex_unlock(&tree->lock);
    cancel_finish(&work);

    mutex_lock(&tree->lock);
    wait_until_quiet(scope, &closer);
    if (parent != NULL) {
        scope_unlink(scope);
    }
    mutex_unlock(&tree->lock);
    condition_deinit(&closer.quiet);
    subtree_free(scope);
    *handle = NULL;
    if (parent != NULL) {
        mutex_lock(&tree->lock);
        scope_busy_leave(parent); /* which may be freed from here on */
        mutex_unlock(&tree->lock);
    }
    return 0;
}
