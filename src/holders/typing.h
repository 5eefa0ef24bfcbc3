/*
 * What blocks are: types flow from variables along members that are pointers to what they point to.
 */
#ifndef HOLDERS_TYPING_H
#define HOLDERS_TYPING_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "holders/graph.h"

struct roots;
struct sink;
struct slu_diag;
struct symbol_types;

struct typing {
    struct graph *graph;
    const struct roots *roots;
    struct symbol_types *types;
    uint32_t *block_types; /* of each block; SYMBOL_TYPE_NONE: not known */
    struct block layouts;  /* of struct type_layout, by type */
    struct block slots;    /* of uint32_t: what the words of types are */
    uint32_t typed_count;
    uint64_t *later; /* a bit for each block that got its type from where it was allocated, or from
                        such a one; NULL: there is none */
};

struct typing_seed {
    uint32_t block;
    uint32_t type;
};

/*
 * Let types flow over the graph.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until typing_free; all that is given must outlive it
 * Cost     each edge of a typed block is looked at once; 8 bytes a block
 */
SLU_MUST_USE int typing_make(struct typing *typing, struct graph *graph, const struct roots *roots,
                             struct symbol_types *types, struct slu_diag *diag);

/*
 * Give types to blocks that have none, and let these flow on; what has a type keeps it.
 *
 * Returns  0; -EDQUOT; -ENOMEM, and then types are as they were
 */
SLU_MUST_USE int typing_sow(struct typing *typing, const struct typing_seed *seeds, size_t count);

/* Whether a block's type goes back to typing_sow. */
bool typing_is_sown(const struct typing *typing, uint32_t block);

void typing_free(struct typing *typing);

/* The type of a block's or root's memory; SYMBOL_TYPE_NONE if not known. */
uint32_t typing_of(const struct typing *typing, uint32_t node);

/* How sure an edge is, by what is known of the memory that holds it. */
enum edge_kind typing_judge(struct typing *typing, uint32_t node, const struct edge *edge);

/*
 * How many elements of its type a block has at least: it has room for up to 15 bytes more than were
 * asked for. From 1 on.
 */
uint64_t typing_elements(const struct typing *typing, uint32_t block);

#define TYPING_ANY_PLACE UINT64_MAX

/*
 * The same place of a node with all array indices 0, so that what differs only by them is one; of
 * large memory that no type is known of: TYPING_ANY_PLACE.
 */
uint64_t typing_canonical(struct typing *typing, uint32_t node, uint64_t offset);

/*
 * Write the way to the pointer at `offset` of a node: .windows[17].buckets, or +0x18.
 *
 * any_index  true: [*] in place of array indices, so that equal ways are equal texts
 */
void typing_write_place(struct typing *typing, uint32_t node, uint64_t offset, bool any_index,
                        struct sink *out);

/* Write what a block is: window, int64_t[600], or nothing if that is not known. */
void typing_write_block(const struct typing *typing, uint32_t block, struct sink *out);

#endif
