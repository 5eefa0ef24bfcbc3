#include "holders/heap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/arenas.h"
#include "holders/chunks.h"
#include "holders/free_lists.h"
#include "holders/image.h"
#include "holders/sampled.h"

#define FIRST_BYTES     ((size_t)4096)
#define SLOTS_MAX       UINT64_C(0xffffff00) /* 64 GiB */
#define NEAR_BYTES      ((uint64_t)1 << 20)
#define WORD_FILL_BYTES ((uint64_t)HEAP_SLOT_BYTES * HEAP_WORD_SLOTS)

void heap_tell(struct heap *heap, uint64_t address, const char *format, ...)
{
    if (heap->damage_count < HEAP_DAMAGES_MAX) {
        struct heap_damage *damage = &heap->damages[heap->damage_count];
        va_list arguments;
        damage->address = address;
        va_start(arguments, format);
        vsnprintf(damage->what, sizeof(damage->what), format, arguments);
        va_end(arguments);
    }
    heap->damage_count++;
}

/* Give each extent its slots: as many words as it touches, so that extents share none. */
static int slots_assign(struct heap *heap, struct slu_diag *diag)
{
    struct heap_extent *extents = heap->extents.data;
    uint64_t slots = 0;
    for (size_t i = 0; i < heap->extents.len / sizeof(*extents); i++) {
        uint64_t start = extents[i].start & ~(uint64_t)(HEAP_SLOT_BYTES - 1);
        uint64_t bytes = extents[i].end - start;
        extents[i].slot_base = (uint32_t)slots;
        slots += (bytes / WORD_FILL_BYTES + 1) * HEAP_WORD_SLOTS;
        heap->mapped_bytes += extents[i].end - extents[i].start;
        if (bytes > SLOTS_MAX * HEAP_SLOT_BYTES || slots > SLOTS_MAX) {
            return diag_fail(diag, -EFBIG, "the heap is larger than 64 GiB");
        }
    }
    heap->word_count = (size_t)(slots / HEAP_WORD_SLOTS);
    return 0;
}

static int words_make(struct heap *heap)
{
    void *words = NULL;
    if (heap->word_count == 0) {
        return 0;
    }
    int err = slu_budget_alloc(heap->budget, heap->word_count * sizeof(struct heap_word), &words);
    heap->words = words;
    return err;
}

/* Leave out the blocks whose bit is gone: they are in a cache of the allocator. */
static void blocks_keep(struct heap *heap)
{
    uint32_t *starts = heap->starts.data;
    uint32_t *sizes = heap->sizes.data;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < heap->block_count; i++) {
        const struct heap_word *word = &heap->words[starts[i] / HEAP_WORD_SLOTS];
        if ((word->starts >> starts[i] % HEAP_WORD_SLOTS & 1) != 0) {
            starts[kept] = starts[i];
            sizes[kept] = sizes[i];
            heap->used_bytes += (uint64_t)sizes[i] * 8;
            kept++;
        } else {
            heap->cached_bytes += (uint64_t)sizes[i] * 8;
        }
    }
    heap->block_count = kept;
    uint32_t rank = 0;
    for (size_t i = 0; i < heap->word_count; i++) {
        heap->words[i].rank = rank;
        rank += (uint32_t)__builtin_popcountll(heap->words[i].starts);
    }
}

static int extent_order(const void *left, const void *right)
{
    const struct heap_extent *first = left;
    const struct heap_extent *second = right;
    return (first->start > second->start) - (first->start < second->start);
}

/* Blocks of the profiler's that lie near to each other are one extent. */
static int sampled_add(struct heap *heap)
{
    const struct sampled *sampled = heap->sampled;
    struct heap_extent extent = {.is_sampled = true};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sampled_count(sampled); i++) {
        const struct sampled_block *block = sampled_at(sampled, i);
        if (!sampled_is_apart(sampled, block->address)) {
            continue;
        }
        if (extent.end != 0 && block->address > extent.end + NEAR_BYTES) {
            err = block_append(heap->budget, &heap->extents, &extent, sizeof(extent));
            extent.end = 0;
        }
        extent.start = extent.end == 0 ? block->address : extent.start;
        extent.end = block->address + sampled_usable(block);
    }
    if (err == 0 && extent.end != 0) {
        err = block_append(heap->budget, &heap->extents, &extent, sizeof(extent));
    }
    if (err == 0 && extent.end != 0) {
        qsort(heap->extents.data, heap->extents.len / sizeof(extent), sizeof(extent), extent_order);
    }
    return err;
}

static int extents_find(struct heap *heap, struct image *image, struct slu_diag *diag)
{
    int err = arenas_find(heap, image, diag);
    if (err == -ENOENT && sampled_count(heap->sampled) > 0) {
        err = 0; /* another allocator's: what was sampled of it is known */
    }
    if (err != 0) {
        return err;
    }
    err = sampled_add(heap);
    return err == 0 ? 0 : diag_fail(diag, err, "no memory for the table of blocks");
}

