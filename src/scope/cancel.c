/*
 * Cancellation: mark under the lock, then wake and call without it.
 *
 * `error` goes from 0 to its value once, under the lock, with release order; whoever reads it
 * without the lock does so with acquire order, and so sees everything that the cancelling thread
 * did before, and `reason`, which is stored first.
 */
#include <sluice/scope.h>

#include <errno.h>
#include <stdatomic.h>

#include "scope/tree.h"

int slu_scope_error(const struct slu_scope *scope)
{
    return atomic_load_explicit(&scope->error, memory_order_acquire); /* pairs with scope_mark */
}

enum slu_scope_reason slu_scope_reason(const struct slu_scope *scope)
{
    if (slu_scope_error(scope) == 0) {
        return SLU_SCOPE_LIVE;
    }
    return (enum slu_scope_reason)atomic_load_explicit(&scope->reason, memory_order_relaxed);
}

static void scope_mark(struct slu_scope *scope, int err, enum slu_scope_reason reason,
                       struct cancel_work *work)
{
    atomic_store_explicit(&scope->reason, (uint32_t)reason, memory_order_relaxed);
    atomic_store_explicit(&scope->error, err, memory_order_release);
    atomic_store_explicit(&scope->earliest_ns, SLU_SCOPE_NEVER, memory_order_relaxed);
    waiters_claim(scope, work);
    if (scope->callbacks.count > 0) {
        scope_busy_enter(scope); /* until callbacks_run is through */
        scope->callbacks.runner = thread_self();
        scope->links.cancel_next = NULL;
        *work->last = scope;
        work->last = &scope->links.cancel_next;
    }
}

void cancel_mark(struct slu_scope *top, int err, enum slu_scope_reason reason,
                 struct cancel_work *work)
{
    for (struct slu_scope *scope = scope_post_first(top); scope != NULL;
         scope = scope_post_next(top, scope)) {
        if (atomic_load_explicit(&scope->error, memory_order_relaxed) == 0) {
            scope_mark(scope, err, scope == top ? reason : SLU_SCOPE_PARENT, work);
        }
    }
}

void cancel_finish(struct cancel_work *work)
{
    waiters_wake(work->waiters);
    struct slu_scope *scope = work->first;
    while (scope != NULL) {
        struct slu_scope *next = scope->links.cancel_next; /* scope may be gone afterwards */
        callbacks_run(scope);
        scope = next;
    }
}

static void scope_cancel_for(struct slu_scope *scope, int err, enum slu_scope_reason reason)
{
    struct cancel_work work = {.last = &work.first};
    mutex_lock(&scope->tree->lock);
    cancel_mark(scope, err, reason, &work);
    mutex_unlock(&scope->tree->lock);
    cancel_finish(&work);
}

void slu_scope_cancel(struct slu_scope *scope)
{
    scope_cancel_for(scope, -ECANCELED, SLU_SCOPE_CANCELLED);
}

void scope_expire(struct slu_scope *scope)
{
    scope_cancel_for(scope, -ETIMEDOUT, SLU_SCOPE_DEADLINE);
}

int slu_scope_check(struct slu_scope *scope, uint64_t now_ns)
{
    int err = slu_scope_error(scope);
    if (__builtin_expect(err != 0 || now_ns < scope->deadline_ns, 1)) {
        return err;
    }
    scope_expire(scope);
    return slu_scope_error(scope);
}

/*
 * Look at one scope. Returns whether its children must be looked at, too: then `earliest_ns` is
 * that of the scope alone, and each child lowers it as the walk leaves it.
 */
static bool advance_enter(struct slu_scope *scope, uint64_t now_ns, struct cancel_work *work)
{
    if (atomic_load_explicit(&scope->earliest_ns, memory_order_relaxed) > now_ns) {
        return false;
    }
    if (scope->deadline_ns <= now_ns) {
        cancel_mark(scope, -ETIMEDOUT, SLU_SCOPE_DEADLINE, work);
        return false;
    }
    atomic_store_explicit(&scope->earliest_ns, scope->deadline_ns, memory_order_relaxed);
    return true;
}

static void advance_leave(const struct slu_scope *scope)
{
    uint64_t earliest_ns = atomic_load_explicit(&scope->earliest_ns, memory_order_relaxed);
    struct slu_scope *parent = scope->parent;
    if (earliest_ns < atomic_load_explicit(&parent->earliest_ns, memory_order_relaxed)) {
        atomic_store_explicit(&parent->earliest_ns, earliest_ns, memory_order_relaxed);
    }
}

static void advance_mark(struct slu_scope *top, uint64_t now_ns, struct cancel_work *work)
{
    struct slu_scope *scope = top;
    bool down = advance_enter(scope, now_ns, work);
    for (;;) {
        if (down && scope->links.first_child != NULL) {
            scope = scope->links.first_child;
            down = advance_enter(scope, now_ns, work);
            continue;
        }
        if (scope == top) {
            return;
        }
        advance_leave(scope);
        down = false;
        if (scope->links.next_sibling == NULL) {
            scope = scope->parent;
        } else {
            scope = scope->links.next_sibling;
            down = advance_enter(scope, now_ns, work);
        }
    }
}

int slu_scope_advance(struct slu_scope *scope, uint64_t now_ns)
{
    if (__builtin_expect(slu_scope_next_deadline_ns(scope) <= now_ns, 0)) {
        struct cancel_work work = {.last = &work.first};
        mutex_lock(&scope->tree->lock);
        advance_mark(scope, now_ns, &work);
        mutex_unlock(&scope->tree->lock);
        cancel_finish(&work);
    }
    return slu_scope_error(scope);
}
