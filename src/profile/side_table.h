/*
 * Where a profile's live samples are, for those who look at the process or its core from outside:
 * they find it by its magic number in the data of the library that has the profile.
 */
#ifndef PROFILE_SIDE_TABLE_H
#define PROFILE_SIDE_TABLE_H

#include <stdint.h>

#include "base/golden.h"

struct profile;

#define SIDE_TABLE_MAGIC_FIRST  UINT64_C(0x534c554943455344)
#define SIDE_TABLE_MAGIC_SECOND UINT64_C(0x9f3a61c7e58b0d01) /* another one for another layout */

/* Addresses in the process; layouts as live_table.h and stack_table.h have them. */
struct side_table {
    uint64_t magic[2];
    uint64_t samples; /* of struct live_sample */
    uint64_t samples_max;
    uint64_t end;    /* of a uint32_t: samples that were ever used */
    uint64_t stacks; /* of struct stack */
    uint64_t stacks_max;
    uint64_t pcs; /* of uint64_t */
    uint64_t pcs_max;
    uint64_t block; /* the profile's memory, which holds nothing for the program */
    uint64_t block_bytes;
    uint64_t span_start; /* where sampled blocks lie, and their tables; all zero: among others */
    uint64_t span_end;
    uint64_t regions; /* of pairs of uint64_t: start and bytes of other memory of the profiler's */
    uint64_t regions_max;
};
GOLDEN_LAYOUT(struct side_table, 120, 0, 0, magic, samples, samples_max, end, stacks, stacks_max,
              pcs, pcs_max, block, block_bytes, span_start, span_end, regions, regions_max);

/* All but the span, the regions and the magic numbers. */
void profile_side_table(const struct profile *profile, struct side_table *table);

#endif
