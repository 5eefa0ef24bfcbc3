/*
 * The allocator below ours, which is the program's own: libc's, jemalloc, tcmalloc. Its functions
 * are looked up at the first call; until they are known, allocations come from blocks_boot.
 */
#ifndef PRELOAD_NEXT_H
#define PRELOAD_NEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "preload/blocks.h"

/*
 * Read at every call of the program, written once: before the first allocation is answered, when
 * there is no second thread. range and the first four share a cache line.
 */
struct next_calls {
    struct blocks_range range; /* of sampled blocks and of boot's */
    void *(*malloc)(size_t size);
    void (*free)(void *block);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *block, size_t size);
    size_t (*usable_size)(void *block);
    void *(*memalign)(size_t align, size_t size);
    void *(*aligned_alloc)(size_t align, size_t size);
    int (*posix_memalign)(void **block, size_t align, size_t size);
    size_t (*good_size)(size_t size, int flags);                        /* nallocx, or NULL */
    void (*free_sized)(void *block, size_t size);                       /* or free */
    void (*free_aligned_sized)(void *block, size_t align, size_t size); /* or free */
};

extern struct next_calls next __attribute__((visibility("hidden")));

/* The same without what watches unsampled blocks where there are no ranges (filter.h). */
extern struct next_calls below __attribute__((visibility("hidden")));

/*
 * How many bytes of a block of `size` the allocator below would let be used. A program that asks
 * grows and trims its blocks by the answer: with another one for sampled blocks it would keep or
 * drop them rather than others, and what samples stand for would be wrong.
 *
 * Returns  at least `size`
 */
size_t next_good_size(size_t size);

static inline bool next_is_block(const void *address)
{
    return (uintptr_t)address - next.range.base < next.range.bytes;
}

/* Look all of them up, if that has not begun. Threads: any; the first one does it. */
void next_resolve(void);

/* True if the program's calls of malloc come here. Not within a hook: it asks the loader. */
bool next_is_interposed(void);

#endif
