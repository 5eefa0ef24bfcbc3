/*
 * A waiter blocks on one word, in which three parties set bits, each once.
 *
 * SIGNALLED  by scope_waiter_wake
 * CLAIMED    by a cancellation, under the lock: it has taken the waiter out of the scope's list,
 * and will touch it once more DONE       by that cancellation, without the lock: `error` is there,
 * and the waiter is its thread's own again LEAVING    by the waiting thread: a cancellation that
 * sees it keeps its hands off
 *
 * Of CLAIMED and LEAVING, whoever comes first takes the waiter out of the list: the thread that was
 * claimed never touches the scope again, which may be gone by then. So a thousand waiters wake
 * without queueing for the lock.
 */
#include "scope/wait.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include <sluice/scope.h>

#include "scope/tree.h"
#include "sys/futex.h"

enum {
    WAITER_SIGNALLED = 1,
    WAITER_CLAIMED = 2,
    WAITER_DONE = 4,
    WAITER_LEAVING = 8,
};

static uint32_t word_load(struct scope_waiter *waiter)
{
    /* Pairs with the releases of SIGNALLED and DONE: what was handed over, and `error`, are seen.
     */
    return atomic_load_explicit(&waiter->word, memory_order_acquire);
}

static uint32_t word_add(struct scope_waiter *waiter, uint32_t bit)
{
    return atomic_fetch_or_explicit(&waiter->word, bit, memory_order_acq_rel);
}

void scope_waiter_wake(struct scope_waiter *waiter)
{
    (void)word_add(waiter, WAITER_SIGNALLED);
    futex_wake(&waiter->word);
}

static void waiter_link(struct slu_scope *scope, struct scope_waiter *waiter)
{
    waiter->previous = NULL;
    waiter->next = scope->waiters;
    if (waiter->next != NULL) {
        waiter->next->previous = waiter;
    }
    scope->waiters = waiter;
    scope_busy_enter(scope);
}

static void waiter_unlink(struct slu_scope *scope, struct scope_waiter *waiter)
{
    if (waiter->next != NULL) {
        waiter->next->previous = waiter->previous;
    }
    if (waiter->previous != NULL) {
        waiter->previous->next = waiter->next;
    } else {
        scope->waiters = waiter->next;
    }
    scope_busy_leave(scope);
}

void waiters_claim(struct slu_scope *scope, struct cancel_work *work)
{
    int err = scope_error(scope);
    struct scope_waiter *next = NULL;
    for (struct scope_waiter *waiter = scope->waiters; waiter != NULL; waiter = next) {
        next = waiter->next;
        if (word_add(waiter, WAITER_CLAIMED) & WAITER_LEAVING) {
            continue;
        }
        waiter_unlink(scope, waiter);
        waiter->error = err;
        waiter->next = work->waiters;
        work->waiters = waiter;
    }
}

void waiters_wake(struct scope_waiter *waiters)
{
    while (waiters != NULL) {
        struct scope_waiter *next = waiters->next;
        (void)word_add(waiters, WAITER_DONE); /* it may be gone from here on */
        futex_wake(&waiters->word);
        waiters = next;
    }
}

/* Block until there is a result in the word, or the time has come. */
static void waiter_block(struct scope_waiter *waiter, uint64_t deadline_ns)
{
    uint32_t word = word_load(waiter);
    while ((word & (WAITER_SIGNALLED | WAITER_DONE)) == 0) {
        if (futex_wait_until(&waiter->word, word, deadline_ns) != 0) {
            return;
        }
        word = word_load(waiter);
    }
}

/* A cancellation has claimed the waiter: wait for its last touch, which is on its way. */
static int claimed_result(struct scope_waiter *waiter)
{
    uint32_t word = word_load(waiter);
    while ((word & WAITER_DONE) == 0) {
        (void)futex_wait_until(&waiter->word, word, SLU_SCOPE_NEVER);
        word = word_load(waiter);
    }
    return word & WAITER_SIGNALLED ? 0 : waiter->error;
}

static int waiter_leave(struct slu_scope *scope, struct scope_waiter *waiter, uint64_t deadline_ns)
{
    uint32_t word = word_add(waiter, WAITER_LEAVING);
    if (word & WAITER_CLAIMED) {
        return claimed_result(waiter);
    }
    /* Still in the list, so the scope is still there. */
    int err = 0;
    if ((word & WAITER_SIGNALLED) == 0) {
        if (scope->deadline_ns <= deadline_ns) {
            scope_expire(scope);
        }
        err = scope_error(scope);
        err = err == 0 ? -ETIME : err;
    }
    struct scope_tree *tree = scope->tree;
    mutex_lock(&tree->lock);
    waiter_unlink(scope, waiter);
    mutex_unlock(&tree->lock);
    return err;
}

int scope_wait(struct slu_scope *scope, struct scope_waiter *waiter, uint64_t deadline_ns)
{
    if (word_load(waiter) & WAITER_SIGNALLED) {
        return 0;
    }
    struct scope_tree *tree = scope->tree;
    uint64_t until_ns = deadline_ns < scope->deadline_ns ? deadline_ns : scope->deadline_ns;
    mutex_lock(&tree->lock);
    int err = scope_error(scope);
    if (err == 0) {
        waiter_link(scope, waiter);
    }
    mutex_unlock(&tree->lock);
    if (err != 0) {
        return err;
    }
    waiter_block(waiter, until_ns); /* without a look at the scope, which may go meanwhile */
    return waiter_leave(scope, waiter, deadline_ns);
}

int slu_scope_sleep_until(struct slu_scope *scope, uint64_t deadline_ns)
{
    struct scope_waiter waiter = {0};
    int err = scope_wait(scope, &waiter, deadline_ns);
    return err == -ETIME ? 0 : err;
}
