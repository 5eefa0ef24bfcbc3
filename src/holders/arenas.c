/*
 * glibc's struct malloc_state, 2.27 to 2.40, by offsets:
 *
 *     0x000  mutex, flags, have_fastchunks    0x870  next arena, in a ring
 *     0x010  10 fastbins                      0x878  next free arena
 *     0x060  top chunk                        0x880  threads that use it
 *     0x068  last remainder                   0x888  bytes from the system
 *     0x070  127 bins, fd and bk              0x890  the most that ever were
 *     0x860  a bit for each bin               0x898  its size
 *
 * An empty bin's fd and bk both point 16 bytes before the bin: that is how it is found. Arenas
 * beyond the main one begin in heaps that are aligned to 64 MiB:
 *
 *     0x00  the arena    0x08  its heap before    0x10  bytes    0x18  bytes that are writable
 */
#include "holders/arenas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/budget.h>

#include "base/diag.h"
#include "holders/heap.h"
#include "holders/image.h"
#include "holders/window.h"

#define ARENA_FASTBINS    0x10
#define ARENA_TOP         0x60
#define ARENA_BINS        0x70
#define ARENA_NEXT        0x870
#define ARENA_SYSTEM      0x888
#define ARENA_SYSTEM_MOST 0x890
#define BIN_COUNT         127
#define BIN_BYTES         16
#define BINS_SANE_MIN     32
#define BINS_BROKEN_MAX   8
#define HEAP_ALIGN        ((uint64_t)64 << 20)
#define ARENAS_MAX        65536
#define HEAPS_MAX         65536
#define CHUNK_ALIGN       16
#define PAGE_BYTES        4096
#define SIZE_MAPPED       2
#define ALIGN_BITS_MIN    5
#define ALIGN_BITS_MAX    30
#define SIZE_FLAGS        7

