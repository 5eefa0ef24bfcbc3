#include "preload/own_thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "preload/hook.h"
#include "preload/pages.h"
#include "sys/thread.h"

#define OWN_THREADS_MAX 4

/* Threads do not end, so that what belongs to them may stay here. */
struct own_thread {
    struct thread thread;
    const char *name;
    void (*run)(void *context);
    void *context;
};

static struct own_thread own_threads[OWN_THREADS_MAX];
static _Atomic unsigned own_thread_count; /* places taken */
static _Atomic unsigned own_thread_running;

static void *own_thread_main(void *argument)
{
    struct own_thread *own = argument;
    hook_thread.depth = 1; /* for its whole life: nothing of it is sampled */
    hook_thread.is_own = true;
    thread_begin(&own->thread, own->name);
    own->run(own->context);
    return NULL;
}

int own_thread_start(const char *name, size_t stack_bytes, void (*run)(void *context),
                     void *context)
{
    unsigned at = atomic_fetch_add_explicit(&own_thread_count, 1, memory_order_relaxed);
    if (at >= OWN_THREADS_MAX) {
        return -EAGAIN;
    }
    struct own_thread *own = &own_threads[at];
    *own = (struct own_thread){.name = name, .run = run, .context = context};
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all); /* only a bad pointer fails */
    hook_own_begin();
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = thread_stack_map(thread_reserved_bytes(stack_bytes), &own->thread.stack);
    if (err == 0) {
        pages_note(own->thread.stack.mapping, own->thread.stack.reserved_bytes);
        err = thread_start(&own->thread, own_thread_main, own);
        if (err != 0) {
            thread_stack_unmap(&own->thread.stack);
        } else {
            atomic_fetch_add_explicit(&own_thread_running, 1, memory_order_relaxed);
        }
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    hook_own_end();
    return err;
}

void own_threads_after_fork_child(void)
{
    atomic_store_explicit(&own_thread_count, 0, memory_order_relaxed);
    atomic_store_explicit(&own_thread_running, 0, memory_order_relaxed);
}

unsigned own_threads_count(void)
{
    return atomic_load_explicit(&own_thread_running, memory_order_relaxed);
}
