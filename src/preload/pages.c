#include "preload/pages.h"

#include <stdatomic.h>
#include <sys/mman.h>

/* Bytes of 0: free. */
static struct {
    _Atomic uintptr_t start;
    _Atomic size_t bytes;
} regions[PAGES_REGIONS_MAX];

void pages_note(const void *pages, size_t bytes)
{
    for (size_t i = 0; i < PAGES_REGIONS_MAX; i++) {
        size_t nothing = 0;
        if (atomic_compare_exchange_strong_explicit(&regions[i].bytes, &nothing, bytes,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            atomic_store_explicit(&regions[i].start, (uintptr_t)pages, memory_order_relaxed);
            return;
        }
    }
}

const volatile void *pages_table(void)
{
    _Static_assert(sizeof(regions[0]) == 2 * sizeof(uint64_t), "side_table.h says so");
    return regions;
}

size_t pages_regions(struct pages_region found[PAGES_REGIONS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < PAGES_REGIONS_MAX; i++) {
        uintptr_t start = atomic_load_explicit(&regions[i].start, memory_order_relaxed);
        size_t bytes = atomic_load_explicit(&regions[i].bytes, memory_order_relaxed);
        if (start != 0 && bytes != 0) {
            found[count++] = (struct pages_region){start, bytes};
        }
    }
    return count;
}

static void pages_forget(const void *pages)
{
    for (size_t i = 0; i < PAGES_REGIONS_MAX; i++) {
        if (atomic_load_explicit(&regions[i].start, memory_order_relaxed) == (uintptr_t)pages) {
            atomic_store_explicit(&regions[i].start, 0, memory_order_relaxed);
            atomic_store_explicit(&regions[i].bytes, 0, memory_order_relaxed);
            return;
        }
    }
}

void pages_unmap(void *pages, size_t bytes)
{
    pages_forget(pages);
    (void)munmap(pages, bytes); /* ours, so that it cannot fail */
}

void *pages_map(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return NULL;
    }
    /* Tables fill from their beginnings: with huge pages each would take 2 MiB at its first byte.
     * A kernel that knows no huge pages refuses, and gives none. */
    (void)madvise(pages, bytes, MADV_NOHUGEPAGE);
    pages_note(pages, bytes);
    return pages;
}
