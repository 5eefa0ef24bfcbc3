/*
 * All stacks that were seen, each once, with what was allocated and freed through it.
 *
 * Stacks are added and never removed, and any thread may add one at any time: a record is filled
 * while nobody knows of it, then published by one compare-and-swap of a hash slot. A thread that
 * stops halfway leaves an unused record behind and nothing else.
 */
#ifndef PROFILE_STACK_TABLE_H
#define PROFILE_STACK_TABLE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/golden.h"
#include "base/layout.h"

#include "profile/sampling.h"

#define STACK_TABLE_FULL   0   /* the stack of samples whose own found no room */
#define STACK_TABLE_PROBES 128 /* slots that a search looks at, at most */

/* Objects are counted in units of 2^-12: of 2^64 that leaves 10^7 a second for 14 years. */
#define STACK_OBJECTS_SHIFT 12

/* What passed through a stack, weighted. */
struct stack_counts {
    uint64_t alloc_objects;
    uint64_t alloc_bytes;
    uint64_t free_objects;
    uint64_t free_bytes;
};

struct stack {
    _Atomic uint64_t alloc_objects;
    _Atomic uint64_t alloc_bytes;
    _Atomic uint64_t free_objects;
    _Atomic uint64_t free_bytes;
    uint32_t pcs_start; /* the rest is constant once a slot names the stack */
    uint32_t frame_count;
    uint32_t tag; /* the upper half of its hash */
    uint32_t unused;
};
GOLDEN_LAYOUT(struct stack, 48, 0, 0, alloc_objects, alloc_bytes, free_objects, free_bytes,
              pcs_start, frame_count, tag, unused);

/* Lies in its owner; the arrays in the owner's block. */
struct stack_table {
    _Atomic uint32_t *slots; /* the stack's number plus one; 0 when empty */
    struct stack *stacks;
    uint64_t *pcs;
    uint32_t slot_mask;
    uint32_t stacks_max;
    uint32_t pcs_max;
    _Atomic uint32_t stack_count;
    _Atomic uint32_t pcs_used;
    _Atomic uint32_t unused; /* records that lost a race for their slot */
};

struct stack_table_plan {
    size_t slots;
    size_t stacks;
    size_t pcs;
};

/* Reserve the arrays of a table. */
void stack_table_plan(struct layout *layout, uint32_t stacks_max, uint32_t pcs_max,
                      struct stack_table_plan *plan);

/* Begin a table in a zeroed block, with the stack STACK_TABLE_FULL in it. */
void stack_table_init(struct stack_table *table, char *block, const struct stack_table_plan *plan,
                      uint32_t stacks_max, uint32_t pcs_max);

/*
 * The stack of these frames, added if it is not there.
 *
 * Returns  its number; STACK_TABLE_FULL if it has no room
 */
uint32_t stack_table_find_or_add(struct stack_table *table, const uint64_t *pcs, uint32_t count);

/* The number of the stack in a slot, or 0 for none: for a walk over all but STACK_TABLE_FULL. */
static inline uint32_t stack_table_in_slot(const struct stack_table *table, uint32_t slot)
{
    uint32_t next = atomic_load_explicit(&table->slots[slot], memory_order_acquire);
    return next == 0 ? 0 : next - 1;
}

/* Code that was in [start, limit), and from now on is named by addresses from `to` on. */
struct stack_code_move {
    uint64_t start;
    uint64_t limit;
    uint64_t to;
    uint32_t stack_end; /* stacks of lower numbers passed through that code; later ones did not */
};

/* Let the stacks follow the code. Cost: O(frames of all stacks). Threads: any; one at a time. */
void stack_table_move_code(struct stack_table *table, const struct stack_code_move *move);

static inline const uint64_t *stack_table_pcs(const struct stack_table *table, uint32_t number)
{
    return table->pcs + table->stacks[number].pcs_start;
}

/* What a sample's weight adds to the objects. */
static inline uint64_t stack_objects_of(uint64_t weight)
{
    uint32_t cut = SAMPLING_WEIGHT_SHIFT - STACK_OBJECTS_SHIFT;
    return (weight + (UINT64_C(1) << (cut - 1))) >> cut;
}

void stack_count_alloc(struct stack *stack, uint64_t objects, uint64_t bytes);
void stack_count_free(struct stack *stack, uint64_t objects, uint64_t bytes);

/* What is counted never has more frees than allocations. */
struct stack_counts stack_counts_read(const struct stack *stack);

#endif
