/*
 * Blocking on behalf of a scope: what every blocking call of the library is made of.
 *
 *     struct scope_waiter waiter = {0};
 *     lock my structure; put &waiter where the other side finds it; unlock
 *     err = scope_wait(scope, &waiter, deadline_ns);
 *     lock my structure; take &waiter out; unlock
 *     if err == 0, what was waited for is there
 *
 * The other side calls scope_waiter_wake with the lock of that structure held, so that the waiter
 * cannot leave meanwhile. Where err is not 0, a look under the lock tells whether the wake came too
 * late to be noticed: what was handed over must not be lost.
 */
#ifndef SCOPE_WAIT_H
#define SCOPE_WAIT_H

#include <stdint.h>

struct slu_scope;

/* On the stack of the thread that waits. Starts with all members zero; serves one wait. */
struct scope_waiter {
    struct scope_waiter *next;
    struct scope_waiter *previous;
    _Atomic uint32_t word; /* what the thread blocks on; wait.c says which bits */
    int error;
};

/*
 * Block until woken, until the scope is cancelled, or until the time has come.
 *
 * deadline_ns  by slu_clock_monotonic_ns, or SLU_SCOPE_NEVER
 * Returns      0 if woken, which wins over all else, even if it happened before the call;
 *              -ECANCELED or -ETIMEDOUT when the scope is cancelled, or when its own deadline came,
 *              which this notices; -ETIME when `deadline_ns` came and the scope lives. After an
 *              error of the scope it may be gone, if somebody is closing it.
 * Cost         two passes through the tree's lock and one system call; allocates nothing
 */
int scope_wait(struct slu_scope *scope, struct scope_waiter *waiter, uint64_t deadline_ns);

/* End the wait with 0, now or when it begins. The scope plays no part. */
void scope_waiter_wake(struct scope_waiter *waiter);

#endif
