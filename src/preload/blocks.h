/*
 * The memory of sampled blocks: one reservation of address space, so that free() tells a sampled
 * block from all others by one comparison, and where its sample is kept by arithmetic.
 *
 *   | boot | small blocks | medium blocks | large blocks | huge blocks |   blocks_range
 *   | their tables                                                     |
 *
 * boot serves what is allocated before the functions below ours are known; it is never freed.
 */
#ifndef PRELOAD_BLOCKS_H
#define PRELOAD_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCKS_NO_SAMPLE UINT32_MAX
#define BLOCKS_MAX       ((uint32_t)1 << 20) /* that the address space is reserved for */

/* What the comparison needs: an address is ours if address - base < bytes. */
struct blocks_range {
    uintptr_t base;
    size_t bytes;
};

/*
 * Reserve the address space; boot works from then on. Where it cannot be reserved, boot alone is
 * there, in static memory, and blocks_take always returns NULL. So it is where the process's
 * address space is limited, because the program needs that for itself.
 *
 * Threads  once, before any other call
 */
void blocks_init(struct blocks_range *range);

/* Bound what free blocks keep resident; 32 MiB at first. */
void blocks_set_cache(uint64_t bytes_max);

/* True if sampled blocks can be placed. */
bool blocks_ready(void);

/* From boot: zero, aligned to 16; NULL when it is used up. Threads: any, at any time. */
void *blocks_boot(size_t size);

/*
 * Memory for a sampled block.
 *
 * align    a power of two
 * zero     fill it with zeros
 * Returns  NULL when there is no room: errno is kept
 * Cost     a mutex; no system call while free blocks serve
 */
void *blocks_take(size_t size, size_t align, bool zero);

/* Keep the sample's index with a block that blocks_take gave. */
void blocks_set_sample(void *block, uint32_t sample);

/*
 * The block is freed. Returns false if it was none of ours: nothing has changed.
 *
 * sample  the index, or BLOCKS_NO_SAMPLE
 */
bool blocks_give(void *block, uint32_t *sample);

/* The same where the mutex may be this thread's already; blocks_drain does it later. */
void blocks_defer(void *block);

/* Take out one deferred block, or NULL. */
void *blocks_deferred(void);

/* How many bytes a block may be used for; 0 if it is none of ours. */
size_t blocks_usable(const void *block);

/* The index that it was given, or BLOCKS_NO_SAMPLE. */
uint32_t blocks_sample(const void *block);

/*
 * Make a block fit `size` bytes where it is, or by moving its pages within the range.
 *
 * sample   set to the index that it had; it has none now
 * Returns  the block, maybe elsewhere; NULL if only a copy helps: then nothing has changed
 */
void *blocks_resize(void *block, size_t size, uint32_t *sample);

/* All of the reservation but boot: blocks, and their tables behind them; both 0: there is none. */
void blocks_span(uint64_t *start, uint64_t *end);

/* Give free memory back to the system. Returns how many bytes. */
uint64_t blocks_trim(void);

struct blocks_stats {
    uint64_t reserved_bytes;   /* address space */
    uint64_t table_bytes;      /* open for tables */
    uint64_t used_bytes;       /* in blocks, as they are rounded */
    uint64_t cached_bytes;     /* free and still resident, at most */
    uint64_t small_page_bytes; /* pages with at least one small block */
};

void blocks_stats(struct blocks_stats *stats);

/* What is open for reading and writing: blocks of the program's, or tables of ours. */
struct blocks_area {
    uint64_t start;
    uint64_t bytes;
    bool is_table;
};

#define BLOCKS_AREAS_MAX 10

/* Returns how many there are. Threads: any, not within a hook. */
size_t blocks_areas(struct blocks_area areas[BLOCKS_AREAS_MAX]);

/* Around fork: nobody else is within the tables; in the child the mutex begins anew. */
void blocks_before_fork(void);
void blocks_after_fork_parent(void);
void blocks_after_fork_child(void);

#endif
