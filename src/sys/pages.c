#include "sys/pages.h"

#include <sys/mman.h>

void pages_want_huge(void *mapping, size_t size_bytes)
{
    if (size_bytes >= 2 * PAGES_HUGE_BYTES) {
        (void)madvise(mapping, size_bytes, MADV_HUGEPAGE); /* EINVAL: a kernel without them */
    }
}
