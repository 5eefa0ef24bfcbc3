/* The pool's inside, for structures that keep one within their own block. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <sluice/pool.h>

#include "base/golden.h"
#include "base/layout.h"

/*
 * A slot's state is one word. Taken: its handle, that is, its generation above its own index.
 * Free: the generation of its next handle above the index of the next free slot, which is never its
 * own; so no handle equals the state of a free slot, and the free list costs no memory of its own.
 * `capacity` ends the list. Slots from fresh_count on have never been taken and are in no list.
 */
struct slu_pool {
    uint64_t *states;
    unsigned char *records;
    uint64_t index_mask; /* all ones below the generation */
    size_t stride_bytes;
    uint32_t record_bytes;
    uint32_t capacity;
    uint32_t free_first;
    uint32_t fresh_count;
    uint32_t taken_count;
    bool zeroed;
    uint64_t refused_count;
    struct slu_budget *budget; /* NULL within the block of another structure */
    size_t block_bytes;
};
GOLDEN_LAYOUT(struct slu_pool, 80, 3, 0, states, records, index_mask, stride_bytes, record_bytes,
              capacity, free_first, fresh_count, taken_count, zeroed, refused_count, budget,
              block_bytes);

/* Where a pool's arrays lie in a block. */
struct pool_parts {
    size_t states_at;
    size_t records_at;
};

/* Reserve the arrays of a pool with valid options. */
struct pool_parts pool_plan(struct layout *layout, const struct slu_pool_options *options);

/*
 * Begin an empty pool in zeroed memory: `parts` of `block`, as planned with the same options.
 */
void pool_init(struct slu_pool *pool, void *block, struct pool_parts parts,
               const struct slu_pool_options *options);

/* Before the block is freed. */
void pool_deinit(struct slu_pool *pool);

/* The record of a slot that is taken. */
static inline void *pool_record(const struct slu_pool *pool, uint32_t slot)
{
    return pool->records + slot * pool->stride_bytes;
}

/* The handle of a slot that is taken. */
static inline slu_pool_handle pool_handle(const struct slu_pool *pool, uint32_t slot)
{
    return pool->states[slot];
}

/* Returns false unless the handle names a record that is taken now. */
static inline bool pool_find(const struct slu_pool *pool, slu_pool_handle handle, uint32_t *slot)
{
    uint32_t named = (uint32_t)(handle & pool->index_mask);
    if (named >= pool->fresh_count || pool->states[named] != handle) {
        return false;
    }
    *slot = named;
    return true;
}

/* Abort unless the free list, the counters and the states agree. Cost: O(slots ever taken). */
void pool_validate(const struct slu_pool *pool);

#endif
