/*
 * Blocks that are held alike, as one: those whose chains differ only in array indices and in how
 * often a step repeats itself.
 */
#ifndef HOLDERS_GROUPS_H
#define HOLDERS_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"
#include "base/hash_map.h"

struct dominators;
struct slu_diag;
struct who;

#define GROUPS_MAX 65536
#define GROUP_NONE UINT32_MAX
#define LABEL_SIZE ((uint64_t)1 << 32) /* of a label: its other bits are a size, not a type */

/* What blocks are alike by: their type, or else their size. */
struct group_label {
    uint64_t what; /* type; or LABEL_SIZE | usable bytes, of large ones a power of two */
    uint64_t count;
    uint64_t bytes;
    uint64_t retained_bytes;
    uint64_t leaked_count;
    uint64_t leaked_bytes;
    uint32_t example; /* a block; the first that leaked, if any did */
};

struct group {
    uint32_t above; /* the group before in the chain; GROUP_NONE: this one is a root */
    uint32_t root;  /* of a root: its node */
    uint64_t place; /* in the memory of the group before, canonical */
    uint64_t what;  /* as a label's */
    uint64_t count;
    uint64_t bytes;          /* of the blocks that were asked for */
    uint64_t retained_bytes; /* by all of them together */
    uint32_t holder;         /* of the first block: what points to it */
    uint32_t example;        /* the first block, one of the nearest to the root */
    uint32_t asked;          /* the first that was asked for */
    bool repeats;            /* such blocks also hang off each other */
};

/* Which blocks count. */
typedef bool (*group_filter)(const void *context, uint32_t block);

struct groups {
    struct who *who;
    struct block rows;   /* of struct group */
    struct block labels; /* of struct group_label */
    struct hash_map row_map;
    struct hash_map label_map;
    void *maps;
    size_t maps_bytes;
    uint32_t *of_node; /* the group of each node */
    uint64_t asked_count;
    uint64_t asked_bytes;
    uint64_t leaked_count; /* of those: that no root reaches */
    uint64_t leaked_bytes;
    bool is_full; /* more groups than GROUPS_MAX: the rest counts in the group before */
};

/*
 * Put all blocks into groups.
 *
 * Returns  0; -EDQUOT; -ENOMEM
 * Owner    the caller, until groups_free
 * Cost     each edge is looked at once; 4 bytes a node
 */
SLU_MUST_USE int groups_make(struct groups *groups, struct who *who,
                             const struct dominators *dominators, group_filter filter,
                             const void *context, struct slu_diag *diag);
void groups_free(struct groups *groups);

static inline const struct group *groups_at(const struct groups *groups, uint32_t group)
{
    return (const struct group *)groups->rows.data + group;
}

#endif
