/*
 * Scopes: what is started within one ends with it.
 *
 * Scopes form a tree. Cancelling a scope cancels everything below it, once and for good; closing it
 * cancels, waits until all its tasks have ended, and frees it. A cancelled scope takes nothing new:
 * no child, no task, no callback. Callers hear of a cancellation as -ECANCELED, or as -ETIMEDOUT
 * when a deadline was the cause.
 *
 * Time is an argument. A deadline is noticed when somebody looks: slu_scope_check,
 * slu_scope_advance, or a blocking call on the scope, which wakes by its own timeout. Blocking
 * calls and their deadlines are by slu_clock_monotonic_ns; all others take any clock, and a clock
 * that runs backwards never undoes a cancellation.
 *
 * All functions may be called from any thread, except that a scope must not be used once its close
 * has begun, other than by its own tasks and callbacks, and by blocking calls already under way.
 */
#ifndef SLUICE_SCOPE_H
#define SLUICE_SCOPE_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

SLU_BEGIN_DECLS

struct slu_budget;
struct slu_diag;
struct slu_scope;

#define SLU_SCOPE_NAME_MAX     32      /* bytes kept of a scope's or task's name, with the zero */
#define SLU_SCOPE_DEPTH_MAX    64      /* a root has depth 1 */
#define SLU_SCOPE_TASK_MAX     65536   /* highest task_max */
#define SLU_SCOPE_CALLBACK_MAX 1048576 /* highest callback_max */
#define SLU_SCOPE_NEVER        UINT64_MAX /* a deadline that does not come */

#define SLU_TASK_STACK_MIN ((size_t)32 * 1024)
#define SLU_TASK_STACK_MAX ((size_t)1024 * 1024 * 1024)

/* A task, or a callback on cancellation: gets the scope that it was given to, and its own `arg`. */
typedef void slu_scope_fn(struct slu_scope *scope, void *arg);

/* What slu_scope_close still waits for; the strings live until the report returns. */
struct slu_scope_stuck {
    const char *scope_name;
    const char *task_name; /* "cancel callback" when it is a callback that has not returned */
    uint64_t waited_ns;    /* since close began to wait */
};

/* All members are 0 or NULL where nothing else is said; see slu_scope_create. */
struct slu_scope_options {
    const char *name;          /* required; cut to SLU_SCOPE_NAME_MAX - 1 bytes */
    struct slu_budget *budget; /* NULL: the parent's; a root needs one */
    uint64_t deadline_ns;      /* 0 or SLU_SCOPE_NEVER: none of its own */
    uint32_t task_max;         /* tasks that may run at the same time */
    uint32_t callback_max;     /* callbacks that may be registered at the same time */
    size_t task_stack_bytes;   /* with task_max > 0: SLU_TASK_STACK_MIN to SLU_TASK_STACK_MAX */

    /*
     * Called by slu_scope_close of this scope, without a lock, for each task of the subtree that
     * goes on running: after `grace_ns`, and again after 2, 4, ... 64 and then each 64 times as
     * long. NULL: as the parent has it; a root without it waits in silence. grace_ns 0: as the
     * parent has it; 10 seconds in a root.
     */
    void (*on_stuck)(void *arg, const struct slu_scope_stuck *stuck);
    void *on_stuck_arg;
    uint64_t grace_ns;
};

/*
 * Make a scope: below `parent`, or a root.
 *
 * parent   NULL for a root. The scope's deadline is the earliest of its own and its ancestors'.
 * options  copied
 * diag     says which option was refused and why; may be NULL
 * Returns  0; -EINVAL for an option out of its range, or deeper than SLU_SCOPE_DEPTH_MAX; -EDQUOT
 *          if the budget has no room, or could not hold a single task's stack; -ENOMEM; -ECANCELED
 *          or -ETIMEDOUT under a cancelled parent
 * Owner    the caller closes it, at the latest before the parent: a scope that is still open when
 *          its parent is closed is closed with it. From the moment at which that begins, only tasks
 *          of the parent's subtree may still close it themselves.
 * Cost     one allocation, which holds all tasks' and callbacks' bookkeeping; O(depth), and O(log
 *          siblings) amortised for a deadline that is earlier than the parent's
 */
