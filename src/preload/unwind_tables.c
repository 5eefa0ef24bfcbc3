#include "preload/unwind_tables.h"

#include <link.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where the program's stack began: the first frames of its first thread lie below. */
extern void *__libc_stack_end;

#define MAIN_STACK_MAX ((uintptr_t)1 << 30)

/*
 * The kernel keeps what the limit allowed when the program was started free of other mappings.
 * Without a limit it places them elsewhere.
 */
static struct stack_bounds main_stack_find(void)
{
    uintptr_t high = (uintptr_t)__libc_stack_end;
    struct rlimit limit = {.rlim_cur = 0};
    uintptr_t bytes = MAIN_STACK_MAX;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < bytes) {
        bytes = limit.rlim_cur;
    }
    return (struct stack_bounds){.low = high > bytes ? high - bytes : 0, .high = high};
}

size_t unwind_tables_bytes(void)
{
    return sizeof(struct unwind_tables);
}

struct unwind_tables *unwind_tables_init(void *block)
{
    struct unwind_tables *tables = block;
    tables->page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    tables->main_stack = main_stack_find();
    tables->main_thread = gettid() == getpid() ? (uintptr_t)pthread_self() : 0;
    /* No program can read the last page; an emulator may not look. */
    tables->can_probe = !unwind_page_is_readable(UINTPTR_MAX - tables->page_bytes + 1);
    return tables;
}

/* The modules of the program's start, which are listed up to the dynamic loader itself at least. */
static int permanent_add(struct dl_phdr_info *module, size_t info_bytes, void *context)
{
    (void)info_bytes;
    struct unwind_tables *tables = context;
    uint64_t count = atomic_load_explicit(&tables->permanent_count, memory_order_relaxed);
    if (count == TABLE_PERMANENT_MAX) {
        return 1;
    }
    struct stack_bounds bounds = {.low = UINTPTR_MAX};
    for (size_t i = 0; i < module->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &module->dlpi_phdr[i];
        uintptr_t low = module->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0) {
            bounds.low = low < bounds.low ? low : bounds.low;
            bounds.high =
                low + segment->p_memsz > bounds.high ? low + segment->p_memsz : bounds.high;
        }
    }
    if (bounds.low < bounds.high) {
        tables->permanent[count] = bounds;
        atomic_store_explicit(&tables->permanent_count, count + 1, memory_order_release);
    }
    return module->dlpi_addr == getauxval(AT_BASE);
}

/* A word that stayed would come to life again when the generations have been used up. */
static void rules_forget(struct unwind_tables *tables)
{
    (void)atomic_fetch_add_explicit(&tables->generation, 1, memory_order_relaxed); /* only here */
    for (size_t i = 0; i < TABLE_SLOTS; i++) {
        atomic_store_explicit(&tables->slots[i], 0, memory_order_relaxed);
    }
}

/* Every module is told the same counts: one is enough. The loader's lock is held. */
static int unloads_compare(struct dl_phdr_info *module, size_t info_bytes, void *context)
{
    (void)info_bytes;
    struct unwind_tables *tables = context;
    uint64_t seen = atomic_load_explicit(&tables->unloaded_count, memory_order_relaxed);
    if (module->dlpi_subs != seen) {
        atomic_store_explicit(&tables->unloaded_count, module->dlpi_subs, memory_order_relaxed);
        rules_forget(tables);
    }
    return 1;
}

void unwind_refresh(struct unwind_tables *tables)
{
    if (atomic_load_explicit(&tables->permanent_count, memory_order_relaxed) == 0) {
        (void)dl_iterate_phdr(permanent_add, tables); /* 1: no more are wanted */
    }
    (void)dl_iterate_phdr(unloads_compare, tables); /* 1, as the callback says */
}
