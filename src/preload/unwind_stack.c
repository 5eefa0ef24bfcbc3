#include "preload/unwind.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/unwind_tables.h"

#define GROWTH_BYTES_MAX    ((uintptr_t)64 << 20)
#define KERNEL_SIGSET_BYTES 8

static bool holds(const struct stack_bounds *bounds, uintptr_t address)
{
    return address - bounds->low < bounds->high - bounds->low;
}

/*
 * The kernel reads the new signal mask before it looks at what to do with it, and there is nothing
 * to do for this number: EFAULT tells that the page cannot be read, and a sandbox that forbids this
 * call lets no program run.
 */
bool unwind_page_is_readable(uintptr_t address)
{
    const int no_such_change = -1;
    int saved_errno = errno;
    errno = 0;
    (void)syscall(SYS_rt_sigprocmask, no_such_change, address, NULL, KERNEL_SIGSET_BYTES);
    bool readable = errno == EINVAL;
    errno = saved_errno;
    return readable;
}

/* A child that a thread has forked has that thread as its first, with the stack that it had. */
static bool is_first_thread(const struct unwind_tables *tables, uintptr_t self)
{
    return tables->main_thread != 0 ? self == tables->main_thread : gettid() == getpid();
}

/*
 * libc keeps a thread's descriptor on top of its stack, whoever mapped it, and a guard page at its
 * lower end: if all between sp and the descriptor can be read, sp is on that stack. Only the first
 * thread's descriptor is elsewhere.
 */
bool unwind_stack_grow(const struct unwind_tables *tables, uintptr_t sp, struct unwind_stack *stack)
{
    if (holds(&tables->main_stack, sp)) {
        stack->own = tables->main_stack;
        return true;
    }
    uintptr_t high = (uintptr_t)pthread_self();
    if (!tables->can_probe || is_first_thread(tables, high)) {
        return false;
    }
    uintptr_t known = stack->own.high == high ? stack->own.low : high;
    uintptr_t page = sp & ~(tables->page_bytes - 1);
    if (sp >= known || known - page > GROWTH_BYTES_MAX || holds(&stack->foreign, sp)) {
        return false;
    }
    for (uintptr_t at = page; at < known; at += tables->page_bytes) {
        if (!unwind_page_is_readable(at)) {
            stack->foreign = (struct stack_bounds){.low = page, .high = at};
            return false;
        }
    }
    stack->own = (struct stack_bounds){.low = page, .high = high};
    return true;
}
