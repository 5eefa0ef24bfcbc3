/*
 * For structures that have a thread of their own and hang callbacks on scopes that any thread may
 * cancel, such as a timing wheel.
 *
 * A guest is a call that runs in a scope without being its task. A close waits until it has left,
 * as it waits for tasks. Unlike a task the call may itself close the scope, or one above it: that
 * close lets the guest leave first, so a timer's callback may take down its connection.
 */
#ifndef SCOPE_GUEST_H
#define SCOPE_GUEST_H

#include <stdint.h>

struct slu_scope;

/* On the stack of the call. */
struct scope_guest {
    struct slu_scope *scope; /* NULL once it has left */
    struct scope_guest *next;
    struct scope_guest *previous;
    uint64_t thread;
    const char *name;
};

/*
 * Begin the call.
 *
 * scope    must be there, which the caller knows: a callback of its own on it has not run yet
 * name     for the reports of a close that waits; a constant
 * Returns  0; -ECANCELED or -ETIMEDOUT on a cancelled scope, and the call must not begin
 * Cost     O(depth)
 */
int scope_guest_enter(struct slu_scope *scope, const char *name, struct scope_guest *guest);

/* End it, on the same thread. The scope may be gone from then on, or may be gone already. */
void scope_guest_leave(struct scope_guest *guest);

/*
 * As slu_scope_callback_remove, but without waiting for a callback that is running.
 *
 * Returns  0 if it has not run and never will; -EBUSY if it is running, or about to; -ESTALE if it
 *          has run, or was removed before
 */
int scope_callback_try_remove(struct slu_scope *scope, uint64_t handle);

#endif
