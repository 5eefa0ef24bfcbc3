/*
 * The blocks that our profiler inside the program has sampled, and where they were allocated. They
 * lie in memory of the profiler's and not of malloc's, so that they are the only blocks that are
 * known of a program with another allocator.
 *
 * Source  profile/side_table.h, which the library keeps in its data
 */
#ifndef HOLDERS_SAMPLED_H
#define HOLDERS_SAMPLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "profile/side_table.h"

struct image;
struct modules;
struct slu_budget;

#define SAMPLED_FRAMES_MAX 128

#define SAMPLED_OWN_MAX 68

struct sampled_range {
    uint64_t start;
    uint64_t end;
};

struct sampled_block {
    uint64_t address;
    uint64_t bytes; /* that the program asked for */
    uint32_t stack;
};

/* All zeroes but the budget: there is no profiler in the program. */
struct sampled {
    struct slu_budget *budget;
    struct side_table table;
    struct sampled_range own[SAMPLED_OWN_MAX]; /* memory of the profiler's: it holds nothing */
    uint32_t own_count;
    struct block blocks; /* of struct sampled_block, in the order of addresses; none overlap */
    struct block stacks; /* of struct sampled_stack, of those blocks, by number */
    struct block pcs;    /* of uint64_t: return addresses, the innermost first */
};

struct sampled_stack {
    uint32_t number;
    uint32_t pc_count;
    size_t pc_first;
};

/*
 * Read what the profiler knows. A table that does not fit the memory is none.
 *
 * Returns  0, also if there is none; -EDQUOT; -ENOMEM
 * Owner    the caller, until sampled_free
 */
SLU_MUST_USE int sampled_read(struct sampled *sampled, struct slu_budget *budget,
                              struct modules *modules, struct image *image);
void sampled_free(struct sampled *sampled);

static inline size_t sampled_count(const struct sampled *sampled)
{
    return sampled->blocks.len / sizeof(struct sampled_block);
}

static inline const struct sampled_block *sampled_at(const struct sampled *sampled, size_t index)
{
    return (const struct sampled_block *)sampled->blocks.data + index;
}

/* What it may be used for, at the least. */
static inline uint64_t sampled_usable(const struct sampled_block *block)
{
    return block->bytes == 0 ? 8 : (block->bytes + 7) & ~(uint64_t)7;
}

/* Whether it lies in the profiler's memory, and not in malloc's. */
static inline bool sampled_is_apart(const struct sampled *sampled, uint64_t address)
{
    return address >= sampled->table.span_start && address < sampled->table.span_end;
}

/* The first block at or behind an address; sampled_count if there is none. */
size_t sampled_from(const struct sampled *sampled, uint64_t address);

/* The sample of a block that begins there, or NULL. */
const struct sampled_block *sampled_find(const struct sampled *sampled, uint64_t address);

/* The stack that a block was allocated with, or NULL: it is not known. */
const struct sampled_stack *sampled_stack_of(const struct sampled *sampled,
                                             const struct sampled_block *block);

static inline const uint64_t *sampled_pcs(const struct sampled *sampled,
                                          const struct sampled_stack *stack)
{
    return (const uint64_t *)sampled->pcs.data + stack->pc_first;
}

#endif
