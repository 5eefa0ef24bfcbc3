#include "profile/side_table.h"

#include "profile/profile_state.h"

static uint64_t address_of(const volatile void *place)
{
    return (uint64_t)(uintptr_t)place;
}

void profile_side_table(const struct profile *profile, struct side_table *table)
{
    *table = (struct side_table){
        .samples = address_of(profile->live.samples),
        .samples_max = profile->live.samples_max,
        .end = address_of(&profile->live.end),
        .stacks = address_of(profile->stacks.stacks),
        .stacks_max = profile->stacks.stacks_max,
        .pcs = address_of(profile->stacks.pcs),
        .pcs_max = profile->stacks.pcs_max,
        .block = address_of(profile),
        .block_bytes = profile->block_bytes,
    };
}
