/*
 * Guests are in one list for the tree: there are no more of them at a time than threads, and scopes
 * are many.
 */
#include "scope/guest.h"

#include "scope/tree.h"

int scope_guest_enter(struct slu_scope *scope, const char *name, struct scope_guest *guest)
{
    struct scope_tree *tree = scope->tree;
    mutex_lock(&tree->lock);
    int err = scope_error(scope);
    if (err == 0) {
        *guest = (struct scope_guest){
            .scope = scope, .next = tree->guests, .thread = thread_self(), .name = name};
        if (guest->next != NULL) {
            guest->next->previous = guest;
        }
        tree->guests = guest;
        scope_busy_enter(scope);
    }
    mutex_unlock(&tree->lock);
    return err;
}

/* Locked. */
static void guest_unlink(struct scope_tree *tree, struct scope_guest *guest)
{
    if (guest->previous == NULL) {
        tree->guests = guest->next;
    } else {
        guest->previous->next = guest->next;
    }
    if (guest->next != NULL) {
        guest->next->previous = guest->previous;
    }
    struct slu_scope *scope = guest->scope;
    guest->scope = NULL;
    scope_busy_leave(scope);
}

/* Only its own thread lets a guest leave, so `scope` is read without the lock. */
void scope_guest_leave(struct scope_guest *guest)
{
    if (guest->scope == NULL) {
        return;
    }
    struct scope_tree *tree = guest->scope->tree;
    mutex_lock(&tree->lock);
    guest_unlink(tree, guest);
    mutex_unlock(&tree->lock);
}

bool guest_is_within(const struct scope_guest *guest, const struct slu_scope *top)
{
    const struct slu_scope *scope = guest->scope;
    while (scope != NULL && scope != top) {
        scope = scope->parent;
    }
    return scope == top;
}

void guests_dismiss(struct slu_scope *top)
{
    uint64_t self = thread_self();
    struct scope_guest *guest = top->tree->guests;
    while (guest != NULL) {
        struct scope_guest *next = guest->next;
        if (guest->thread == self && guest_is_within(guest, top)) {
            guest_unlink(top->tree, guest);
        }
        guest = next;
    }
}
