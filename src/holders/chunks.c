/*
 * A chunk is in use if the next one's flag says so, but for those in thread caches and fastbins,
 * which say so too. What a chunk says of its size must lead to another chunk; where it does not,
 * the walk looks for the next place from which chunks follow each other again.
 */
#include "holders/chunks.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "holders/heap.h"
#include "holders/sampled.h"
#include "holders/window.h"

#define RESUME_CHUNKS 8 /* that must follow each other before a walk goes on there */

struct chunk {
    uint64_t before;
    uint64_t size; /* with flags */
};

static uint64_t size_of(const struct chunk *chunk)
{
    return chunk->size & ~(uint64_t)CHUNK_FLAGS;
}

static bool chunk_at(struct window *window, const struct heap_extent *extent, uint64_t address,
                     struct chunk *chunk)
{
    if (extent->end - address < CHUNK_HEADER_BYTES) {
        return false;
    }
    const unsigned char *bytes = window_at(window, address, CHUNK_HEADER_BYTES, extent->end);
    if (bytes == NULL) {
        return false;
    }
    memcpy(chunk, bytes, sizeof(*chunk));
    return true;
}

static bool is_plausible(const struct heap_extent *extent, uint64_t address,
                         const struct chunk *chunk)
{
    uint64_t size = size_of(chunk);
    return size >= CHUNK_BYTES_MIN && size % CHUNK_HEADER_BYTES == 0 &&
           size <= extent->end - address && (chunk->size & CHUNK_MAPPED) == 0;
}

/* The end of a heap that has been followed by another one. */
static bool is_fence(const struct heap_extent *extent, uint64_t address, const struct chunk *chunk)
{
    return extent->top == 0 && extent->end - address <= 4 * (uint64_t)CHUNK_HEADER_BYTES &&
           size_of(chunk) <= CHUNK_HEADER_BYTES;
}

static int block_add(struct heap *heap, uint64_t address, uint64_t usable_bytes)
{
    uint32_t slot = 0;
    uint32_t size = (uint32_t)(usable_bytes / 8);
    if (!heap_slot_at(heap, address, &slot)) {
        return 0; /* a chunk that ends where the extent does has no room for a block */
    }
    if (heap->block_count >= HEAP_BLOCKS_MAX || usable_bytes / 8 > UINT32_MAX) {
        return -EFBIG;
    }
    int err = block_append(heap->budget, &heap->starts, &slot, sizeof(slot));
    if (err == 0) {
        err = block_append(heap->budget, &heap->sizes, &size, sizeof(size));
    }
    if (err == 0) {
        heap->words[slot / HEAP_WORD_SLOTS].starts |= (uint64_t)1 << slot % HEAP_WORD_SLOTS;
        heap->block_count++;
    }
    return err;
}

/* Whether chunks follow each other from `address` on. */
static bool is_sound_from(struct window *window, const struct heap_extent *extent, uint64_t address)
{
    for (int i = 0; i < RESUME_CHUNKS; i++) {
        struct chunk chunk;
        if (address == extent->top || address == extent->end) {
            return true;
        }
        if (!chunk_at(window, extent, address, &chunk) || !is_plausible(extent, address, &chunk)) {
            return false;
        }
        uint64_t next = address + size_of(&chunk);
        struct chunk after;
        if (chunk_at(window, extent, next, &after) && (after.size & CHUNK_PREVIOUS) == 0 &&
            after.before != size_of(&chunk)) {
            return false;
        }
        address = next;
    }
    return true;
}

static uint64_t resume_at(struct window *window, const struct heap_extent *extent, uint64_t address)
{
    while (extent->end - address > CHUNK_HEADER_BYTES) {
        address += CHUNK_HEADER_BYTES;
        if (is_sound_from(window, extent, address)) {
            return address;
        }
    }
    return extent->end;
}

/* Behind a damage. Memory that is not there is no damage of the heap, and is counted alike. */
static uint64_t skip_damage(struct heap *heap, struct window *window,
                            const struct heap_extent *extent, uint64_t address, bool is_there,
                            const struct chunk *chunk)
{
    uint64_t next = is_there ? resume_at(window, extent, address) : extent->end;
    heap->unseen_bytes += next - address;
    if (!is_there) {
        heap_tell(heap, address, "this memory is not there");
    } else {
        heap_tell(heap, address, "a chunk of 0x%llx bytes cannot be; not seen up to 0x%llx",
                  (unsigned long long)chunk->size, (unsigned long long)next);
    }
    return next;
}

/* The chunk at `address` is sound; whether it is in use stands in the next one. */
static int chunk_take(struct heap *heap, struct window *window, const struct heap_extent *extent,
                      uint64_t address, const struct chunk *chunk)
{
    struct chunk next;
    uint64_t size = size_of(chunk);
    if (!chunk_at(window, extent, address + size, &next)) {
        return 0; /* the last one of a heap without a top: a fence */
    }
    if ((next.size & CHUNK_PREVIOUS) == 0) {
        if (next.before != size && address + size != extent->top) {
            heap_tell(heap, address + size, "the free chunk before has 0x%llx bytes, not 0x%llx",
                      (unsigned long long)size, (unsigned long long)next.before);
        }
        return 0;
    }
    return block_add(heap, address + CHUNK_HEADER_BYTES, size - 8);
}

static int extent_walk(struct heap *heap, struct window *window, const struct heap_extent *extent)
{
    uint64_t address = extent->start;
    while (address < extent->end && address != extent->top) {
        struct chunk chunk = {0};
        bool is_there = chunk_at(window, extent, address, &chunk);
        if (is_there && is_fence(extent, address, &chunk)) {
            break;
        }
        if (!is_there || !is_plausible(extent, address, &chunk)) {
            address = skip_damage(heap, window, extent, address, is_there, &chunk);
            continue;
        }
        int err = chunk_take(heap, window, extent, address, &chunk);
        if (err != 0) {
            return err;
        }
        address += size_of(&chunk);
    }
    return 0;
}

static int sampled_walk(struct heap *heap, const struct heap_extent *extent)
{
    const struct sampled *sampled = heap->sampled;
    int err = 0;
    for (size_t i = sampled_from(sampled, extent->start);
         err == 0 && i < sampled_count(sampled) && sampled_at(sampled, i)->address < extent->end;
         i++) {
        const struct sampled_block *block = sampled_at(sampled, i);
        err = block_add(heap, block->address, sampled_usable(block));
    }
    return err;
}

int chunks_walk(struct heap *heap, struct image *image)
{
    struct window window;
    const struct heap_extent *extents = heap->extents.data;
    int err = window_open(&window, image);
    if (err != 0) {
        return err;
    }
    for (size_t i = 0; err == 0 && i < heap->extents.len / sizeof(*extents); i++) {
        const struct heap_extent *extent = &extents[i];
        if (extent->is_sampled) {
            err = sampled_walk(heap, extent);
        } else {
            err = extent->is_mapped ? block_add(heap, extent->start + CHUNK_HEADER_BYTES,
                                                extent->end - extent->start - CHUNK_HEADER_BYTES)
                                    : extent_walk(heap, &window, extent);
        }
    }
    window_close(&window);
    return err;
}