static uint64_t word_of(const unsigned char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* 1: empty; 2: in use, and its list comes back; 0: neither. */
static int bin_state(struct image *image, uint64_t bin, const unsigned char *bytes)
{
    uint64_t self = bin - BIN_BYTES;
    uint64_t first = word_of(bytes);
    uint64_t last = word_of(bytes + 8);
    uint64_t back = 0;
    if (first == self || last == self) {
        return first == last;
    }
    return image_read_word(image, first + 24, &back) == 0 && back == self ? 2 : 0;
}

/* How many bins are broken, of an arena; else a negative number. */
static int arena_read(struct image *image, uint64_t address, struct heap_arena *arena)
{
    unsigned char bytes[ARENA_BYTES];
    int sane = 0;
    int broken = 0;
    uint64_t next = 0;
    if (image_read_word(image, address + ARENA_NEXT, &next) != 0 || next % 8 != 0 || next == 0 ||
        image_read(image, address, bytes, sizeof(bytes)) != 0) {
        return -1;
    }
    uint64_t top = word_of(bytes + ARENA_TOP);
    uint64_t system = word_of(bytes + ARENA_SYSTEM);
    if (top % 8 != 0 || image_region_at(image, top) == NULL ||
        system > word_of(bytes + ARENA_SYSTEM_MOST)) {
        return -1;
    }
    for (size_t i = 0; i < BIN_COUNT; i++) {
        size_t at = ARENA_BINS + i * BIN_BYTES;
        int state = bin_state(image, address + at, bytes + at);
        sane += state == 1;
        broken += state == 0;
    }
    *arena = (struct heap_arena){.address = address, .top = top};
    memcpy(arena->fastbins, bytes + ARENA_FASTBINS, sizeof(arena->fastbins));
    return sane >= BINS_SANE_MIN && broken <= BINS_BROKEN_MAX ? broken : -1;
}

static bool is_arena(struct image *image, uint64_t address, struct heap_arena *arena)
{
    return arena_read(image, address, arena) >= 0;
}

/*
 * The arena that has an empty bin at `bin`: of those that it may be, the one with the fewest broken
 * bins, since its neighbours look like an arena that is damaged at one end.
 */
static bool arena_around(struct image *image, uint64_t bin, struct heap_arena *arena)
{
    int fewest = BINS_BROKEN_MAX + 1;
    for (uint64_t i = 0; i < BIN_COUNT; i++) {
        struct heap_arena tried;
        uint64_t before = ARENA_BINS + i * BIN_BYTES;
        int broken = before <= bin ? arena_read(image, bin - before, &tried) : -1;
        if (broken >= 0 && broken < fewest) {
            fewest = broken;
            *arena = tried;
        }
    }
    return fewest <= BINS_BROKEN_MAX;
}

static bool arena_in(struct window *window, const struct image_region *region,
                     struct heap_arena *arena)
{
    uint64_t end = region->start + region->stored_bytes;
    for (uint64_t at = region->start; end - at >= BIN_BYTES; at += 8) {
        const unsigned char *bytes = window_at(window, at, BIN_BYTES, end);
        if (bytes == NULL) {
            return false;
        }
        uint64_t self = at - BIN_BYTES;
        if (word_of(bytes) == self && word_of(bytes + 8) == self &&
            arena_around(window->image, at, arena)) {
            return true;
        }
    }
    return false;
}

/* In a file's data, else (where a core does not say what is mapped) anywhere. */
static bool main_arena_find(struct window *window, struct heap_arena *arena)
{
    size_t count = 0;
    const struct image_region *regions = image_regions(window->image, &count);
    for (int with_file = 1; with_file >= 0; with_file--) {
        for (size_t i = 0; i < count; i++) {
            if (regions[i].writable && (regions[i].path != NULL) == with_file &&
                arena_in(window, &regions[i], arena)) {
                return true;
            }
        }
    }
    return false;
}

static int extent_add(struct heap *heap, uint64_t start, uint64_t end, uint64_t top, uint32_t arena,
                      bool is_mapped)
{
    struct heap_extent extent = {
        .start = start, .end = end, .arena = arena, .is_mapped = is_mapped};
    extent.top = top >= start && top < end ? top : 0;
    return start < end ? block_append(heap->budget, &heap->extents, &extent, sizeof(extent)) : 0;
}

static int main_extent_add(struct heap *heap, struct image *image, const struct heap_arena *arena)
{
    const struct image_region *region = image_region_at(image, arena->top);
    uint64_t size = 0;
    if (arena->top >= arena->address && arena->top < arena->address + ARENA_BYTES) {
        return 0; /* nothing was ever allocated in it */
    }
    if (image_read_word(image, arena->top + 8, &size) != 0) {
        heap_tell(heap, arena->top, "the main arena's top chunk is not there");
        size = 0;
    }
    uint64_t end = arena->top + (size & ~(uint64_t)SIZE_FLAGS);
    if (end > region->end || end < arena->top) {
        heap_tell(heap, arena->top, "the main arena's top chunk has %llu bytes",
                  (unsigned long long)size);
        end = region->end;
    }
    return extent_add(heap, region->start, end, arena->top, 0, false);
}

/* Where the first chunk of a heap lies: behind its header, and the arena if that is inside. */
static uint64_t first_chunk(uint64_t heap_start, uint64_t arena)
{
    uint64_t header = arena % HEAP_ALIGN;
    bool has_arena = arena - header == heap_start;
    uint64_t start = heap_start + header + (has_arena ? ARENA_BYTES : 0);
    return (start + CHUNK_ALIGN - 1) & ~(uint64_t)(CHUNK_ALIGN - 1);
}

static int heaps_add(struct heap *heap, struct image *image, const struct heap_arena *arena,
                     uint32_t index)
{
    uint64_t at = arena->top & ~(HEAP_ALIGN - 1);
    for (int i = 0; at != 0 && i < HEAPS_MAX; i++) {
        uint64_t header[3]; /* arena, heap before, bytes */
        if (image_read(image, at, header, sizeof(header)) != 0 || header[0] != arena->address ||
            header[2] > HEAP_ALIGN || at % HEAP_ALIGN != 0) {
            heap_tell(heap, at, "no heap of the arena at 0x%llx",
                      (unsigned long long)arena->address);
            return 0;
        }
        int err = extent_add(heap, first_chunk(at, arena->address), at + header[2], arena->top,
                             index, false);
        if (err != 0) {
            return err;
        }
        at = header[1];
    }
    return 0;
}

static int arena_add(struct heap *heap, struct image *image, const struct heap_arena *arena)
{
    uint32_t index = (uint32_t)(heap->arenas.len / sizeof(*arena));
    int err = block_append(heap->budget, &heap->arenas, arena, sizeof(*arena));
    if (err != 0) {
        return err;
    }
    return arena->is_main ? main_extent_add(heap, image, arena)
                          : heaps_add(heap, image, arena, index);
}

static int ring_follow(struct heap *heap, struct image *image, const struct heap_arena *first)
{
    struct heap_arena arena = *first;
    for (int i = 0; i < ARENAS_MAX; i++) {
        uint64_t next = 0;
        int err = arena_add(heap, image, &arena);
        if (err != 0) {
            return err;
        }
        if (image_read_word(image, arena.address + ARENA_NEXT, &next) != 0 ||
            next == first->address) {
            return 0;
        }
        if (!is_arena(image, next, &arena)) {
            heap_tell(heap, next, "the ring of arenas leads here, and here is none");
            return 0;
        }
    }
    heap_tell(heap, first->address, "the ring of arenas does not end");
    return 0;
}

static int extent_order(const void *left, const void *right)
{
    const struct heap_extent *first = left;
    const struct heap_extent *second = right;
    return (first->start > second->start) - (first->start < second->start);
}

static void extents_sort(struct heap *heap)
{
    if (heap->extents.len > 0) {
        qsort(heap->extents.data, heap->extents.len / sizeof(struct heap_extent),
              sizeof(struct heap_extent), extent_order);
    }
}

/* The end of what arenas have at `address`, or 0. `count` extents are in order. */
static uint64_t arena_memory_end(const struct heap *heap, size_t count, uint64_t address)
{
    const struct heap_extent *extents = heap->extents.data;
    size_t found = heap_extent_after(heap, count, address);
    bool is_inside =
        found < count && (extents[found].start & ~(uint64_t)(PAGE_BYTES - 1)) <= address;
    return is_inside ? extents[found].end : 0;
}

/* A chunk of its own mapping: whole pages, and nothing before it. */
static bool is_mapped_chunk(const unsigned char *bytes, uint64_t left_bytes, uint64_t *size)
{
    uint64_t word = word_of(bytes + 8);
    *size = word & ~(uint64_t)SIZE_FLAGS;
    return word_of(bytes) == 0 && (word & SIZE_FLAGS) == SIZE_MAPPED && *size >= PAGE_BYTES &&
           *size % PAGE_BYTES == 0 && *size <= left_bytes;
}

/*
 * Where a mapped chunk's block has its header. An aligned one's is moved up to its alignment, says
 * by how much, and ends where the first one does, which stays as it was.
 */
static uint64_t aligned_chunk(struct image *image, uint64_t start, uint64_t size)
{
    for (unsigned bits = ALIGN_BITS_MIN; bits <= ALIGN_BITS_MAX; bits++) {
        uint64_t align = (uint64_t)1 << bits;
        uint64_t header = ((start + CHUNK_ALIGN + align - 1) & ~(align - 1)) - CHUNK_ALIGN;
        uint64_t words[2] = {0};
        if (header > start && header - start < size - CHUNK_ALIGN &&
            image_read(image, header, words, sizeof(words)) == 0 && words[0] == header - start &&
            words[1] == ((size - words[0]) | SIZE_MAPPED)) {
            return header;
        }
    }
    return start;
}

/* Where a region's memory begins that may be in use: a stack's, above the lowest pointer to it. */
static uint64_t stack_in(const struct image *image, const struct image_region *region)
{
    size_t count = 0;
    const struct image_thread *threads = image_threads(image, &count);
    uint64_t lowest = region->end;
    for (size_t i = 0; i < count; i++) {
        uint64_t stack = threads[i].registers[IMAGE_REGISTER_STACK];
        if (stack >= region->start && stack < lowest) {
            lowest = stack;
        }
    }
    return lowest == region->end ? region->start : lowest & ~(uint64_t)(PAGE_BYTES - 1);
}

static int mapped_in(struct heap *heap, struct window *window, const struct image_region *region,
                     size_t arena_extents)
{
    uint64_t end = region->start + region->stored_bytes;
    uint64_t at = stack_in(window->image, region);
    while (at < end && end - at >= PAGE_BYTES) {
        uint64_t skipped = arena_memory_end(heap, arena_extents, at);
        uint64_t size = 0;
        if (skipped != 0) {
            at = (skipped + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
            continue;
        }
        const unsigned char *bytes = window_at(window, at, PAGE_BYTES, end);
        if (bytes != NULL && is_mapped_chunk(bytes, end - at, &size)) {
            uint64_t start = aligned_chunk(window->image, at, size);
            int err = extent_add(heap, start, at + size, 0, 0, true);
            if (err != 0) {
                return err;
            }
            at += size;
            continue;
        }
        at += PAGE_BYTES;
    }
    return 0;
}

static int mapped_find(struct heap *heap, struct window *window)
{
    size_t count = 0;
    size_t arena_extents = heap->extents.len / sizeof(struct heap_extent);
    const struct image_region *regions = image_regions(window->image, &count);
    for (size_t i = 0; i < count; i++) {
        bool is_anonymous = regions[i].writable && regions[i].path == NULL;
        int err = is_anonymous ? mapped_in(heap, window, &regions[i], arena_extents) : 0;
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int arenas_find(struct heap *heap, struct image *image, struct slu_diag *diag)
{
    struct window window;
    struct heap_arena arena;
    int err = window_open(&window, image);
    if (err != 0) {
        return diag_fail(diag, err, "no memory to read the program's");
    }
    if (!main_arena_find(&window, &arena)) {
        window_close(&window);
        return diag_fail(diag, -ENOENT,
                         "no heap of glibc's malloc was found: the program may use "
                         "another allocator, or none, or the memory is not there");
    }
    arena.is_main = true;
    err = ring_follow(heap, image, &arena);
    if (err == 0) {
        extents_sort(heap);
        err = mapped_find(heap, &window);
        extents_sort(heap);
    }
    window_close(&window);
    return err != 0 ? diag_fail(diag, err, "no memory for the arenas") : 0;
}
