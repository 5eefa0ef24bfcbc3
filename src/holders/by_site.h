/*
 * What was allocated where: blocks that our profiler sampled, by the function and line that asked
 * for them, with what they keep.
 */
#ifndef HOLDERS_BY_SITE_H
#define HOLDERS_BY_SITE_H

#include <stdbool.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct dominators;
struct slu_diag;
struct who;

/* Of sampled blocks alone: each stands for others that were not. */
struct site_row {
    uint64_t hash;  /* of its name */
    uint32_t stack; /* one that has it, by its place among those that were sampled */
    uint32_t example;
    uint64_t count;
    uint64_t bytes;
    uint64_t retained_bytes; /* but for what is kept by another one of the same site */
    uint64_t leaked_count;
    uint64_t leaked_bytes;
};

/* Which blocks count. */
typedef bool (*site_filter)(const void *context, uint32_t block);

struct by_site {
    struct who *who;
    struct block rows;   /* of struct site_row */
    struct block places; /* of uint32_t: the row of each stack; BY_SITE_NONE */
};

#define BY_SITE_NONE UINT32_MAX

/*
 * Sum up.
 *
 * Returns  0, also where nothing was sampled; -EDQUOT; -ENOMEM
 * Owner    the caller, until by_site_free
 * Cost     each stack gets its name once; a bounded walk up for each block; 60 bytes a stack
 */
SLU_MUST_USE int by_site_make(struct by_site *sites, struct who *who,
                              const struct dominators *dominators, site_filter filter,
                              const void *context, struct slu_diag *diag);
void by_site_free(struct by_site *sites);

#endif