static int heap_fill(struct heap *heap, struct image *image, struct slu_diag *diag)
{
    int err = extents_find(heap, image, diag);
    if (err != 0 || (err = slots_assign(heap, diag)) != 0) {
        return err;
    }
    err = words_make(heap);
    if (err == 0) {
        err = chunks_walk(heap, image);
    }
    if (err == 0) {
        free_lists_subtract(heap, image);
        blocks_keep(heap);
        return 0;
    }
    return err == -EFBIG ? diag_fail(diag, err, "the heap has more than %u blocks", HEAP_BLOCKS_MAX)
                         : diag_fail(diag, err, "no memory for the table of blocks");
}

int heap_create(struct image *image, const struct sampled *sampled, struct slu_diag *diag,
                struct heap **out)
{
    void *block = NULL;
    int err = slu_budget_alloc(image->budget, sizeof(struct heap), &block);
    if (err != 0) {
        return diag_fail(diag, err, "no memory for the table of blocks");
    }
    struct heap *heap = block;
    heap->budget = image->budget;
    heap->sampled = sampled;
    struct block *const parts[] = {&heap->arenas, &heap->extents, &heap->starts, &heap->sizes};
    for (size_t i = 0; err == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        err = block_begin(heap->budget, FIRST_BYTES, parts[i]);
    }
    err = err != 0 ? diag_fail(diag, err, "no memory for the table of blocks")
                   : heap_fill(heap, image, diag);
    if (err != 0) {
        heap_destroy(&heap);
        return err;
    }
    *out = heap;
    return 0;
}

void heap_destroy(struct heap **heap)
{
    if (heap == NULL || *heap == NULL) {
        return;
    }
    struct heap *gone = *heap;
    if (gone->words != NULL) {
        slu_budget_free(gone->budget, gone->words, gone->word_count * sizeof(struct heap_word));
    }
    block_free(gone->budget, &gone->sizes);
    block_free(gone->budget, &gone->starts);
    block_free(gone->budget, &gone->extents);
    block_free(gone->budget, &gone->arenas);
    slu_budget_free(gone->budget, gone, sizeof(*gone));
    *heap = NULL;
}

static uint64_t slot_address(const struct heap_extent *extent, uint32_t slot)
{
    uint64_t start = extent->start & ~(uint64_t)(HEAP_SLOT_BYTES - 1);
    return start + (uint64_t)(slot - extent->slot_base) * HEAP_SLOT_BYTES;
}

uint64_t heap_block_address(const struct heap *heap, uint32_t block)
{
    const struct heap_extent *extents = heap->extents.data;
    uint32_t slot = ((const uint32_t *)heap->starts.data)[block];
    size_t low = 0;
    size_t high = heap->extents.len / sizeof(*extents);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (extents[middle].slot_base <= slot) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return slot_address(&extents[low], slot);
}

bool heap_block_is_exact(const struct heap *heap, uint32_t block)
{
    return sampled_is_apart(heap->sampled, heap_block_address(heap, block));
}

size_t heap_extent_after(const struct heap *heap, size_t count, uint64_t address)
{
    const struct heap_extent *extents = heap->extents.data;
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (extents[middle].end <= address) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return low;
}

/* Most look-ups stay in the extent of the one before. */
static const struct heap_extent *extent_at(struct heap *heap, uint64_t address)
{
    const struct heap_extent *extents = heap->extents.data;
    size_t count = heap->extents.len / sizeof(*extents);
    const struct heap_extent *last = &extents[heap->last_extent];
    if (count > 0 && address >= last->start && address < last->end) {
        return last;
    }
    size_t found = heap_extent_after(heap, count, address);
    if (found == count || extents[found].start > address) {
        return NULL;
    }
    heap->last_extent = found;
    return &extents[found];
}

static uint32_t slot_of(const struct heap_extent *extent, uint64_t address)
{
    uint64_t start = extent->start & ~(uint64_t)(HEAP_SLOT_BYTES - 1);
    return extent->slot_base + (uint32_t)((address - start) / HEAP_SLOT_BYTES);
}

bool heap_slot_at(struct heap *heap, uint64_t address, uint32_t *slot)
{
    const struct heap_extent *extent = extent_at(heap, address);
    if (extent != NULL) {
        *slot = slot_of(extent, address);
    }
    return extent != NULL;
}

uint32_t heap_block_at(struct heap *heap, uint64_t address, uint64_t *offset)
{
    const struct heap_extent *extent = extent_at(heap, address);
    if (extent == NULL) {
        return HEAP_BLOCK_NONE;
    }
    uint32_t slot = slot_of(extent, address);
    const struct heap_word *word = &heap->words[slot / HEAP_WORD_SLOTS];
    uint64_t here = word->starts & (UINT64_MAX >> (HEAP_WORD_SLOTS - 1 - slot % HEAP_WORD_SLOTS));
    uint32_t rank = word->rank + (uint32_t)__builtin_popcountll(here);
    if (rank == 0) {
        return HEAP_BLOCK_NONE;
    }
    uint32_t begun = ((const uint32_t *)heap->starts.data)[rank - 1];
    if (begun < extent->slot_base) {
        return HEAP_BLOCK_NONE; /* of the extent before */
    }
    uint64_t distance = address - slot_address(extent, begun);
    if (distance >= heap_block_bytes(heap, rank - 1)) {
        return HEAP_BLOCK_NONE;
    }
    *offset = distance;
    return rank - 1;
}
