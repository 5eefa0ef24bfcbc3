/* The inside of a scope, for the files of this folder. scope.c states the locking. */
#ifndef SCOPE_TREE_H
#define SCOPE_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sluice/budget.h>
#include <sluice/scope.h>

#include "base/golden.h"
#include "sys/mutex.h"
#include "sys/thread.h"

#define SLOT_NONE UINT32_MAX

struct scope_guest;
struct scope_waiter;

/* One for each tree, in the block of its root. */
struct scope_tree {
    struct mutex lock;
    struct condition callback_returned; /* for those who remove a callback that is running */
    struct scope_guest *guests;
};

enum callback_state {
    CALLBACK_FREE,
    CALLBACK_REGISTERED,
    CALLBACK_RUNNING,
};

struct scope_callback {
    slu_scope_fn *run;
    void *arg;
    uint32_t generation; /* of the handle; raised when the slot becomes free */
    uint32_t newer;      /* while registered: neighbours by age, or SLOT_NONE */
    uint32_t older;      /* while free: the next free slot */
    enum callback_state state;
};
GOLDEN_LAYOUT(struct scope_callback, 32, 0, 0, run, arg, generation, newer, older, state);

struct scope_callbacks {
    struct scope_callback *slots;
    uint32_t max;
    uint32_t count; /* registered, without the running one */
    uint32_t newest;
    uint32_t first_free;
    uint64_t refused_count;
    uint64_t runner; /* the thread that is to run them, from the cancellation on; else 0 */
};

struct scope_task {
    struct slu_scope *scope;
    slu_scope_fn *run;
    void *arg;
    struct thread thread;
    uint32_t next; /* while free, or ended during a close: the next such slot */
    bool in_use;
    char name[SLU_SCOPE_NAME_MAX];
};

struct scope_tasks {
    struct scope_task *slots;
    uint32_t max;
    uint32_t count;
    uint32_t high;
    uint32_t first_free;
    size_t reserved_bytes; /* of each task, charged while its thread is there */
    uint64_t refused_count;
    struct thread ended; /* the last that ended, not yet joined; id 0 when there is none */
    uint32_t first_left; /* slots of those that ended since a close began, left to it */
    bool closing;
};

/* On the stack of the thread that closes a scope. */
struct scope_closer {
    struct condition quiet; /* the scope's busy_count has become 0 */
};

/* How a close tells of what does not end. */
struct scope_reporter {
    void (*report)(void *arg, const struct slu_scope_stuck *stuck);
    void *arg;
    uint64_t grace_ns;
};

struct scope_links {
    struct slu_scope *first_child;
    struct slu_scope *next_sibling;
    struct slu_scope *previous_sibling;
    struct slu_scope *cancel_next; /* the next scope whose callbacks the same cancellation runs */
    uint32_t child_count;
    uint32_t depth;
};

/*
 * A scope's earliest deadline, and its place among its parent's children in a pairing heap ordered
 * by it: deadline.c.
 */
struct scope_due {
    _Atomic uint64_t earliest_ns; /* the lowest deadline_ns of all live scopes in the subtree */
    struct slu_scope *first_due;  /* of the scope's children, the one that is due first */
    struct slu_scope *heap_child; /* the scope's own place in its parent's heap */
    struct slu_scope *heap_next;
    struct slu_scope *heap_previous; /* or the parent in the heap, for its first child */
};

struct slu_scope {
    /* The first line is read by every check; it is written at creation and cancellation. */
    _Atomic int error;       /* 0, -ECANCELED, -ETIMEDOUT; its order is stated in cancel.c */
    _Atomic uint32_t reason; /* enum slu_scope_reason */
    uint64_t deadline_ns;    /* in force: of this scope and its ancestors */
    struct scope_tree *tree;
    struct slu_scope *parent;
    struct slu_budget *budget;
    struct scope_reporter reporter;

    struct scope_links links;
    struct scope_waiter *waiters;
    /*
     * What keeps the scope from being freed: its running tasks, its guests, its blocked waiters, a
     * cancellation that goes through its callbacks, each child with a busy_count above 0, and each
     * child's close under way.
     */
    uint64_t busy_count;
    struct scope_closer *closer; /* set from the moment at which a close begins */
    struct scope_due due;
    struct scope_callbacks callbacks;
    struct scope_tasks tasks;
    size_t block_bytes;
    char name[SLU_SCOPE_NAME_MAX];
};
GOLDEN_LAYOUT(struct slu_scope, 320, 0, 1, error, reason, deadline_ns, tree, parent, budget,
              reporter, links, waiters, busy_count, closer, due, callbacks, tasks, block_bytes,
              name);

/* What a cancellation leaves to be done without the lock. */
struct cancel_work {
    struct scope_waiter *waiters;
    struct slu_scope *first;
    struct slu_scope **last;
};

/* 0 while the scope lives. Pairs with the release in scope_mark (cancel.c). */
static inline int scope_error(const struct slu_scope *scope)
{
    return atomic_load_explicit(&scope->error, memory_order_acquire);
}

/* Cut to the room of a name. */
static inline void name_copy(char to[SLU_SCOPE_NAME_MAX], const char *from)
{
    size_t len = strnlen(from, SLU_SCOPE_NAME_MAX - 1);
    memcpy(to, from, len);
    to[len] = '\0';
}

/* Functions marked "locked" are called with the tree's lock held, all others without it. */

/* scope.c */
void scope_busy_enter(struct slu_scope *scope); /* locked */
void scope_busy_leave(struct slu_scope *scope); /* locked */
struct slu_scope *scope_post_first(struct slu_scope *top);
struct slu_scope *scope_post_next(const struct slu_scope *top, struct slu_scope *scope);
void scope_unlink(struct slu_scope *scope); /* locked */
void scope_free(struct slu_scope *scope);

/* cancel.c */
void cancel_mark(struct slu_scope *top, int err, enum slu_scope_reason reason,
                 struct cancel_work *work); /* locked */
void cancel_finish(struct cancel_work *work);
void scope_expire(struct slu_scope *scope);

/* deadline.c; all locked */
void deadline_link(struct slu_scope *scope);
void deadline_unlink(struct slu_scope *scope);
void deadline_forget(struct slu_scope *scope);
struct slu_scope *deadline_due(struct slu_scope *top, uint64_t now_ns);

/* callback.c */
void callbacks_init(struct scope_callbacks *callbacks, struct scope_callback *slots, uint32_t max);
void callbacks_run(struct slu_scope *scope);

/* guest.c; all locked */
bool guest_is_within(const struct scope_guest *guest, const struct slu_scope *top);
void guests_dismiss(struct slu_scope *top); /* those of this thread leave the subtree */

/* wait.c */
void waiters_claim(struct slu_scope *scope, struct cancel_work *work); /* locked */
void waiters_wake(struct scope_waiter *waiters);

/* task.c */
void tasks_init(struct slu_scope *scope, struct scope_task *slots,
                const struct slu_scope_options *options);
void tasks_collect(struct slu_scope *scope); /* when nothing runs in the scope any more */

#endif
