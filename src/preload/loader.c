/*
 * dlclose, watched: what is about to go is kept by its build-id, and what was learnt of its code is
 * forgotten. dlopen needs no watching: the unwinder asks for the module of an address that it does
 * not know, and a profile that is written takes in what is loaded then. (It could hardly be
 * watched: libc judges by dlopen's return address whose search path counts.)
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "preload/heap.h"

__attribute__((visibility("default"))) int dlclose(void *handle)
{
    static _Atomic(void *) next_dlclose;
    void *found = atomic_load_explicit(&next_dlclose, memory_order_relaxed);
    if (found == NULL) {
        found = dlsym(RTLD_NEXT, "dlclose");
        atomic_store_explicit(&next_dlclose, found, memory_order_relaxed);
    }
    int (*close_module)(void *handle) = NULL;
    memcpy(&close_module, &found, sizeof(close_module));
    heap_modules_unloading();
    int failed = close_module(handle);
    heap_modules_unloaded();
    return failed;
}
