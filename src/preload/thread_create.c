/*
 * pthread_create, watched: from the program's first thread on libc takes locks, and one thread more
 * costs nothing.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "preload/heap.h"
#include "preload/hook.h"

__attribute__((visibility("default"))) int pthread_create(pthread_t *thread,
                                                          const pthread_attr_t *attributes,
                                                          void *(*run)(void *), void *argument)
{
    static _Atomic(void *) next_create;
    void *found = atomic_load_explicit(&next_create, memory_order_relaxed);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, "pthread_create");
        atomic_store_explicit(&next_create, found, memory_order_relaxed);
    }
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = NULL;
    memcpy(&create, &found, sizeof(create));
    int failed = create(thread, attributes, run, argument);
    if (failed == 0 && !hook_thread.is_own) {
        heap_thread_begun();
    }
    return failed;
}
