/*
 * Sampled blocks among others, where the address space has no room for a range of ours: free() asks
 * a table of counters whether the address can be that of a sampled block, and one in a thousand
 * goes on to look it up.
 */
#ifndef PRELOAD_FILTER_H
#define PRELOAD_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_SHIFT 16 /* of the number of counters, a byte each */

/* How many watched addresses have this hash; 255 stays, because it may be any more. */
extern _Atomic uint8_t filter_counters[(size_t)1 << FILTER_SHIFT]
    __attribute__((visibility("hidden")));

static inline size_t filter_place(const void *address)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> (64 - FILTER_SHIFT));
}

/* False: the block is not watched. Relaxed: who frees a block has learnt of it by other means. */
static inline bool filter_may_hold(const void *block)
{
    return atomic_load_explicit(&filter_counters[filter_place(block)], memory_order_relaxed) != 0;
}

/* Room for `count` blocks; also the size of the block that filter_init takes, zero pages. */
size_t filter_bytes(uint32_t count);
void filter_init(void *block, uint32_t count);

/*
 * Watch a block. An address that is watched already has been freed where nobody saw it: its old
 * sample comes back.
 *
 * Returns  0; -ENOBUFS when the table is full
 * Cost     a mutex, a few cache lines
 */
int filter_add(const void *block, uint32_t sample, uint32_t *old_sample);

/* Watch it no more. False if it was not watched. */
bool filter_take(const void *block, uint32_t *sample);

/* Around fork. */
void filter_before_fork(void);
void filter_after_fork_parent(void);
void filter_after_fork_child(void);

#endif
