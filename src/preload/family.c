/*
 * The functions that the program calls. Each subtracts the size from the thread's countdown, or
 * compares the address with our range, and jumps to the allocator below: no frame, no lock, no
 * memory written but the countdown. Everything else is in cold.c, behind one branch.
 *
 * The jump must stay one (a call in tail position, at -O2), or a frame of ours would stand between
 * the program and its allocator, and between the program and the stacks that cold.c takes.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/cold.h"
#include "preload/hook.h"
#include "preload/next.h"
#include "preload/range.h"

#define FAMILY __attribute__((visibility("default")))

/* No header of libc's is included that declares these: glibc 2.36 lacks the last two, and cfree. */
FAMILY void *malloc(size_t size);
FAMILY void *calloc(size_t count, size_t size);
FAMILY void *realloc(void *block, size_t size);
FAMILY void *reallocarray(void *block, size_t count, size_t size);
FAMILY void free(void *block);
FAMILY void cfree(void *block);
FAMILY void *memalign(size_t align, size_t size);
FAMILY void *aligned_alloc(size_t align, size_t size);
FAMILY int posix_memalign(void **block, size_t align, size_t size);
FAMILY void *valloc(size_t size);
FAMILY void *pvalloc(size_t size);
FAMILY size_t malloc_usable_size(void *block);
FAMILY void free_sized(void *block, size_t size);
FAMILY void free_aligned_sized(void *block, size_t align, size_t size);

static inline bool is_block(const void *block)
{
    return __builtin_expect(next_is_block(block), 0);
}

void *malloc(size_t size)
{
    return hook_count_down(size) ? cold_malloc(size) : next.malloc(size);
}

void *calloc(size_t count, size_t size)
{
    size_t bytes = 0;
    bool overflow = __builtin_mul_overflow(count, size, &bytes);
    return __builtin_expect(overflow, 0) || hook_count_down(bytes) ? cold_calloc(count, size)
                                                                   : next.calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    if (is_block(block)) {
        return cold_realloc_block(block, size);
    }
    return hook_count_down(size) ? cold_realloc(block, size) : next.realloc(block, size);
}

void *reallocarray(void *block, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    if (is_block(block)) {
        return cold_realloc_block(block, bytes);
    }
    return hook_count_down(bytes) ? cold_realloc(block, bytes) : next.realloc(block, bytes);
}

void free(void *block)
{
    if (is_block(block)) {
        cold_free(block);
        return;
    }
    next.free(block);
}

void cfree(void *block)
{
    if (is_block(block)) {
        cold_free(block);
        return;
    }
    next.free(block);
}

void free_sized(void *block, size_t size)
{
    if (is_block(block)) {
        cold_free(block);
        return;
    }
    next.free_sized(block, size);
}

void free_aligned_sized(void *block, size_t align, size_t size)
{
    if (is_block(block)) {
        cold_free(block);
        return;
    }
    next.free_aligned_sized(block, align, size);
}

void *memalign(size_t align, size_t size)
{
    return hook_count_down(size) ? cold_memalign(align, size) : next.memalign(align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return hook_count_down(size) ? cold_aligned_alloc(align, size)
                                 : next.aligned_alloc(align, size);
}

int posix_memalign(void **block, size_t align, size_t size)
{
    return hook_count_down(size) ? cold_posix_memalign(block, align, size)
                                 : next.posix_memalign(block, align, size);
}

/* By memalign: jemalloc has no pvalloc, and does not know the blocks of libc's. */
void *valloc(size_t size)
{
    return hook_count_down(size) ? cold_memalign(RANGE_PAGE_BYTES, size)
                                 : next.memalign(RANGE_PAGE_BYTES, size);
}

void *pvalloc(size_t size)
{
    size_t padded = 0;
    if (__builtin_add_overflow(size, RANGE_PAGE_BYTES - 1, &padded)) {
        errno = ENOMEM;
        return NULL;
    }
    padded &= -RANGE_PAGE_BYTES;
    return hook_count_down(padded) ? cold_memalign(RANGE_PAGE_BYTES, padded)
                                   : next.memalign(RANGE_PAGE_BYTES, padded);
}

size_t malloc_usable_size(void *block)
{
    return is_block(block) ? cold_usable_size(block) : next.usable_size(block);
}
