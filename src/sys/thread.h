/* Threads whose stack is mapped here, so that what they reserve is known to the byte. */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_NAME_MAX 16 /* what the kernel keeps of a name, with the final zero */

struct thread_stack {
    void *mapping; /* its lowest page is the guard */
    size_t reserved_bytes;
};

/*
 * The new thread writes `id` itself, because it may run to its end before thread_start returns.
 * From then on the structure may be copied.
 */
struct thread {
    struct thread_stack stack;
    _Atomic uint64_t id; /* thread_self() of the thread; 0 until it has begun */
};

/*
 * The bytes that a thread reserves so that its functions have `stack_bytes`: that, the process's
 * thread-local storage, which libc puts on top of it, in whole pages, and a guard page. 0 on
 * overflow.
 *
 * Cost  O(loaded modules); a library that is loaded later may change the result
 */
size_t thread_reserved_bytes(size_t stack_bytes);

/*
 * Map a stack, which becomes resident as it is used.
 *
 * reserved_bytes  from thread_reserved_bytes
 * Returns         0; -ENOMEM
 * Owner           the caller unmaps it, when no thread runs on it
 */
int thread_stack_map(size_t reserved_bytes, struct thread_stack *stack);

void thread_stack_unmap(const struct thread_stack *stack);

/* The calling thread; never 0. */
static inline uint64_t thread_self(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

/*
 * Start a thread that runs `run(arg)`, which calls thread_begin first. The signal mask is
 * inherited.
 *
 * thread   with its stack; stays where it is until thread_begin has returned
 * Returns  0; -EAGAIN if the system gives no thread; -EINVAL if the stack is smaller than
 *          sysconf(_SC_THREAD_STACK_MIN)
 */
int thread_start(struct thread *thread, void *(*run)(void *), void *arg);

/* In the new thread: take its identity, and show `name` in debuggers and /proc. */
void thread_begin(struct thread *thread, const char *name);

/* Wait for the end of the thread; its stack is free for another one. */
void thread_join(const struct thread *thread);

#endif
