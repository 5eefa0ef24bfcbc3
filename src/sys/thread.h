/* Threads whose stack is mapped here, so that what they reserve is known to the byte. */
#ifndef SYS_THREAD_H
#define SYS_THREAD_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define THREAD_NAME_MAX 16 /* what the kernel keeps of a name, with the final zero */

/*
 * Filled in by thread_start, except for `id`: the new thread writes that itself, because it may run
 * to its end before thread_start returns. It may be copied once `id` is there.
 */
struct thread {
    void *stack;           /* the mapping; its lowest page is the guard */
    size_t reserved_bytes; /* length of the mapping */
    _Atomic uint64_t id;   /* thread_self() of the thread; 0 until it has begun */
};

/*
 * The bytes that a thread reserves so that its functions have `stack_bytes`: that, the process's
 * thread-local storage, which libc puts on top of it, in whole pages, and a guard page. 0 on
 * overflow.
 *
 * Cost  O(loaded modules); a library that is loaded later may change the result
 */
size_t thread_reserved_bytes(size_t stack_bytes);

/* The calling thread; never 0. */
static inline uint64_t thread_self(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

/*
 * Start a thread that runs `run(arg)`, which calls thread_begin first. The signal mask is
 * inherited.
 *
 * thread          stays where it is until thread_begin has returned
 * reserved_bytes  from thread_reserved_bytes, for at least sysconf(_SC_THREAD_STACK_MIN)
 * Returns         0; -ENOMEM no room for the stack; -EAGAIN no thread; -EINVAL too small a stack.
 * On error nothing is left reserved.
 */
int thread_start(struct thread *thread, size_t reserved_bytes, void *(*run)(void *), void *arg);

/* In the new thread: take its identity, and show `name` in debuggers and /proc. */
void thread_begin(struct thread *thread, const char *name);

/* Wait for the end of the thread, and unmap its stack. */
void thread_join(const struct thread *thread);

#endif
