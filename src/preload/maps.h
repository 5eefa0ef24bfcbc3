/* What the program maps for itself, counted as it asks: totals since it began, no list. */
#ifndef PRELOAD_MAPS_H
#define PRELOAD_MAPS_H

#include <stdint.h>

struct maps_stats {
    uint64_t map_calls;
    uint64_t mapped_bytes; /* also what mremap added */
    uint64_t unmap_calls;
    uint64_t unmapped_bytes; /* also what mremap took away; parts that were not mapped count too */
    uint64_t break_bytes;    /* moved up by brk and sbrk, minus moved down */
};

/* Threads: any; the figures may be of slightly different moments. */
void maps_stats(struct maps_stats *stats);

#endif
