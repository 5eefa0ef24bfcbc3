/*
 * Which node of a growing tree is the child of another one for an entry. What a look-up touches is
 * one line of memory, which can be asked for ahead: trees of a million stacks wait for little else.
 */
#ifndef VIEW_CHILD_TABLE_H
#define VIEW_CHILD_TABLE_H

#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;

#define CHILD_NONE 0 /* the root is nobody's child */

struct child_slot {
    uint32_t parent;
    uint32_t entry;
    uint32_t child; /* CHILD_NONE: the slot is free */
    uint32_t hash;
};

/* Members are private. */
struct child_table {
    struct slu_budget *budget;
    struct child_slot *slots; /* a power of two of them, of which a quarter is free */
    uint32_t mask;
    uint32_t count;
};

/* Returns 0; -EDQUOT; -ENOMEM. On success child_table_deinit follows. */
SLU_MUST_USE int child_table_init(struct child_table *table, struct slu_budget *budget);
void child_table_deinit(struct child_table *table);

/* Source  the finalizer of Steele, Lea and Flood, "Fast splittable pseudorandom generators" */
static inline uint32_t child_hash(uint32_t parent, uint32_t entry)
{
    uint64_t mixed = (uint64_t)parent << 32 | entry;
    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(mixed ^ mixed >> 31);
}

/* Let the memory come that a look-up needs. */
static inline void child_table_fetch(const struct child_table *table, uint32_t hash)
{
    __builtin_prefetch(&table->slots[hash & table->mask]);
}

/* Returns CHILD_NONE if there is none. `hash` is child_hash(parent, entry). */
static inline uint32_t child_table_find(const struct child_table *table, uint32_t hash,
                                        uint32_t parent, uint32_t entry)
{
    for (uint32_t at = hash & table->mask;; at = (at + 1) & table->mask) {
        const struct child_slot *slot = &table->slots[at];
        if (slot->child == CHILD_NONE || (slot->parent == parent && slot->entry == entry)) {
            return slot->child;
        }
    }
}

/*
 * Add a child that is not there.
 *
 * Returns  0; -EDQUOT; -ENOMEM; -EOVERFLOW beyond a billion
 * Cost     constant, amortised: the table doubles
 */
SLU_MUST_USE int child_table_add(struct child_table *table, uint32_t hash, uint32_t parent,
                                 uint32_t entry, uint32_t child);

#endif
