#include "preload/side.h"

#include <stdint.h>

#include "preload/blocks.h"
#include "preload/pages.h"
#include "profile/side_table.h"

/* Read by others, from outside: volatile, so that it is written at all. */
static volatile struct side_table side;

void side_publish(const struct profile *profile)
{
    struct side_table made;
    profile_side_table(profile, &made);
    blocks_span(&made.span_start, &made.span_end);
    made.regions = (uint64_t)(uintptr_t)pages_table();
    made.regions_max = PAGES_REGIONS_MAX;
    made.magic[0] = SIDE_TABLE_MAGIC_FIRST;
    made.magic[1] = SIDE_TABLE_MAGIC_SECOND;
    side = made;
}