SLU_API SLU_MUST_USE int slu_scope_create(struct slu_scope *parent,
                                          const struct slu_scope_options *options,
                                          struct slu_diag *diag, struct slu_scope **out);

/*
 * Cancel the scope, wait until everything in it has ended, and free it; `*scope` becomes NULL.
 *
 * Waits for the tasks, the blocked calls and the running callbacks of the whole subtree, however
 * long they take: a task that does not heed its cancellation is reported (on_stuck), never
 * abandoned. Children that are still open are freed with it. NULL and a pointer to NULL do nothing;
 * closing one scope from two threads at the same time is a programmer's mistake (an assertion).
 *
 * Returns  0; -EDEADLK from within a task of the subtree, or a callback of a cancellation that the
 *          subtree is part of: it would wait for itself. Nothing has changed then.
 * Cost     that of slu_scope_cancel, and O(scopes and task slots in the subtree)
 */
SLU_API SLU_MUST_USE int slu_scope_close(struct slu_scope **scope);

/*
 * Cancel the scope and all below it. What is cancelled already stays as it is.
 *
 * First every scope of the subtree is marked, then every blocked call is woken, then the callbacks
 * run on this thread: children's before their parent's, a scope's own from the newest to the
 * oldest. When this returns, all callbacks that it began have returned; those of a part of the
 * subtree that another thread was cancelling may still be running there.
 *
 * Cost     O(scopes + blocked calls in the subtree), one system call for each blocked call, and the
 *          callbacks; allocates nothing
 */
SLU_API void slu_scope_cancel(struct slu_scope *scope);

/*
 * Whether the scope is cancelled, and by what.
 *
 * Returns  0 while it lives; -ECANCELED; -ETIMEDOUT when a deadline ended it, its own or that of a
 *          scope above it
 * Cost     one atomic load
 */
SLU_API int slu_scope_error(const struct slu_scope *scope);

/*
 * As slu_scope_error, after noticing that the scope's deadline has come: then this cancels the
 * scope and all below it, as slu_scope_cancel does. Ancestors are not touched.
 *
 * now_ns   by the clock of the deadlines; from the deadline on, it has come
 * Cost     one atomic load and one comparison
 */
SLU_API SLU_MUST_USE int slu_scope_check(struct slu_scope *scope, uint64_t now_ns);

/*
 * Notice all deadlines that have come in the scope and below it.
 *
 * Returns  as slu_scope_error
 * Cost     one atomic load when nothing is due. Otherwise, for each scope that is due, O(depth) and
 *          O(log siblings) amortised, O(siblings) at worst; then as slu_scope_cancel. Allocates
 *          nothing
 */
SLU_API int slu_scope_advance(struct slu_scope *scope, uint64_t now_ns);

/*
 * When slu_scope_advance must be called again: the earliest deadline of all live scopes in the
 * subtree, or SLU_SCOPE_NEVER.
 *
 * Cost     one atomic load
 */
SLU_API uint64_t slu_scope_next_deadline_ns(const struct slu_scope *scope);

/* The deadline in force: the earliest of its own and its ancestors', or SLU_SCOPE_NEVER. */
SLU_API uint64_t slu_scope_deadline_ns(const struct slu_scope *scope);

enum slu_scope_reason {
    SLU_SCOPE_LIVE,
    SLU_SCOPE_CANCELLED, /* slu_scope_cancel or slu_scope_close was called for this scope */
    SLU_SCOPE_DEADLINE,  /* its deadline was noticed, on this scope */
    SLU_SCOPE_PARENT,    /* it ended because a scope above it did */
};

SLU_API enum slu_scope_reason slu_scope_reason(const struct slu_scope *scope);

