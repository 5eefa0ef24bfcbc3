/*
 * A thread's cache is itself a block of the heap, of 0x280 bytes: 64 counts of 16 bits, then 64
 * lists of blocks of 24, 40, 56 ... usable bytes. From glibc 2.32 on a link is kept xored with its
 * own address >> 12; which of the two it is shows in where it leads.
 *
 * Source  glibc, malloc/malloc.c: tcache_perthread_struct, PROTECT_PTR
 */
#include "holders/free_lists.h"

#include <stdbool.h>
#include <string.h>

#include "holders/chunks.h"
#include "holders/heap.h"
#include "holders/image.h"

#define CACHE_LISTS  64
#define CACHE_BYTES  (CACHE_LISTS * (2 + 8))
#define CACHE_WORDS  (CACHE_BYTES / 8 + 1) /* the chunk's usable bytes / 8 */
#define CACHE_DEEP   4096                  /* more than the tunable's usual 7 */
#define FAST_LISTS   10
#define FAST_DEEP    ((uint32_t)1 << 28)
#define PROTECT_BITS 12

struct cache {
    uint16_t counts[CACHE_LISTS];
    uint64_t lists[CACHE_LISTS];
};

static bool is_marked(const struct heap *heap, uint32_t slot)
{
    return (heap->words[slot / HEAP_WORD_SLOTS].starts >> slot % HEAP_WORD_SLOTS & 1) != 0;
}

static void unmark(struct heap *heap, uint32_t slot)
{
    heap->words[slot / HEAP_WORD_SLOTS].starts &= ~((uint64_t)1 << slot % HEAP_WORD_SLOTS);
}

/* The slot of a block that is still in use and has `words` times 8 usable bytes; false if none. */
static bool member_slot(struct heap *heap, struct image *image, uint64_t address, uint64_t words,
                        uint32_t *slot)
{
    uint64_t size = 0;
    return address % HEAP_SLOT_BYTES == 0 && heap_slot_at(heap, address, slot) &&
           is_marked(heap, *slot) && image_read_word(image, address - 8, &size) == 0 &&
           (size & ~(uint64_t)CHUNK_FLAGS) == words * 8 + 8;
}

/* Where the link at `address` leads: 0 at the end, or a member; false if neither form does. */
static bool link_follow(struct heap *heap, struct image *image, uint64_t address, uint64_t words,
                        uint64_t header_bytes, uint64_t *next)
{
    uint64_t link = 0;
    uint32_t slot = 0;
    if (image_read_word(image, address, &link) != 0) {
        return false;
    }
    const uint64_t forms[] = {link ^ address >> PROTECT_BITS, link};
    for (size_t i = 0; i < 2; i++) {
        *next = forms[i];
        if (forms[i] == 0 || member_slot(heap, image, forms[i] + header_bytes, words, &slot)) {
            return true;
        }
    }
    return false;
}

/* Whether each list has the members that its count says. */
static bool is_cache(struct heap *heap, struct image *image, const struct cache *cache)
{
    bool any = false;
    for (uint64_t i = 0; i < CACHE_LISTS; i++) {
        uint32_t slot = 0;
        if ((cache->counts[i] == 0) != (cache->lists[i] == 0) || cache->counts[i] > CACHE_DEEP) {
            return false;
        }
        if (cache->counts[i] > 0 && !member_slot(heap, image, cache->lists[i], 3 + 2 * i, &slot)) {
            return false;
        }
        any |= cache->counts[i] > 0;
    }
    return any;
}

static void list_subtract(struct heap *heap, struct image *image, uint64_t first, uint64_t words,
                          uint64_t header_bytes, uint32_t count)
{
    uint64_t address = first;
    for (uint32_t i = 0; address != 0 && i < count; i++) {
        uint64_t next = 0;
        uint32_t slot = 0;
        if (!member_slot(heap, image, address + header_bytes, words, &slot)) {
            heap_tell(heap, address, "a list of free blocks leads here, and here is none");
            return;
        }
        bool goes_on = link_follow(heap, image, address + header_bytes, words, header_bytes, &next);
        unmark(heap, slot);
        if (!goes_on && i + 1 < count) {
            heap_tell(heap, address, "the link to the next free block is damaged");
            return;
        }
        address = next;
    }
}

static void cache_subtract(struct heap *heap, struct image *image, uint64_t address)
{
    struct cache cache;
    if (image_read(image, address, &cache, sizeof(cache)) != 0 || !is_cache(heap, image, &cache)) {
        return;
    }
    for (uint64_t i = 0; i < CACHE_LISTS; i++) {
        list_subtract(heap, image, cache.lists[i], 3 + 2 * i, 0, cache.counts[i]);
    }
}

void free_lists_subtract(struct heap *heap, struct image *image)
{
    const uint32_t *sizes = heap->sizes.data;
    for (uint32_t i = 0; i < heap->block_count; i++) {
        if (sizes[i] == CACHE_WORDS) {
            cache_subtract(heap, image, heap_block_address(heap, i));
        }
    }
    const struct heap_arena *arenas = heap->arenas.data;
    for (size_t i = 0; i < heap->arenas.len / sizeof(*arenas); i++) {
        for (uint64_t j = 0; j < FAST_LISTS; j++) {
            list_subtract(heap, image, arenas[i].fastbins[j], 3 + 2 * j, CHUNK_HEADER_BYTES,
                          FAST_DEEP);
        }
    }
}
