/* The whole of a tree against its invariants, for the tests. */
#include "scope/validate.h"

#include <stdatomic.h>

#include "base/assert.h"
#include "scope/guest.h"
#include "scope/tree.h"
#include "scope/wait.h"

static uint64_t earliest_of(const struct slu_scope *scope)
{
    return atomic_load_explicit(&scope->due.earliest_ns, memory_order_relaxed);
}

static void validate_against_parent(const struct slu_scope *scope)
{
    const struct slu_scope *parent = scope->parent;
    if (parent == NULL) {
        SLU_ASSERT(scope->links.depth == 1);
        return;
    }
    SLU_ASSERT(scope->tree == parent->tree);
    SLU_ASSERT(scope->links.depth == parent->links.depth + 1);
    SLU_ASSERT(scope->deadline_ns <= parent->deadline_ns);
    SLU_ASSERT(slu_scope_error(parent) == 0 || slu_scope_error(scope) != 0);
}

/* Returns how many places there are directly below this one in its parent's heap. */
static uint32_t validate_heap_row(const struct slu_scope *above)
{
    uint32_t count = 0;
    const struct slu_scope *previous = above;
    for (const struct slu_scope *scope = above->due.heap_child; scope != NULL;
         scope = scope->due.heap_next) {
        SLU_ASSERT(scope->due.heap_previous == previous);
        SLU_ASSERT(scope->parent == above->parent);
        SLU_ASSERT(earliest_of(above) <= earliest_of(scope));
        previous = scope;
        count++;
    }
    return count;
}

static void validate_deadline(const struct slu_scope *scope)
{
    if (slu_scope_error(scope) != 0) {
        SLU_ASSERT(slu_scope_reason(scope) != SLU_SCOPE_LIVE);
        SLU_ASSERT(earliest_of(scope) == SLU_SCOPE_NEVER);
        SLU_ASSERT(scope->due.first_due == NULL && scope->due.heap_previous == NULL);
        return;
    }
    SLU_ASSERT(slu_scope_reason(scope) == SLU_SCOPE_LIVE);
    uint64_t earliest_ns = scope->deadline_ns;
    uint32_t held_count = 0;
    uint32_t place_count = scope->due.first_due != NULL;
    for (const struct slu_scope *child = scope->links.first_child; child != NULL;
         child = child->links.next_sibling) {
        bool held = scope->due.first_due == child || child->due.heap_previous != NULL;
        SLU_ASSERT(held == (earliest_of(child) < scope->deadline_ns));
        held_count += held;
        place_count += validate_heap_row(child);
        earliest_ns = earliest_of(child) < earliest_ns ? earliest_of(child) : earliest_ns;
    }
    SLU_ASSERT(held_count == place_count);
    SLU_ASSERT(earliest_of(scope) == earliest_ns);
}

static void validate_callbacks(const struct scope_callbacks *callbacks)
{
    uint32_t registered = 0;
    uint32_t newer = SLOT_NONE;
    for (uint32_t i = callbacks->newest; i != SLOT_NONE; i = callbacks->slots[i].older) {
        SLU_ASSERT(callbacks->slots[i].state == CALLBACK_REGISTERED);
        SLU_ASSERT(callbacks->slots[i].newer == newer);
        newer = i;
        registered++;
    }
    uint32_t free_count = 0;
    for (uint32_t i = callbacks->first_free; i != SLOT_NONE; i = callbacks->slots[i].older) {
        SLU_ASSERT(callbacks->slots[i].state == CALLBACK_FREE);
        free_count++;
    }
    uint32_t running = callbacks->max - registered - free_count;
    SLU_ASSERT(registered == callbacks->count);
    SLU_ASSERT(running <= (callbacks->runner != 0));
}

static void validate_tasks(const struct scope_tasks *tasks)
{
    uint32_t in_use = 0;
    for (uint32_t i = 0; i < tasks->max; i++) {
        in_use += tasks->slots[i].in_use;
    }
    uint32_t free_count = 0;
    for (uint32_t i = tasks->first_free; i != SLOT_NONE; i = tasks->slots[i].next) {
        SLU_ASSERT(!tasks->slots[i].in_use);
        free_count++;
    }
    uint32_t left_count = 0;
    for (uint32_t i = tasks->first_left; i != SLOT_NONE; i = tasks->slots[i].next) {
        SLU_ASSERT(!tasks->slots[i].in_use);
        left_count++;
    }
    SLU_ASSERT(in_use == tasks->count);
    SLU_ASSERT(in_use + free_count + left_count == tasks->max);
    SLU_ASSERT(left_count == 0 || tasks->closing);
    SLU_ASSERT(tasks->count <= tasks->high && tasks->high <= tasks->max);
}

/* At least: those who wait for a running callback are counted, too. */
static void validate_busy(const struct slu_scope *scope)
{
    uint64_t busy = scope->tasks.count + (scope->callbacks.runner != 0);
    for (const struct scope_guest *guest = scope->tree->guests; guest != NULL;
         guest = guest->next) {
        busy += guest->scope == scope;
    }
    const struct scope_waiter *previous = NULL;
    for (const struct scope_waiter *waiter = scope->waiters; waiter != NULL;
         waiter = waiter->next) {
        SLU_ASSERT(waiter->previous == previous);
        previous = waiter;
        busy++;
    }
    uint32_t child_count = 0;
    const struct slu_scope *before = NULL;
    for (const struct slu_scope *child = scope->links.first_child; child != NULL;
         child = child->links.next_sibling) {
        SLU_ASSERT(child->parent == scope);
        SLU_ASSERT(child->links.previous_sibling == before);
        before = child;
        child_count++;
        busy += child->busy_count > 0;
        busy += child->closer != NULL;
    }
    SLU_ASSERT(child_count == scope->links.child_count);
    SLU_ASSERT(scope->busy_count >= busy);
}

void scope_validate(struct slu_scope *top)
{
    mutex_lock(&top->tree->lock);
    for (struct slu_scope *scope = scope_post_first(top); scope != NULL;
         scope = scope_post_next(top, scope)) {
        validate_against_parent(scope);
        validate_deadline(scope);
        validate_callbacks(&scope->callbacks);
        validate_tasks(&scope->tasks);
        validate_busy(scope);
    }
    mutex_unlock(&top->tree->lock);
}
