#include "preload/pages.h"

#include <sys/mman.h>

void *pages_map(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        return NULL;
    }
    /* Tables fill from their beginnings: with huge pages each would take 2 MiB at its first byte.
     * A kernel that knows no huge pages refuses, and gives none. */
    (void)madvise(pages, bytes, MADV_NOHUGEPAGE);
    return pages;
}
