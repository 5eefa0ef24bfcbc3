/*
 * The stacks of all threads of the process, without a signal and without any code run in them.
 *
 * A thread is stopped for some microseconds, as a debugger does it, its registers are read and its
 * stack is copied and walked. A thread in a call that would tell the program of the stop (with
 * EINTR) is left alone: the kernel tells where it sleeps, and its stack is copied as it is.
 */
#ifndef PRELOAD_THREAD_STACKS_H
#define PRELOAD_THREAD_STACKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "preload/thread_state.h"
#include "preload/unwind.h"

#define THREAD_STACKS_MAX 8192

enum thread_answer {
    THREAD_UNANSWERED, /* err says why */
    THREAD_STOPPED,
    THREAD_LEFT_ALONE, /* read while it slept, without its frame pointer: the walk may end early */
    THREAD_ENDED,      /* meanwhile: it is none any more */
    THREAD_ASKING,     /* the caller itself */
};

struct thread_stack {
    struct thread_state state;
    pid_t id;
    enum thread_answer answer;
    int err;             /* of stopping it: 0; -EBUSY: it was left alone; a negative errno */
    enum unwind_end end; /* if there are frames */
    uint32_t pc_count;
    const uintptr_t *pcs; /* addresses of code, the innermost first */
};

struct thread_stacks {
    struct thread_stack *table;
    uint32_t count;
    uint32_t more;  /* threads beyond THREAD_STACKS_MAX */
    uintptr_t *pcs; /* of all stacks, one behind the other */
    uint32_t pcs_used;
    char *copy; /* of the stack that is walked */
    void *block;
    pid_t process;
    bool may_disturb;
    struct unwind_tables *tables;
};

/* A thread of our own that asks tells nothing of the program. */
static inline bool thread_is_shown(const struct thread_stack *stack)
{
    return stack->answer != THREAD_ENDED && (stack->answer != THREAD_ASKING || stack->pc_count > 0);
}

/*
 * Take the stacks, each at a moment of its own.
 *
 * may_disturb  also stop threads in calls that return EINTR then
 * deadline_ns  monotonic: threads that are not stopped until then have no answer
 * Returns      0; -ENOMEM; a negative errno of the system
 * Owner        thread_stacks_release
 * Threads      the profiler's own, one at a time, with all signals blocked
 */
int thread_stacks_take(struct unwind_tables *tables, bool may_disturb, uint64_t deadline_ns,
                       struct thread_stacks *stacks);

/* The asking thread's own stack: these return addresses. */
void thread_stacks_add_caller(struct thread_stacks *stacks, const uintptr_t *pcs, size_t count);

void thread_stacks_release(struct thread_stacks *stacks);

/*
 * Copy the thread's stack from `start` on and walk it into stacks->pcs.
 *
 * is_held  the thread stands still meanwhile
 * Returns  0; a negative errno if the stack cannot be read
 */
int thread_stack_walk(struct thread_stacks *stacks, struct thread_stack *stack,
                      const struct unwind_frame *start, bool is_held);

#endif
