#include "store/byte_chain.h"

#include <string.h>

#include <sluice/budget.h>

#include "base/assert.h"

static unsigned char *block_at(const struct byte_pool *pool, uint32_t block)
{
    return pool->blocks + (size_t)block * BYTE_BLOCK_BYTES;
}

static uint32_t block_next(const struct byte_pool *pool, uint32_t block)
{
    uint32_t next = 0;
    memcpy(&next, block_at(pool, block) + BYTE_BLOCK_PAYLOAD, sizeof(next));
    return next;
}

static void block_link(struct byte_pool *pool, uint32_t block, uint32_t next)
{
    memcpy(block_at(pool, block) + BYTE_BLOCK_PAYLOAD, &next, sizeof(next));
}

int byte_pool_init(struct byte_pool *pool, struct slu_budget *budget, uint32_t block_max)
{
    void *memory = NULL;
    int err = slu_budget_alloc(budget, (size_t)block_max * BYTE_BLOCK_BYTES, &memory);
    if (err == 0) {
        *pool = (struct byte_pool){.budget = budget,
                                   .blocks = memory,
                                   .block_max = block_max,
                                   .free_first = BYTE_BLOCK_NONE};
    }
    return err;
}

void byte_pool_deinit(struct byte_pool *pool)
{
    slu_budget_free(pool->budget, pool->blocks, (size_t)pool->block_max * BYTE_BLOCK_BYTES);
    pool->blocks = NULL;
}

static uint32_t block_take(struct byte_pool *pool)
{
    uint32_t block = pool->free_first;
    if (block != BYTE_BLOCK_NONE) {
        pool->free_first = block_next(pool, block);
    } else {
        SLU_ASSERT(pool->fresh < pool->block_max);
        block = pool->fresh++;
    }
    pool->used_count++;
    block_link(pool, block, BYTE_BLOCK_NONE);
    return block;
}

void byte_chain_append(struct byte_pool *pool, struct byte_chain *chain, const void *bytes,
                       size_t len)
{
    const unsigned char *from = bytes;
    while (len > 0) {
        if (chain->fill == BYTE_BLOCK_PAYLOAD) {
            uint32_t block = block_take(pool);
            if (chain->first == BYTE_BLOCK_NONE) {
                chain->first = block;
            } else {
                block_link(pool, chain->last, block);
            }
            chain->last = block;
            chain->fill = 0;
        }
        size_t room = BYTE_BLOCK_PAYLOAD - chain->fill;
        size_t part = len < room ? len : room;
        memcpy(block_at(pool, chain->last) + chain->fill, from, part);
        chain->fill += (uint32_t)part;
        from += part;
        len -= part;
    }
}

void byte_chain_drop(struct byte_pool *pool, struct byte_chain *chain)
{
    uint32_t block = chain->first;
    while (block != BYTE_BLOCK_NONE) {
        uint32_t next = block_next(pool, block);
        block_link(pool, block, pool->free_first);
        pool->free_first = block;
        pool->used_count--;
        block = next;
    }
    *chain = byte_chain_begin();
}

/* How much of a block is the chain's, and the block behind it: the last one has none yet. */
static size_t block_fill(const struct byte_chain *chain, uint32_t block)
{
    return block == chain->last ? chain->fill : BYTE_BLOCK_PAYLOAD;
}

static uint32_t block_behind(const struct byte_pool *pool, const struct byte_chain *chain,
                             uint32_t block)
{
    return block == chain->last ? BYTE_BLOCK_NONE : block_next(pool, block);
}

size_t byte_chain_len(const struct byte_pool *pool, const struct byte_chain *chain)
{
    size_t len = 0;
    for (uint32_t block = chain->first; block != BYTE_BLOCK_NONE;
         block = block_behind(pool, chain, block)) {
        len += block_fill(chain, block);
    }
    return len;
}

void byte_chain_copy(const struct byte_pool *pool, const struct byte_chain *chain,
                     unsigned char *out)
{
    for (uint32_t block = chain->first; block != BYTE_BLOCK_NONE;
         block = block_behind(pool, chain, block)) {
        memcpy(out, block_at(pool, block), block_fill(chain, block));
        out += block_fill(chain, block);
    }
}
