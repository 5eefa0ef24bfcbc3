/*
 * The blocks of glibc's malloc (2.31 to 2.40) that a program holds, found in its memory by their
 * structure: no debug information of libc is needed.
 *
 * A damaged heap is walked as far as it goes: each damage is kept with its address, the walk finds
 * its way back behind it, and what lies between is counted as not seen.
 *
 * Source  glibc, malloc/malloc.c and malloc/arena.c
 */
#ifndef HOLDERS_HEAP_H
#define HOLDERS_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

#include "base/block.h"

struct image;
struct sampled;
struct slu_budget;
struct slu_diag;

#define HEAP_BLOCK_NONE   UINT32_MAX
#define HEAP_BLOCKS_MAX   ((uint32_t)1 << 30)
#define HEAP_DAMAGES_MAX  16
#define HEAP_DAMAGE_BYTES 120
#define HEAP_SLOT_BYTES   16 /* where blocks may begin */
#define HEAP_WORD_SLOTS   64

/* A piece of memory in which chunks follow each other; or one chunk that was mapped alone. */
struct heap_extent {
    uint64_t start; /* of the first chunk */
    uint64_t end;
    uint64_t top;       /* the chunk that has never been in use, if it lies here; else 0 */
    uint32_t slot_base; /* the slot of `start`, rounded down to HEAP_SLOT_BYTES */
    uint32_t arena;
    bool is_mapped;
    bool is_sampled; /* of the profiler's: its blocks are listed */
};

struct heap_arena {
    uint64_t address;
    uint64_t top;
    uint64_t fastbins[10];
    bool is_main;
};

/* A bit for each place where a block may begin, and how many begin before. */
struct heap_word {
    uint64_t starts;
    uint32_t rank;
};

struct heap_damage {
    uint64_t address;
    char what[HEAP_DAMAGE_BYTES];
};

struct heap {
    struct slu_budget *budget;
    const struct sampled *sampled;
    struct block arenas;  /* of struct heap_arena; the main one first */
    struct block extents; /* of struct heap_extent, in the order of addresses */
    struct block starts;  /* of uint32_t: the slot of each block, in order */
    struct block sizes;   /* of uint32_t: its usable bytes / 8 */
    struct heap_word *words;
    size_t word_count;
    size_t last_extent; /* of the latest look-up */
    uint32_t block_count;
    uint64_t used_bytes;   /* usable bytes of blocks */
    uint64_t mapped_bytes; /* memory that the heap has, free or not */
    uint64_t cached_bytes; /* in tcaches and fastbins */
    uint64_t unseen_bytes; /* could not be walked */
    uint32_t damage_count;
    struct heap_damage damages[HEAP_DAMAGES_MAX];
};

/*
 * Find and walk the heap.
 *
 * sampled  blocks of our profiler's in the program, which outlive the heap
 * Returns  0; -ENOENT if there is no glibc heap, nor any block that was sampled; -EFBIG beyond
 *          64 GiB; -EDQUOT; -ENOMEM
 * Owner    the caller, until heap_destroy
 * Cost     every chunk's header is read once; 8 bytes a block and 1 bit for 16 bytes of the heap
 */
SLU_MUST_USE int heap_create(struct image *image, const struct sampled *sampled,
                             struct slu_diag *diag, struct heap **out);
void heap_destroy(struct heap **heap);

uint64_t heap_block_address(const struct heap *heap, uint32_t block);

static inline uint64_t heap_block_bytes(const struct heap *heap, uint32_t block)
{
    return (uint64_t)((const uint32_t *)heap->sizes.data)[block] * 8;
}

/* Whether these bytes are what the program asked for; malloc gives some more. */
bool heap_block_is_exact(const struct heap *heap, uint32_t block);

/*
 * The block that `address` lies in, with the distance from its start; HEAP_BLOCK_NONE if it lies in
 * none.
 */
uint32_t heap_block_at(struct heap *heap, uint64_t address, uint64_t *offset);

/* The first of the first `count` extents, which are in order, that ends behind `address`; `count`
 * if none does. */
size_t heap_extent_after(const struct heap *heap, size_t count, uint64_t address);

/* For the parts of this structure: the slot of an address in an extent; false outside. */
bool heap_slot_at(struct heap *heap, uint64_t address, uint32_t *slot);

/* For the parts of this structure: keep a damage. */
void heap_tell(struct heap *heap, uint64_t address, const char *format, ...) SLU_PRINTF(3, 4);

#endif
