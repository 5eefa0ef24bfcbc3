/*
 * Callbacks on cancellation: slots in the scope's block, the registered ones linked by age.
 *
 * A handle is the slot's index and its generation. The slot that is running is in no list, and the
 * generation is raised when its callback has returned, so that whoever removes it can wait for
 * that.
 */
#include <sluice/scope.h>

#include <errno.h>

#include "base/assert.h"
#include "scope/guest.h"
#include "scope/tree.h"

void callbacks_init(struct scope_callbacks *callbacks, struct scope_callback *slots, uint32_t max)
{
    callbacks->slots = slots;
    callbacks->max = max;
    callbacks->newest = SLOT_NONE;
    callbacks->first_free = max == 0 ? SLOT_NONE : 0;
    for (uint32_t i = 0; i < max; i++) {
        slots[i].generation = 1;
        slots[i].older = i + 1 < max ? i + 1 : SLOT_NONE;
    }
}

static void slot_unlink(struct scope_callbacks *callbacks, const struct scope_callback *slot)
{
    if (slot->newer == SLOT_NONE) {
        callbacks->newest = slot->older;
    } else {
        callbacks->slots[slot->newer].older = slot->older;
    }
    if (slot->older != SLOT_NONE) {
        callbacks->slots[slot->older].newer = slot->newer;
    }
    callbacks->count--;
}

static void slot_free(struct scope_callbacks *callbacks, struct scope_callback *slot)
{
    slot->state = CALLBACK_FREE;
    slot->generation += slot->generation == UINT32_MAX ? 2 : 1; /* 0 is no generation */
    slot->older = callbacks->first_free;
    callbacks->first_free = (uint32_t)(slot - callbacks->slots);
}

static uint64_t slot_take(struct scope_callbacks *callbacks, slu_scope_fn *run, void *arg)
{
    uint32_t index = callbacks->first_free;
    struct scope_callback *slot = &callbacks->slots[index];
    callbacks->first_free = slot->older;
    slot->run = run;
    slot->arg = arg;
    slot->state = CALLBACK_REGISTERED;
    slot->newer = SLOT_NONE;
    slot->older = callbacks->newest;
    if (slot->older != SLOT_NONE) {
        callbacks->slots[slot->older].newer = index;
    }
    callbacks->newest = index;
    callbacks->count++;
    return (uint64_t)slot->generation << 32 | index;
}

int slu_scope_callback_add(struct slu_scope *scope, slu_scope_fn *run, void *arg, uint64_t *handle)
{
    if (run == NULL) {
        return -EINVAL;
    }
    struct scope_callbacks *callbacks = &scope->callbacks;
    mutex_lock(&scope->tree->lock);
    int err = scope_error(scope);
    if (err == 0 && callbacks->first_free == SLOT_NONE) {
        callbacks->refused_count++;
        err = -EDQUOT;
    }
    if (err == 0) {
        *handle = slot_take(callbacks, run, arg);
    }
    mutex_unlock(&scope->tree->lock);
    return err;
}

/* The slot that the handle names, registered or running; NULL if that is gone. */
static struct scope_callback *slot_find(struct scope_callbacks *callbacks, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    uint32_t generation = (uint32_t)(handle >> 32);
    if (index >= callbacks->max) {
        return NULL;
    }
    struct scope_callback *slot = &callbacks->slots[index];
    return slot->generation == generation && slot->state != CALLBACK_FREE ? slot : NULL;
}

/* Block until the slot's callback has returned; the thread that runs it does not wait for itself.
 */
static void slot_wait(struct slu_scope *scope, uint64_t handle)
{
    struct scope_tree *tree = scope->tree;
    scope_busy_enter(scope); /* a close must not free what this looks at */
    while (scope->callbacks.runner != thread_self() &&
           slot_find(&scope->callbacks, handle) != NULL) {
        (void)condition_wait_until(&tree->callback_returned, &tree->lock, SLU_SCOPE_NEVER);
    }
    scope_busy_leave(scope);
}

/* Locked. */
static int slot_try_remove(struct scope_callbacks *callbacks, uint64_t handle)
{
    struct scope_callback *slot = slot_find(callbacks, handle);
    if (slot == NULL) {
        return -ESTALE;
    }
    if (slot->state != CALLBACK_REGISTERED) {
        return -EBUSY;
    }
    slot_unlink(callbacks, slot);
    slot_free(callbacks, slot);
    return 0;
}

int scope_callback_try_remove(struct slu_scope *scope, uint64_t handle)
{
    mutex_lock(&scope->tree->lock);
    int err = slot_try_remove(&scope->callbacks, handle);
    mutex_unlock(&scope->tree->lock);
    return err;
}

int slu_scope_callback_remove(struct slu_scope *scope, uint64_t handle)
{
    struct scope_tree *tree = scope->tree;
    mutex_lock(&tree->lock);
    int err = slot_try_remove(&scope->callbacks, handle);
    if (err == -EBUSY) {
        slot_wait(scope, handle);
        err = -ESTALE;
    }
    mutex_unlock(&tree->lock);
    return err;
}

/* Called by the one thread that cancelled the scope, for which busy_count was raised. */
void callbacks_run(struct slu_scope *scope)
{
    struct scope_callbacks *callbacks = &scope->callbacks;
    struct scope_tree *tree = scope->tree;
    mutex_lock(&tree->lock);
    SLU_ASSERT(callbacks->runner == thread_self());
    while (callbacks->newest != SLOT_NONE) {
        struct scope_callback *slot = &callbacks->slots[callbacks->newest];
        slot_unlink(callbacks, slot);
        slot->state = CALLBACK_RUNNING;
        mutex_unlock(&tree->lock);
        slot->run(scope, slot->arg);
        mutex_lock(&tree->lock);
        slot_free(callbacks, slot);
        condition_broadcast(&tree->callback_returned);
    }
    callbacks->runner = 0;
    scope_busy_leave(scope);
    mutex_unlock(&tree->lock);
}
