/*
 * Threads of the profiler within the program: all signals blocked, a stack of their own pages,
 * nothing of what they do sampled, and nothing taken from the program's heap to start them.
 *
 * One is started between the constructors and main, in a call of <sluice/heap.h>, or when the
 * program has just started one itself; never within a hook. In a child of fork, where other
 * threads' locks may be held for ever, only in the last case.
 */
#ifndef PRELOAD_OWN_THREAD_H
#define PRELOAD_OWN_THREAD_H

#include <stddef.h>

/*
 * Start a thread that runs `run(context)`, which never returns.
 *
 * name         as debuggers and /proc show it, up to 15 characters
 * stack_bytes  what its functions need
 * Returns      0; -ENOMEM; -EAGAIN if the system gives no thread
 */
int own_thread_start(const char *name, size_t stack_bytes, void (*run)(void *context),
                     void *context);

/* How many there are: they do not end before the process. */
unsigned own_threads_count(void);

/* In the child of fork: none of them is there. */
void own_threads_after_fork_child(void);

#endif
