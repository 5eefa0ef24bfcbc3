/*
 * Small sampled blocks: pages of slots of one size each. Which page and slot an address is in is
 * arithmetic; a page whose last block is freed serves any other size.
 *
 * One block on a page of its own wastes less than a page. At the usual mean of one sample in
 * 512 KiB that is at most 0.8 % of the program's heap.
 */
#ifndef PRELOAD_SLOTS_H
#define PRELOAD_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "preload/range.h"

#define SLOTS_BYTES_MAX   512 /* also the largest alignment */
#define SLOT_CLASS_COUNT  6
#define SLOTS_IN_PAGE_MAX 32
#define SLOT_NONE         UINT32_MAX

struct slot_page {
    uint32_t free_slots; /* a bit each */
    uint32_t next;       /* in the list of its class, or of free pages */
    uint32_t previous;
    uint8_t slot_class;
    uint8_t used_count; /* 0: the page is free */
    uint8_t unused[2];
    uint32_t samples[SLOTS_IN_PAGE_MAX]; /* of the profile */
};

/* Not locked: blocks.c does that. */
struct slots {
    struct range pages;
    struct range table; /* a slot_page for each page ever used */
    uint32_t page_max;
    uint32_t page_end;                  /* pages below have been used */
    uint32_t partial[SLOT_CLASS_COUNT]; /* pages with a free slot and a used one */
    uint32_t warm;                      /* free pages that are resident */
    uint32_t cold;                      /* free pages that are not */
    uint32_t warm_count;
    uint32_t warm_max;
    uint32_t used_pages;
    uint64_t block_bytes; /* of used slots, as their class rounds them */
};

/* Room that the table of `page_max` pages needs in the reservation. */
size_t slots_table_bytes(uint32_t page_max);

/* Both parts are of one reservation; `warm_max` free pages stay resident. */
void slots_init(struct slots *slots, char *pages, char *table, uint32_t page_max,
                uint32_t warm_max);

/* True if a block of this size and alignment (a power of two) is small. */
static inline bool slots_fit(size_t size, size_t align)
{
    return size <= SLOTS_BYTES_MAX && align <= SLOTS_BYTES_MAX;
}

/*
 * Take a slot; what it holds is anybody's.
 *
 * size, align  slots_fit()
 * Returns      NULL when there is no page left
 */
void *slots_take(struct slots *slots, size_t size, size_t align);

/* The used slot that starts at `address`: where its sample is kept, and its size; or false. */
bool slots_find(struct slots *slots, const void *address, uint32_t **sample, size_t *bytes);

/* Give a slot back that slots_find has found. */
void slots_give(struct slots *slots, void *address);

/* Give back the memory of free pages. */
void slots_trim(struct slots *slots);

#endif
