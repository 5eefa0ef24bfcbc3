/*
 * Which scope is due next: each scope keeps its children in a pairing heap, ordered by the earliest
 * deadline of each child's subtree, so that the way down to what is due leads from first to first.
 *
 * Only what can be due before its parent is in the parent's heap: live children with an earliest
 * deadline below the parent's own. A child without a deadline of its own costs nothing here.
 *
 * Source: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap: a new form of self-adjusting
 * heap", Algorithmica 1, 1986; the two-pass form.
 */
#include <sluice/scope.h>

#include <stdatomic.h>

#include "base/assert.h"
#include "scope/tree.h"

/* Relaxed: written under the lock; who reads it without may act on an older value. */
static uint64_t earliest_load(const struct slu_scope *scope)
{
    return atomic_load_explicit(&scope->due.earliest_ns, memory_order_relaxed);
}

static void earliest_store(struct slu_scope *scope, uint64_t earliest_ns)
{
    atomic_store_explicit(&scope->due.earliest_ns, earliest_ns, memory_order_relaxed);
}

/* Two heaps become one; each argument is a first that has no neighbours. */
static struct slu_scope *heap_meld(struct slu_scope *left, struct slu_scope *right)
{
    if (left == NULL || right == NULL) {
        return left == NULL ? right : left;
    }
    bool left_first = earliest_load(left) <= earliest_load(right);
    struct slu_scope *first = left_first ? left : right;
    struct slu_scope *second = left_first ? right : left;
    second->due.heap_previous = first;
    second->due.heap_next = first->due.heap_child;
    if (second->due.heap_next != NULL) {
        second->due.heap_next->due.heap_previous = second;
    }
    first->due.heap_child = second;
    return first;
}

static struct slu_scope *heap_cut_next(struct slu_scope **rest)
{
    struct slu_scope *scope = *rest;
    if (scope != NULL) {
        *rest = scope->due.heap_next;
        scope->due.heap_next = NULL;
        scope->due.heap_previous = NULL;
    }
    return scope;
}

/* The children of a first that has gone: meld them in pairs, then the pairs from the last on. */
static struct slu_scope *heap_meld_all(struct slu_scope *rest)
{
    struct slu_scope *pairs = NULL;
    while (rest != NULL) {
        struct slu_scope *left = heap_cut_next(&rest);
        struct slu_scope *pair = heap_meld(left, heap_cut_next(&rest));
        pair->due.heap_next = pairs;
        pairs = pair;
    }
    struct slu_scope *all = NULL;
    while (pairs != NULL) {
        all = heap_meld(all, heap_cut_next(&pairs));
    }
    return all;
}

static bool heap_holds(const struct slu_scope *parent, const struct slu_scope *scope)
{
    return parent->due.first_due == scope || scope->due.heap_previous != NULL;
}

static void heap_remove(struct slu_scope *parent, struct slu_scope *scope)
{
    struct slu_scope *children = heap_meld_all(scope->due.heap_child);
    struct slu_scope *previous = scope->due.heap_previous;
    struct slu_scope *next = scope->due.heap_next;
    if (previous == NULL) {
        SLU_ASSERT(parent->due.first_due == scope);
        parent->due.first_due = children;
    } else {
        if (previous->due.heap_child == scope) {
            previous->due.heap_child = next;
        } else {
            previous->due.heap_next = next;
        }
        if (next != NULL) {
            next->due.heap_previous = previous;
        }
        parent->due.first_due = heap_meld(parent->due.first_due, children);
    }
    scope->due.heap_child = NULL;
    scope->due.heap_next = NULL;
    scope->due.heap_previous = NULL;
}

static void heap_place(struct slu_scope *parent, struct slu_scope *scope)
{
    if (earliest_load(scope) < parent->deadline_ns) {
        parent->due.first_due = heap_meld(parent->due.first_due, scope);
    }
}

/* The scope's children have changed: find its earliest deadline anew, and so on upwards. */
static void earliest_update(struct slu_scope *scope)
{
    while (scope != NULL) {
        const struct slu_scope *first = scope->due.first_due;
        uint64_t earliest_ns = first == NULL ? scope->deadline_ns : earliest_load(first);
        if (earliest_ns == earliest_load(scope)) {
            return;
        }
        struct slu_scope *parent = scope->parent;
        if (parent != NULL && heap_holds(parent, scope)) {
            heap_remove(parent, scope);
        }
        earliest_store(scope, earliest_ns);
        if (parent != NULL) {
            heap_place(parent, scope);
        }
        scope = parent;
    }
}

/* A new scope, which has no children; `earliest_ns` is its own deadline. */
void deadline_link(struct slu_scope *scope)
{
    heap_place(scope->parent, scope);
    earliest_update(scope->parent);
}

/* A live scope that is about to be cancelled, with all below it, is due no more. */
void deadline_unlink(struct slu_scope *scope)
{
    struct slu_scope *parent = scope->parent;
    if (parent != NULL && heap_holds(parent, scope)) {
        heap_remove(parent, scope);
        earliest_update(parent);
    }
}

/* A scope that has been cancelled, whose parent does not ask for it any more. */
void deadline_forget(struct slu_scope *scope)
{
    scope->due.first_due = NULL;
    scope->due.heap_child = NULL;
    scope->due.heap_next = NULL;
    scope->due.heap_previous = NULL;
    earliest_store(scope, SLU_SCOPE_NEVER);
}

/* A scope in the subtree whose deadline has come, no scope between it and `top` being due; or NULL.
 */
struct slu_scope *deadline_due(struct slu_scope *top, uint64_t now_ns)
{
    if (earliest_load(top) > now_ns || earliest_load(top) == SLU_SCOPE_NEVER) {
        return NULL;
    }
    while (top->deadline_ns > now_ns) {
        top = top->due.first_due;
    }
    return top;
}

uint64_t slu_scope_deadline_ns(const struct slu_scope *scope)
{
    return scope->deadline_ns;
}

uint64_t slu_scope_next_deadline_ns(const struct slu_scope *scope)
{
    return earliest_load(scope);
}
