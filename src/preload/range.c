#include "preload/range.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

int range_reserve(size_t bytes, size_t align_bytes, char **base)
{
    size_t padded = 0;
    if (__builtin_add_overflow(bytes, align_bytes, &padded)) {
        return -ENOMEM;
    }
    /* Without MAP_NORESERVE, which would keep the system from charging what is opened later. */
    char *mapping = mmap(NULL, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) {
        return -ENOMEM;
    }
    size_t skipped = -(uintptr_t)mapping & (align_bytes - 1);
    if (skipped > 0) {
        (void)munmap(mapping, skipped); /* what cannot be unmapped stays reserved, no more */
    }
    if (align_bytes > skipped) {
        (void)munmap(mapping + skipped + bytes, align_bytes - skipped);
    }
    *base = mapping + skipped;
    return 0;
}

static void refuse_huge_pages(const struct range *range, char *start, size_t bytes)
{
    if (!range->huge_pages) {
        (void)madvise(start, bytes, MADV_NOHUGEPAGE); /* a kernel without them refuses */
    }
}

void range_init(struct range *range, char *base, size_t bytes, size_t step_bytes, bool huge_pages)
{
    *range = (struct range){
        .base = base, .reserved_bytes = bytes, .step_bytes = step_bytes, .huge_pages = huge_pages};
    refuse_huge_pages(range, base, bytes);
}

int range_open(struct range *range, size_t bytes)
{
    if (bytes <= range->open_bytes) {
        return 0;
    }
    if (bytes > range->reserved_bytes) {
        return -ENOMEM;
    }
    size_t step = range->open_bytes / 8;
    step = step < range->step_bytes ? range->step_bytes : step & -range->step_bytes;
    size_t wanted = range->open_bytes + step;
    wanted = wanted < bytes ? (bytes + RANGE_PAGE_BYTES - 1) & -RANGE_PAGE_BYTES : wanted;
    wanted = wanted > range->reserved_bytes ? range->reserved_bytes : wanted;
    /* From the reserved state on each step, so that the system charges it, or refuses. */
    if (mprotect(range->base + range->open_bytes, wanted - range->open_bytes,
                 PROT_READ | PROT_WRITE) != 0) {
        return -ENOMEM;
    }
    range->open_bytes = wanted;
    return 0;
}

static int range_map(const struct range *range, char *start, size_t bytes, int protection)
{
    void *fresh = mmap(start, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (fresh == MAP_FAILED) {
        return -errno;
    }
    refuse_huge_pages(range, start, bytes);
    return 0;
}

void range_close(struct range *range, size_t bytes)
{
    if (bytes < range->open_bytes &&
        range_map(range, range->base + bytes, range->open_bytes - bytes, PROT_NONE) == 0) {
        range->open_bytes = bytes;
    }
}

int range_renew(const struct range *range, char *start, size_t bytes)
{
    return range_map(range, start, bytes, PROT_READ | PROT_WRITE);
}

int range_clean(char *start, size_t bytes)
{
    return madvise(start, bytes, MADV_DONTNEED) == 0 ? 0 : -errno;
}