SLU_API const char *slu_scope_name(const struct slu_scope *scope);

/*
 * Have `run(scope, arg)` called once, on cancellation.
 *
 * It runs on the thread that cancels, or that notices the deadline, and no lock is held. It may
 * call anything here on any scope, except that it must not wait for what waits for it.
 *
 * handle   for slu_scope_callback_remove; never 0
 * Returns  0; -EINVAL without a function; -EDQUOT when callback_max are registered; -ECANCELED or
 *          -ETIMEDOUT on a cancelled scope: then `run` is not called, and the caller does at once
 *          what it would have done
 * Cost     O(1), allocates nothing
 */
SLU_API SLU_MUST_USE int slu_scope_callback_add(struct slu_scope *scope, slu_scope_fn *run,
                                                void *arg, uint64_t *handle);

/*
 * Take a callback back. Afterwards it does not run and is not running, so what `arg` points to may
 * go: if it is running on another thread, this waits until it has returned. Called from within the
 * callback itself it does not wait.
 *
 * Returns  0 if it has not run and never will; -ESTALE if it has run, or was removed before
 * Cost     O(1) unless it waits
 */
SLU_API int slu_scope_callback_remove(struct slu_scope *scope, uint64_t handle);

/*
 * Block the calling thread until `deadline_ns`.
 *
 * deadline_ns  by slu_clock_monotonic_ns, or SLU_SCOPE_NEVER
 * Returns      0 when that time has come; -ECANCELED as soon as the scope is cancelled; -ETIMEDOUT
 *              when the scope's deadline came first, which this notices
 */
SLU_API SLU_MUST_USE int slu_scope_sleep_until(struct slu_scope *scope, uint64_t deadline_ns);

/*
 * Start a task: a thread of its own that runs `run(scope, arg)`.
 *
 * The scope's budget is charged with slu_task_reserved_bytes(task_stack_bytes), which is mapped for
 * it, until the thread is gone. One thread at most of each scope has ended and not yet given its
 * stack back: the next that ends, the next slu_go, or the close collects it. (While the scope is
 * being closed they all wait for the close.) A task ends by returning; pthread_exit, or cancelling
 * its thread, is a programmer's mistake.
 *
 * name     for reports, debuggers (15 bytes of it) and /proc; NULL: the scope's name
 * Returns  0, and `run` is called exactly once, even if the scope is cancelled meanwhile; -EINVAL
 *          without a function; -EDQUOT when task_max tasks are running or the budget has no room
 *          (counted); -EAGAIN or -ENOMEM if the system gives no thread or no stack; -ECANCELED or
 *          -ETIMEDOUT on a cancelled scope. On error nothing stays charged.
 * Cost     the start of a thread; takes no memory but the stack, which it may take over from a task
 *          that has ended, and what libc keeps for a thread
 */
SLU_API SLU_MUST_USE int slu_go(struct slu_scope *scope, const char *name, slu_scope_fn *run,
                                void *arg);

/*
 * What one running task is charged: its stack, the process's thread-local storage, which lies on
 * the same mapping, in whole pages, and a guard page.
 *
 * Returns  bytes; 0 if they do not fit a size_t
 * Cost     O(loaded modules). A scope asks once, at its creation.
 */
SLU_API size_t slu_task_reserved_bytes(size_t task_stack_bytes);

struct slu_scope_stats {
    uint32_t child_count;
    uint32_t task_count;             /* running now */
    uint32_t task_high;              /* the most that ever ran at the same time */
    uint32_t callback_count;         /* registered now */
    uint64_t task_refused_count;     /* slu_go that returned -EDQUOT */
    uint64_t callback_refused_count; /* slu_scope_callback_add that returned -EDQUOT */
};

/* Copy the counters of this one scope, as they were together at one moment. */
SLU_API void slu_scope_stats(struct slu_scope *scope, struct slu_scope_stats *out);

SLU_END_DECLS

#endif
