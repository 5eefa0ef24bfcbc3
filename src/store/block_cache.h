/*
 * Decoded blocks of samples, kept for the next query that reads them: what was used longest ago
 * gives way. Memory is bounded, and charged to a budget of its own.
 *
 * Threads  any, at the same time; blocks are decoded outside the lock
 */
#ifndef STORE_BLOCK_CACHE_H
#define STORE_BLOCK_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "store/sample_block.h"

#define BLOCK_CACHE_ENTRIES 128
#define BLOCK_CACHE_MIN     ((uint64_t)6 << 20) /* a smaller one keeps nothing */

struct block_cache;
struct slu_budget;

struct block_cache_stats {
    uint64_t hit_count;
    uint64_t miss_count;
    uint64_t used_bytes;
    uint64_t limit_bytes;
};

/* Which block of all parts of a list. */
struct block_key {
    uint64_t part; /* struct part's number */
    uint64_t block;
};

/*
 * Read a block and decode it to `memory`, which is empty, with `budget`. Returns 0; an error, with
 * nothing kept
 */
typedef int block_load_fn(void *arg, struct slu_budget *budget, struct block *memory,
                          struct sample_block *block);

/* A block in use. Lives in its owner; members are private but for `block`. */
struct block_hold {
    struct sample_block block;
    struct block memory;       /* of one that the cache has no room for */
    struct slu_budget *budget; /* of that */
    uint32_t entry;
    bool is_cached;
};

/* Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int block_cache_create(struct slu_budget *parent, uint64_t bytes_max,
                                    struct block_cache **out);

/* Nothing of it is held any more. NULL is accepted, `*cache` becomes NULL. */
void block_cache_destroy(struct block_cache **cache);

/*
 * Hold a block: the one that is kept, or a new one that `load` makes.
 *
 * cache    NULL: none is kept
 * budget   of the block if the cache has no room for it
 * Returns  0; what `load` returned
 * Owner    the caller, until block_cache_release
 */
SLU_MUST_USE int block_cache_hold(struct block_cache *cache, const struct block_key *key,
                                  block_load_fn *load, void *arg, struct slu_budget *budget,
                                  struct block_hold *hold);
void block_cache_release(struct block_cache *cache, struct block_hold *hold);

void block_cache_stats(struct block_cache *cache, struct block_cache_stats *stats);

#endif
