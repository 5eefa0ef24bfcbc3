/*
 * Strings of bytes that grow at their ends, many together in one pool of small blocks.
 *
 * Not locked: the owner does.
 */
#ifndef STORE_BYTE_CHAIN_H
#define STORE_BYTE_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;

#define BYTE_BLOCK_BYTES   64
#define BYTE_BLOCK_PAYLOAD 60 /* the rest is the number of the next block */
#define BYTE_BLOCK_NONE    UINT32_MAX

struct byte_pool {
    struct slu_budget *budget;
    unsigned char *blocks;
    uint32_t block_max;
    uint32_t fresh;      /* blocks from here on were never used */
    uint32_t free_first; /* a list of those given back */
    uint32_t used_count;
};

/* Meant for embedding; byte_chain_begin before use. */
struct byte_chain {
    uint32_t first;
    uint32_t last;
    uint32_t fill; /* of the last block */
};

/* Its memory is mapped, and taken as it is used. Returns 0; -EDQUOT; -ENOMEM */
SLU_MUST_USE int byte_pool_init(struct byte_pool *pool, struct slu_budget *budget,
                                uint32_t block_max);
void byte_pool_deinit(struct byte_pool *pool);

static inline struct byte_chain byte_chain_begin(void)
{
    return (struct byte_chain){BYTE_BLOCK_NONE, BYTE_BLOCK_NONE, BYTE_BLOCK_PAYLOAD};
}

/* Blocks that appending `len` bytes to a chain takes at the most. */
static inline uint32_t byte_chain_blocks(size_t len)
{
    return (uint32_t)(len / BYTE_BLOCK_PAYLOAD + 1);
}

static inline uint32_t byte_pool_free_count(const struct byte_pool *pool)
{
    return pool->block_max - pool->used_count;
}

/* Append: the caller has seen that the pool has the blocks. */
void byte_chain_append(struct byte_pool *pool, struct byte_chain *chain, const void *bytes,
                       size_t len);

/* Give all blocks back; the chain is empty then. */
void byte_chain_drop(struct byte_pool *pool, struct byte_chain *chain);

/* How many bytes were appended. Cost: O(its blocks) */
size_t byte_chain_len(const struct byte_pool *pool, const struct byte_chain *chain);

/* Copy them all. */
void byte_chain_copy(const struct byte_pool *pool, const struct byte_chain *chain,
                     unsigned char *out);

#endif
