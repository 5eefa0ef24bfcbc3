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
    return scope_error(scope);
}

enum slu_scope_reason slu_scope_reason(const struct slu_scope *scope)
{
    if (scope_error(scope) == 0) {
        return SLU_SCOPE_LIVE;
    }
    return (enum slu_scope_reason)atomic_load_explicit(&scope->reason, memory_order_relaxed);
}

static void scope_mark(struct slu_scope *scope, int err, enum slu_scope_reason reason,
                       struct cancel_work *work)
{
    atomic_store_explicit(&scope->reason, (uint32_t)reason, memory_order_relaxed);
    atomic_store_explicit(&scope->error, err, memory_order_release);
    deadline_forget(scope);
    waiters_claim(scope, work);
    if (scope->callbacks.count > 0) {
        scope_busy_enter(scope); /* until callbacks_run is through */
        scope->callbacks.runner = thread_self();
        scope->links.cancel_next = NULL;
        *work->last = scope;
        work->last = &scope->links.cancel_next;
    }
}

/* What is cancelled already has nothing live below it. */
void cancel_mark(struct slu_scope *top, int err, enum slu_scope_reason reason,
                 struct cancel_work *work)
{
    if (scope_error(top) != 0) {
        return;
    }
    deadline_unlink(top);
    for (struct slu_scope *scope = scope_post_first(top); scope != NULL;
         scope = scope_post_next(top, scope)) {
        if (scope_error(scope) == 0) {
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

/* Apart from the check, which stays a leaf that saves no registers. */
static int __attribute__((noinline, cold)) deadline_notice(struct slu_scope *scope)
{
    if (scope->deadline_ns == SLU_SCOPE_NEVER) {
        return 0; /* even at the end of time */
    }
    scope_expire(scope);
    return scope_error(scope);
}

int slu_scope_check(struct slu_scope *scope, uint64_t now_ns)
{
    int err = scope_error(scope);
    if (__builtin_expect(err != 0 || now_ns < scope->deadline_ns, 1)) {
        return err;
    }
    return deadline_notice(scope);
}

static int __attribute__((noinline, cold)) deadlines_notice(struct slu_scope *top, uint64_t now_ns)
{
    struct cancel_work work = {.last = &work.first};
    mutex_lock(&top->tree->lock);
    for (struct slu_scope *due = deadline_due(top, now_ns); due != NULL;
         due = deadline_due(top, now_ns)) {
        cancel_mark(due, -ETIMEDOUT, SLU_SCOPE_DEADLINE, &work);
    }
    mutex_unlock(&top->tree->lock);
    cancel_finish(&work);
    return scope_error(top);
}

int slu_scope_advance(struct slu_scope *scope, uint64_t now_ns)
{
    uint64_t next_ns = atomic_load_explicit(&scope->due.earliest_ns, memory_order_relaxed);
    if (__builtin_expect(now_ns < next_ns, 1)) {
        return scope_error(scope);
    }
    return deadlines_notice(scope, now_ns);
}
