/*
 * The allocator below ours: what it says of its own memory, and how it gives back what is free.
 * libc's, jemalloc and tcmalloc are known. All calls may take the allocator's locks, so that they
 * belong into threads of ours, never into a hook or a signal handler.
 */
#ifndef PRELOAD_ALLOCATOR_H
#define PRELOAD_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

enum allocator_kind {
    ALLOCATOR_UNKNOWN,
    ALLOCATOR_GLIBC,
    ALLOCATOR_JEMALLOC,
    ALLOCATOR_TCMALLOC,
    ALLOCATOR_KIND_COUNT,
};

/* By the allocator's own count; what one does not tell is 0. */
struct allocator_stats {
    uint64_t in_use_bytes;        /* in blocks, as they are rounded */
    uint64_t free_bytes;          /* held for later ones, resident or not */
    uint64_t top_bytes;           /* of them: libc's, at the end of its first heap */
    uint64_t fast_bytes;          /* of them: libc's lists of small blocks */
    uint64_t mapped_in_use_bytes; /* of what is in use: blocks in mappings of their own */
    uint64_t metadata_bytes;      /* jemalloc's and tcmalloc's tables */
    uint64_t thread_caches_bytes; /* of what is free: tcmalloc's */
    uint64_t system_bytes;        /* taken from the system */
    uint64_t mapped_chunk_count;
};

/* Find out whose `malloc` that is. Once, and not within a hook: it asks the loader. */
void allocator_resolve(const void *malloc_function);

enum allocator_kind allocator_kind(void);
const char *allocator_name(void);

/* True if the address is in the module that malloc comes from. */
bool allocator_owns_caller(uint64_t return_address);

/*
 * Ask it.
 *
 * Returns  0; -ENOTSUP if it tells nothing
 * Cost     libc counts its free blocks, with each arena locked in turn
 */
int allocator_stats(struct allocator_stats *stats);

/* Let it give free memory back to the system. Returns 0; -ENOTSUP. */
int allocator_trim(void);

#endif
