#include "preload/allocator.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <string.h>

#define EVERY_ARENA "arena.4096.purge" /* MALLCTL_ARENAS_ALL */

typedef int mallctl_function(const char *name, void *old, size_t *old_len, void *fresh,
                             size_t fresh_len);
typedef int property_function(const char *name, size_t *value);

static struct {
    enum allocator_kind kind;
    uint64_t module_start; /* of the module that malloc comes from */
    uint64_t module_limit;
    mallctl_function *mallctl;
    property_function *property;
    void (*release)(void);
} allocator;

/* A function of the module that malloc comes from. */
static bool look_up(void *function, const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    uint64_t address = (uint64_t)(uintptr_t)found;
    if (address - allocator.module_start >= allocator.module_limit - allocator.module_start) {
        return false;
    }
    memcpy(function, &found, sizeof(found));
    return true;
}

/* The first page of a module holds its program headers. */
static uint64_t module_limit(const struct link_map *module, const char *first_page)
{
    const ElfW(Ehdr) *header = (const void *)first_page;
    const ElfW(Phdr) *parts = (const void *)(first_page + header->e_phoff);
    uint64_t limit = 0;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        uint64_t end = module->l_addr + parts[i].p_vaddr + parts[i].p_memsz;
        limit = parts[i].p_type == PT_LOAD && end > limit ? end : limit;
    }
    return limit;
}

void allocator_resolve(const void *malloc_function)
{
    Dl_info info;
    struct link_map *module = NULL;
    if (dladdr1(malloc_function, &info, (void **)&module, RTLD_DL_LINKMAP) == 0 || module == NULL) {
        return;
    }
    allocator.module_start = (uint64_t)(uintptr_t)info.dli_fbase;
    allocator.module_limit = module_limit(module, info.dli_fbase);
    struct mallinfo2 (*info_function)(void) = NULL;
    if (look_up(&allocator.mallctl, "mallctl")) {
        allocator.kind = ALLOCATOR_JEMALLOC;
    } else if (look_up(&allocator.property, "MallocExtension_GetNumericProperty") &&
               look_up(&allocator.release, "MallocExtension_ReleaseFreeMemory")) {
        allocator.kind = ALLOCATOR_TCMALLOC;
    } else if (look_up(&info_function, "mallinfo2")) {
        allocator.kind = ALLOCATOR_GLIBC;
    }
    (void)dlerror(); /* what was not found is no error of the program's */
}

enum allocator_kind allocator_kind(void)
{
    return allocator.kind;
}

const char *allocator_name(void)
{
    static const char *const names[ALLOCATOR_KIND_COUNT] = {"unknown", "glibc", "jemalloc",
                                                            "tcmalloc"};
    return names[allocator.kind];
}

bool allocator_owns_caller(uint64_t return_address)
{
    return return_address - allocator.module_start <
           allocator.module_limit - allocator.module_start;
}

static void glibc_stats(struct allocator_stats *stats)
{
    struct mallinfo2 info = mallinfo2();
    *stats = (struct allocator_stats){.in_use_bytes = info.uordblks + info.hblkhd,
                                      .free_bytes = info.fordblks,
                                      .top_bytes = info.keepcost,
                                      .fast_bytes = info.fsmblks,
                                      .mapped_in_use_bytes = info.hblkhd,
                                      .system_bytes = info.arena + info.hblkhd,
                                      .mapped_chunk_count = info.hblks};
}

static uint64_t jemalloc_figure(const char *name)
{
    size_t value = 0;
    size_t len = sizeof(value);
    return allocator.mallctl(name, &value, &len, NULL, 0) == 0 ? value : 0;
}

static void jemalloc_stats(struct allocator_stats *stats)
{
    uint64_t epoch = 1; /* its figures are those of the last time this was written */
    (void)allocator.mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)); /* or older figures */
    uint64_t in_use = jemalloc_figure("stats.allocated");
    uint64_t metadata = jemalloc_figure("stats.metadata");
    uint64_t resident = jemalloc_figure("stats.resident");
    uint64_t held = in_use + metadata;
    *stats = (struct allocator_stats){.in_use_bytes = in_use,
                                      .free_bytes = resident > held ? resident - held : 0,
                                      .metadata_bytes = metadata,
                                      .system_bytes = jemalloc_figure("stats.mapped")};
}

static uint64_t tcmalloc_figure(const char *name)
{
    size_t value = 0;
    return allocator.property(name, &value) != 0 ? value : 0;
}

static void tcmalloc_stats(struct allocator_stats *stats)
{
    uint64_t in_use = tcmalloc_figure("generic.current_allocated_bytes");
    uint64_t heap = tcmalloc_figure("generic.heap_size");
    uint64_t returned = tcmalloc_figure("tcmalloc.pageheap_unmapped_bytes");
    uint64_t held = in_use + returned;
    *stats = (struct allocator_stats){
        .in_use_bytes = in_use,
        .free_bytes = heap > held ? heap - held : 0,
        .thread_caches_bytes = tcmalloc_figure("tcmalloc.current_total_thread_cache_bytes"),
        .system_bytes = heap};
}

int allocator_stats(struct allocator_stats *stats)
{
    switch (allocator.kind) {
    case ALLOCATOR_GLIBC:
        glibc_stats(stats);
        return 0;
    case ALLOCATOR_JEMALLOC:
        jemalloc_stats(stats);
        return 0;
    case ALLOCATOR_TCMALLOC:
        tcmalloc_stats(stats);
        return 0;
    default:
        *stats = (struct allocator_stats){0};
        return -ENOTSUP;
    }
}

int allocator_trim(void)
{
    switch (allocator.kind) {
    case ALLOCATOR_GLIBC:
        (void)malloc_trim(0); /* whether anything was released is seen in the account */
        return 0;
    case ALLOCATOR_JEMALLOC:
        return -allocator.mallctl(EVERY_ARENA, NULL, NULL, NULL, 0);
    case ALLOCATOR_TCMALLOC:
        allocator.release();
        return 0;
    default:
        return -ENOTSUP;
    }
}
