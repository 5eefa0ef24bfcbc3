/* What a profile is made of, for the files of this folder. */
#ifndef PROFILE_PROFILE_STATE_H
#define PROFILE_PROFILE_STATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "profile/live_table.h"
#include "profile/profile.h"
#include "profile/rate_ceiling.h"
#include "profile/stack_table.h"

/* At the beginning of the block, the tables behind it. */
struct profile {
    struct stack_table stacks;
    struct live_table live;
    struct rate_ceiling ceiling;
    _Atomic uint64_t samples_recorded;
    _Atomic uint64_t samples_dropped;
    _Atomic uint64_t stacks_dropped;
    size_t block_bytes;
    size_t table_bytes; /* what is resident of the block before any sample */
};

/* By the stacks' numbers. */
struct profile_snapshot {
    uint32_t stack_end; /* numbers from here on are of newer stacks */
    struct stack_counts counts[];
};

/* The slots of the stack table, and one more before them for STACK_TABLE_FULL. */
static inline uint32_t profile_slot_end(const struct profile *profile)
{
    return profile->stacks.slot_mask + 2;
}

/* The stack in such a slot; PROFILE_NONE if it is empty. */
static inline uint32_t profile_stack_in_slot(const struct profile *profile, uint32_t slot)
{
    if (slot == 0) {
        return STACK_TABLE_FULL;
    }
    uint32_t number = stack_table_in_slot(&profile->stacks, slot - 1);
    return number == 0 ? UINT32_MAX : number;
}

/* What a profile says of a stack, in whole objects. */
struct profile_values {
    int64_t alloc_objects;
    int64_t alloc_bytes;
    int64_t inuse_objects;
    int64_t inuse_bytes;
};

/* The values of counted figures; or, with `since`, of what they grew by. */
struct profile_values profile_values_of(const struct stack_counts *counts,
                                        const struct stack_counts *since);

/* The values of a stack as a profile with these options tells them. */
struct profile_values profile_stack_values(const struct profile *profile, uint32_t number,
                                           const struct profile_write_options *options);

static inline bool profile_values_are_zero(const struct profile_values *values)
{
    return values->alloc_objects == 0 && values->alloc_bytes == 0 && values->inuse_objects == 0 &&
           values->inuse_bytes == 0;
}

/* The parts of profile_write. */
void profile_write_pprof(const struct profile *profile, const struct profile_write_options *options,
                         void *scratch, struct sink *sink);
void profile_write_text(const struct profile *profile, const struct profile_write_options *options,
                        struct sink *sink);

#endif
