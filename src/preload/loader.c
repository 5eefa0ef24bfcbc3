/*
 * dlclose, watched: what is about to go is kept by its build-id, and what was learnt of its code is
 * forgotten. dlopen needs no watching: the unwinder asks for the module of an address that it does
 * not know, and a profile that is written takes in what is loaded then. (It could hardly be
 * watched: libc judges by dlopen's return address whose search path counts.)
 */
#include "preload/loader.h"

#include <dlfcn.h>
#include <link.h>
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

static struct {
    uintptr_t low;
    uintptr_t high;
} loader;

static int loader_compare(struct dl_phdr_info *module, size_t info_bytes, void *context)
{
    (void)info_bytes;
    (void)context;
    if (module->dlpi_addr != _r_debug.r_ldbase) {
        return 0;
    }
    loader.low = module->dlpi_addr;
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        uintptr_t high = module->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        if (segment->p_type == PT_LOAD && high > loader.high) {
            loader.high = high;
        }
    }
    return 1;
}

void loader_find(void)
{
    (void)dl_iterate_phdr(loader_compare, NULL); /* 1 if it was found, as its bounds tell as well */
}

bool loader_is_in(const uintptr_t *pcs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (pcs[i] - loader.low < loader.high - loader.low) {
            return true;
        }
    }
    return loader.high == 0;
}
