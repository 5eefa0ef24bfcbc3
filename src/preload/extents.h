/*
 * Larger sampled blocks: runs of granules (a part of a page, a page, or 2 MiB where the system's
 * huge pages are wanted) in one range. Each run, in use or free, has a record, which knows those of
 * its neighbours.
 *
 * The record of a run in use is found by its address: the range is divided into cells, no longer
 * than the shortest run in use, so that at most one such run begins in each; the cell's tag is its
 * record's number.
 *
 * Free runs are dirty (still resident) or clean (given back, zero). Dirty ones are used first, so
 * that a program which frees and allocates buffers pays no page faults; beyond a bound the oldest
 * are cleaned.
 */
#ifndef PRELOAD_EXTENTS_H
#define PRELOAD_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/range.h"

#define EXTENT_NONE      UINT32_MAX
#define EXTENT_BIN_COUNT 32

enum extent_state {
    EXTENT_CLEAN,
    EXTENT_DIRTY,
    EXTENT_LIVE,
    EXTENT_CLEANING, /* out of all lists while the system takes its memory */
    EXTENT_UNUSED,   /* a record without a run */
};

struct extent {
    uint32_t first; /* granule */
    uint32_t count;
    uint32_t next; /* in its bin, or of unused records */
    uint32_t previous;
    union {
        uint32_t sample; /* of the profile, while live */
        uint32_t older;  /* dirty runs, as they were freed */
    };
    uint32_t newer;
    uint32_t before; /* in the range; EXTENT_NONE at its ends */
    uint32_t after;
    uint8_t state;
    uint8_t granule_shift; /* of the area that it belongs to */
    uint16_t moves;        /* by mremap: it is mappings of its own until it is made afresh */
};

/* Records for several areas, from one table. */
struct extent_records {
    struct range table;
    uint32_t record_max;
    uint32_t record_end;
    uint32_t unused;
};

/* Not locked: blocks.c does that. */
struct extents {
    struct range memory;
    struct range tags; /* a record's number for each cell */
    struct extent_records *records;
    uint32_t granule_shift;
    uint32_t cell_shift; /* granules of a cell, and of the shortest run in use */
    uint32_t last;       /* run before granule_end */
    uint32_t granule_max;
    uint32_t granule_end; /* granules below belong to a run */
    uint32_t oldest;      /* dirty */
    uint32_t newest;
    uint32_t bin_bits[2]; /* which bins of clean and of dirty runs hold any */
    uint32_t bins[2][EXTENT_BIN_COUNT];
    uint32_t moves; /* of all runs, nearly */
    uint64_t dirty_granules;
    uint64_t live_granules;
};

size_t extent_records_bytes(uint32_t record_max);
void extent_records_init(struct extent_records *records, char *table, uint32_t record_max);

/* How an area is divided: it has granule_max granules of 2^granule_shift bytes. */
struct extents_shape {
    uint32_t granule_shift;
    uint32_t cell_shift;
    uint32_t granule_max;
    bool huge_pages;
};

size_t extents_tags_bytes(const struct extents_shape *shape);

/* All parts are of one reservation. */
void extents_init(struct extents *extents, char *memory, char *tags,
                  const struct extents_shape *shape, struct extent_records *records);

/*
 * Take a run of at least `size` bytes.
 *
 * size         above 0
 * align_bytes  a power of two
 * zero         set to whether the memory is known to be zero
 * Returns      NULL when there is no room, or the system refuses the memory
 */
void *extents_take(struct extents *extents, size_t size, size_t align_bytes, bool *zero);

/* The live run that starts at `address`, or EXTENT_NONE. */
uint32_t extents_find(const struct extents *extents, const void *address);

/* The live run's pages came from elsewhere by mremap. */
void extents_moved(struct extents *extents, uint32_t id);

struct extent *extents_at(const struct extents *extents, uint32_t id);

static inline size_t extent_bytes(const struct extents *extents, const struct extent *extent)
{
    return (size_t)extent->count << extents->granule_shift;
}

/* Let the run hold `size` bytes, a cell or more, where it is; false if what follows is in use. */
bool extents_resize(struct extents *extents, uint32_t id, size_t size);

/* The run is free: dirty, or clean if its pages have gone elsewhere. */
void extents_give(struct extents *extents, uint32_t id, bool clean);

/*
 * The oldest dirty run, taken out of all lists, if more than `bytes_max` are dirty; otherwise
 * EXTENT_NONE. The caller cleans it, without the lock, and hands it to extents_cleaned.
 */
uint32_t extents_to_clean(struct extents *extents, uint64_t bytes_max);
bool extents_clean(const struct extents *extents, uint32_t id);
void extents_cleaned(struct extents *extents, uint32_t id, bool clean);

#endif
