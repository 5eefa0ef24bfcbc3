#include "preload/blocks.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "preload/extents.h"
#include "preload/slots.h"
#include "sys/mutex.h"

#define BOOT_BYTES           ((size_t)64 << 10)
#define BOOT_HEADER_BYTES    16 /* before each block: its size */
#define MEDIUM_BYTES         ((size_t)64 << 30)
#define LARGE_BYTES          ((size_t)256 << 30)
#define HUGE_BYTES           ((size_t)1 << 40)
#define SHIFT_MAX            6 /* 4 GiB and 16 GiB are the least that is of use */
#define MEDIUM_GRANULE_SHIFT 6 /* rounding wastes 32 bytes in the mean, as libc's malloc does 16 */
#define MEDIUM_CELL_SHIFT    3 /* 512 bytes: what is smaller is in slots */
#define MEDIUM_BLOCK_MAX     ((size_t)64 << 10) /* above, rounding to pages wastes little */
#define MEDIUM_CACHE_PART    8
#define HUGE_GRANULE_SHIFT   21
#define HUGE_BLOCK_MIN       ((size_t)32 << 20) /* from here on, 2 MiB are a small part */
#define WARM_PAGES_MAX       256
#define CACHE_BYTES_MAX      ((uint64_t)32 << 20)
#define MOVE_BYTES_MIN       ((size_t)256 << 10) /* from here on pages are moved, not bytes */
#define MOVES_MAX            4096 /* each is up to two more mappings of the process */
#define GROWTH_PART          8    /* what had to move gets an eighth to grow into */

static struct {
    struct mutex mutex;
    struct slots slots;
    struct extents medium;
    struct extents large;
    struct extents huge;
    struct extent_records records;
    char *boot;
    size_t boot_bytes;
    _Atomic size_t boot_used;
    _Atomic uintptr_t deferred; /* blocks, each holding the next one's address */
    uint64_t cache_bytes_max;
    uint64_t reserved_bytes;
    bool ready;
} blocks = {.mutex = {PTHREAD_MUTEX_INITIALIZER}, .cache_bytes_max = CACHE_BYTES_MAX};

static char boot_static[BOOT_BYTES] __attribute__((aligned(16)));

struct places {
    struct extents_shape medium_shape;
    struct extents_shape large_shape;
    struct extents_shape huge_shape;
    size_t slots;
    size_t medium;
    size_t large;
    size_t huge;
    size_t end; /* of what blocks_range covers */
    size_t slots_table;
    size_t medium_tags;
    size_t large_tags;
    size_t huge_tags;
    size_t records;
    size_t bytes;
};

/* A free run beside each one in use, and some that are being cleaned. */
#define RECORDS_MAX (2 * BLOCKS_MAX + 1024)

/* With the areas of larger blocks divided by 2^shift. */
static struct places places_of(unsigned shift)
{
    struct places places = {
        .medium_shape = {MEDIUM_GRANULE_SHIFT, MEDIUM_CELL_SHIFT,
                         (uint32_t)(MEDIUM_BYTES >> shift >> MEDIUM_GRANULE_SHIFT), false},
        .large_shape = {RANGE_PAGE_SHIFT, 0, (uint32_t)(LARGE_BYTES >> shift >> RANGE_PAGE_SHIFT),
                        false},
        .huge_shape = {HUGE_GRANULE_SHIFT, 0, (uint32_t)(HUGE_BYTES >> shift >> HUGE_GRANULE_SHIFT),
                       true},
    };
    size_t huge_mask = ((size_t)1 << HUGE_GRANULE_SHIFT) - 1;
    places.slots = BOOT_BYTES;
    places.medium = places.slots + ((size_t)BLOCKS_MAX << RANGE_PAGE_SHIFT);
    places.large = places.medium + (MEDIUM_BYTES >> shift);
    places.huge = (places.large + (LARGE_BYTES >> shift) + huge_mask) & ~huge_mask;
    places.end = places.huge + (HUGE_BYTES >> shift);
    places.slots_table = places.end;
    places.medium_tags = places.slots_table + slots_table_bytes(BLOCKS_MAX);
    places.large_tags = places.medium_tags + extents_tags_bytes(&places.medium_shape);
    places.huge_tags = places.large_tags + extents_tags_bytes(&places.large_shape);
    places.records = places.huge_tags + extents_tags_bytes(&places.huge_shape);
    places.bytes = places.records + extent_records_bytes(RECORDS_MAX);
    return places;
}

static bool address_space_is_limited(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

/* As much as there is: some environments (valgrind) have less than the processor. */
static int places_reserve(struct places *places, char **base)
{
    int err = -ENOMEM;
    for (unsigned shift = 0; err != 0 && shift <= SHIFT_MAX; shift += 3) {
        *places = places_of(shift);
        err = range_reserve(places->bytes, (size_t)1 << HUGE_GRANULE_SHIFT, base);
    }
    return err;
}

void blocks_init(struct blocks_range *range)
{
    struct places places;
    char *base = NULL;
    if (address_space_is_limited() || places_reserve(&places, &base) != 0 ||
        mprotect(base, BOOT_BYTES, PROT_READ | PROT_WRITE) != 0) {
        blocks.boot = boot_static;
        blocks.boot_bytes = sizeof(boot_static);
        *range = (struct blocks_range){(uintptr_t)boot_static, sizeof(boot_static)};
        return;
    }
    blocks.boot = base;
    blocks.boot_bytes = BOOT_BYTES;
    blocks.reserved_bytes = places.bytes;
    slots_init(&blocks.slots, base + places.slots, base + places.slots_table, BLOCKS_MAX,
               WARM_PAGES_MAX);
    extent_records_init(&blocks.records, base + places.records, RECORDS_MAX);
    extents_init(&blocks.medium, base + places.medium, base + places.medium_tags,
                 &places.medium_shape, &blocks.records);
    extents_init(&blocks.large, base + places.large, base + places.large_tags, &places.large_shape,
                 &blocks.records);
    extents_init(&blocks.huge, base + places.huge, base + places.huge_tags, &places.huge_shape,
                 &blocks.records);
    blocks.ready = true;
    *range = (struct blocks_range){(uintptr_t)base, places.end};
}

void blocks_span(uint64_t *start, uint64_t *end)
{
    *start = blocks.ready ? (uint64_t)(uintptr_t)blocks.boot + BOOT_BYTES : 0;
    *end = blocks.ready ? (uint64_t)(uintptr_t)blocks.boot + blocks.reserved_bytes : 0;
}

void blocks_set_cache(uint64_t bytes_max)
{
    blocks.cache_bytes_max = bytes_max;
}

bool blocks_ready(void)
{
    return blocks.ready;
}

void *blocks_boot(size_t size)
{
    if (size > blocks.boot_bytes) {
        return NULL;
    }
    size_t bytes = BOOT_HEADER_BYTES + ((size + 15) & ~(size_t)15);
    size_t used = atomic_load_explicit(&blocks.boot_used, memory_order_relaxed);
    do {
        if (bytes > blocks.boot_bytes - used) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&blocks.boot_used, &used, used + bytes,
                                                    memory_order_relaxed, memory_order_relaxed));
    char *header = blocks.boot + used;
    memcpy(header, &size, sizeof(size));
    return header + BOOT_HEADER_BYTES;
}

static bool is_boot(const void *block)
{
    return (uintptr_t)block - (uintptr_t)blocks.boot < blocks.boot_bytes;
}

static bool within(const struct range *range, const void *block)
{
    return (uintptr_t)block - (uintptr_t)range->base < range->reserved_bytes;
}

/* Cleaning takes long, so the mutex is let go of meanwhile. */
static uint64_t cache_shrink(struct extents *extents, uint64_t bytes_max)
{
    uint64_t cleaned_bytes = 0;
    bool clean = true;
    while (clean) {
        uint32_t id = extents_to_clean(extents, bytes_max);
        if (id == EXTENT_NONE) {
            break;
        }
        size_t bytes = extent_bytes(extents, extents_at(extents, id));
        mutex_unlock(&blocks.mutex);
        clean = extents_clean(extents, id);
        mutex_lock(&blocks.mutex);
        extents_cleaned(extents, id, clean);
        cleaned_bytes += clean ? bytes : 0;
    }
    return cleaned_bytes;
}

static struct extents *extents_for(size_t size, size_t align)
{
    if (size <= MEDIUM_BLOCK_MAX && align <= RANGE_PAGE_BYTES) {
        return &blocks.medium;
    }
    return size < HUGE_BLOCK_MIN ? &blocks.large : &blocks.huge;
}

static struct extents *extents_of(const void *block)
{
    if (within(&blocks.medium.memory, block)) {
        return &blocks.medium;
    }
    return within(&blocks.large.memory, block) ? &blocks.large : &blocks.huge;
}

void *blocks_take(size_t size, size_t align, bool zero)
{
    if (!blocks.ready) {
        return NULL;
    }
    bool is_zero = false;
    void *block = NULL;
    mutex_lock(&blocks.mutex);
    if (slots_fit(size, align)) {
        block = slots_take(&blocks.slots, size, align);
    } else {
        block = extents_take(extents_for(size, align), size, align, &is_zero);
    }
    mutex_unlock(&blocks.mutex);
    if (block != NULL && zero && !is_zero) {
        memset(block, 0, size);
    }
    return block;
}

/* The place of a block's sample, and its size; NULL if it is none of ours. */
static uint32_t *block_find(const void *block, size_t *bytes)
{
    uint32_t *sample = NULL;
    if (within(&blocks.slots.pages, block)) {
        return slots_find(&blocks.slots, block, &sample, bytes) ? sample : NULL;
    }
    struct extents *extents = extents_of(block);
    uint32_t id = extents_find(extents, block);
    if (id == EXTENT_NONE) {
        return NULL;
    }
    struct extent *extent = extents_at(extents, id);
    *bytes = extent_bytes(extents, extent);
    return &extent->sample;
}

void blocks_set_sample(void *block, uint32_t sample)
{
    size_t bytes = 0;
    mutex_lock(&blocks.mutex);
    uint32_t *place = block_find(block, &bytes);
    if (place != NULL) {
        *place = sample;
    }
    mutex_unlock(&blocks.mutex);
}

/* Huge blocks are not kept: each would be the whole cache, and its user pays for pages anyway. */
static void cache_bound(struct extents *extents)
{
    uint64_t medium_max = blocks.cache_bytes_max / MEDIUM_CACHE_PART;
    uint64_t bytes_max = blocks.cache_bytes_max - medium_max;
    if (extents != &blocks.large) {
        bytes_max = extents == &blocks.medium ? medium_max : 0;
    }
    (void)cache_shrink(extents, bytes_max);
}

static void extent_give(const void *block, bool clean)
{
    struct extents *extents = extents_of(block);
    extents_give(extents, extents_find(extents, block), clean);
    cache_bound(extents);
}

bool blocks_give(void *block, uint32_t *sample)
{
    *sample = BLOCKS_NO_SAMPLE;
    if (is_boot(block) || !blocks.ready) {
        return true;
    }
    size_t bytes = 0;
    mutex_lock(&blocks.mutex);
    const uint32_t *place = block_find(block, &bytes);
    if (place != NULL) {
        *sample = *place;
        if (within(&blocks.slots.pages, block)) {
            slots_give(&blocks.slots, block);
        } else {
            extent_give(block, false);
        }
    }
    mutex_unlock(&blocks.mutex);
    return place != NULL;
}

void blocks_defer(void *block)
{
    if (is_boot(block)) {
        return;
    }
    uintptr_t next = atomic_load_explicit(&blocks.deferred, memory_order_relaxed);
    do {
        memcpy(block, &next, sizeof(next));
        /* Release: who takes the list reads what was written into the block. */
    } while (!atomic_compare_exchange_weak_explicit(&blocks.deferred, &next, (uintptr_t)block,
                                                    memory_order_release, memory_order_relaxed));
}

void *blocks_deferred(void)
{
    if (atomic_load_explicit(&blocks.deferred, memory_order_relaxed) == 0) {
        return NULL;
    }
    /* The whole list, so that no block comes back to it while its link is read. */
    uintptr_t first = atomic_exchange_explicit(&blocks.deferred, 0, memory_order_acquire);
    if (first == 0) {
        return NULL;
    }
    uintptr_t rest = 0;
    memcpy(&rest, (void *)first, sizeof(rest));
    while (rest != 0) {
        uintptr_t next = 0;
        memcpy(&next, (void *)rest, sizeof(next));
        blocks_defer((void *)rest);
        rest = next;
    }
    return (void *)first;
}

size_t blocks_usable(const void *block)
{
    size_t bytes = 0;
    if (is_boot(block)) {
        memcpy(&bytes, (const char *)block - BOOT_HEADER_BYTES, sizeof(bytes));
        return bytes;
    }
    if (!blocks.ready) {
        return 0;
    }
    mutex_lock(&blocks.mutex);
    const uint32_t *place = block_find(block, &bytes);
    mutex_unlock(&blocks.mutex);
    return place == NULL ? 0 : bytes;
}

uint32_t blocks_sample(const void *block)
{
    size_t bytes = 0;
    if (is_boot(block) || !blocks.ready) {
        return BLOCKS_NO_SAMPLE;
    }
    mutex_lock(&blocks.mutex);
    const uint32_t *place = block_find(block, &bytes);
    uint32_t sample = place == NULL ? BLOCKS_NO_SAMPLE : *place;
    mutex_unlock(&blocks.mutex);
    return sample;
}

/* Only between ranges of ours, whose pages nobody else maps over meanwhile. */
static bool pages_move(void *from, size_t bytes, void *to)
{
    return mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
}

/* Move a run that cannot grow in place; the mutex is held, and let go of meanwhile. */
static void *extent_relocate(void *block, size_t old_bytes, size_t size, uint32_t *sample)
{
    size_t room = size + size / GROWTH_PART;
    struct extents *extents = extents_for(size, 1);
    bool zero = false;
    void *moved = extents->moves >= MOVES_MAX ? NULL : extents_take(extents, room, 1, &zero);
    if (moved == NULL) {
        return NULL;
    }
    mutex_unlock(&blocks.mutex);
    bool gone = pages_move(block, old_bytes, moved);
    mutex_lock(&blocks.mutex);
    if (!gone) {
        extent_give(moved, false);
        return NULL;
    }
    extents_moved(extents, extents_find(extents, moved));
    size_t bytes = 0;
    *sample = *block_find(block, &bytes);
    extent_give(block, true);
    return moved;
}

static void *extent_resize(void *block, size_t size, uint32_t *sample)
{
    size_t bytes = 0;
    struct extents *extents = extents_of(block);
    uint32_t *place = block_find(block, &bytes);
    if (place == NULL) {
        return NULL;
    }
    bool same_area = extents == extents_for(size, 1);
    if (same_area && extents_resize(extents, extents_find(extents, block), size)) {
        *sample = *place;
        *place = BLOCKS_NO_SAMPLE;
        cache_bound(extents);
        return block;
    }
    return size > bytes && bytes >= MOVE_BYTES_MIN ? extent_relocate(block, bytes, size, sample)
                                                   : NULL;
}

static void *slot_resize(void *block, size_t size, uint32_t *sample)
{
    size_t bytes = 0;
    uint32_t *place = block_find(block, &bytes);
    if (place == NULL || size > bytes) {
        return NULL;
    }
    *sample = *place;
    *place = BLOCKS_NO_SAMPLE;
    return block;
}

void *blocks_resize(void *block, size_t size, uint32_t *sample)
{
    if (is_boot(block) || !blocks.ready) {
        return NULL;
    }
    void *resized = NULL;
    mutex_lock(&blocks.mutex);
    if (within(&blocks.slots.pages, block)) {
        resized = slot_resize(block, size, sample);
    } else if (!slots_fit(size, 1)) {
        resized = extent_resize(block, size, sample);
    }
    mutex_unlock(&blocks.mutex);
    return resized;
}

uint64_t blocks_trim(void)
{
    if (!blocks.ready) {
        return 0;
    }
    mutex_lock(&blocks.mutex);
    uint64_t trimmed = (uint64_t)blocks.slots.warm_count << RANGE_PAGE_SHIFT;
    slots_trim(&blocks.slots);
    trimmed -= (uint64_t)blocks.slots.warm_count << RANGE_PAGE_SHIFT;
    trimmed += cache_shrink(&blocks.medium, 0);
    trimmed += cache_shrink(&blocks.large, 0);
    trimmed += cache_shrink(&blocks.huge, 0);
    mutex_unlock(&blocks.mutex);
    return trimmed;
}

static uint64_t granule_bytes(const struct extents *extents, uint64_t granules)
{
    return granules << extents->granule_shift;
}

void blocks_stats(struct blocks_stats *stats)
{
    mutex_lock(&blocks.mutex);
    const struct slots *slots = &blocks.slots;
    *stats = (struct blocks_stats){
        .reserved_bytes = blocks.reserved_bytes,
        .table_bytes = slots->table.open_bytes + blocks.records.table.open_bytes +
                       blocks.medium.tags.open_bytes + blocks.large.tags.open_bytes +
                       blocks.huge.tags.open_bytes,
        .small_page_bytes = (uint64_t)slots->used_pages << RANGE_PAGE_SHIFT,
        .used_bytes = slots->block_bytes +
                      granule_bytes(&blocks.medium, blocks.medium.live_granules) +
                      granule_bytes(&blocks.large, blocks.large.live_granules) +
                      granule_bytes(&blocks.huge, blocks.huge.live_granules),
        .cached_bytes = ((uint64_t)slots->warm_count << RANGE_PAGE_SHIFT) +
                        granule_bytes(&blocks.medium, blocks.medium.dirty_granules) +
                        granule_bytes(&blocks.large, blocks.large.dirty_granules) +
                        granule_bytes(&blocks.huge, blocks.huge.dirty_granules),
    };
    mutex_unlock(&blocks.mutex);
}

static struct blocks_area area_of(const struct range *range, bool is_table)
{
    return (struct blocks_area){(uint64_t)(uintptr_t)range->base, range->open_bytes, is_table};
}

size_t blocks_areas(struct blocks_area areas[BLOCKS_AREAS_MAX])
{
    areas[0] = (struct blocks_area){(uint64_t)(uintptr_t)blocks.boot, blocks.boot_bytes, true};
    if (!blocks.ready) {
        return 1;
    }
    size_t count = 1;
    mutex_lock(&blocks.mutex);
    areas[count++] = area_of(&blocks.slots.pages, false);
    areas[count++] = area_of(&blocks.medium.memory, false);
    areas[count++] = area_of(&blocks.large.memory, false);
    areas[count++] = area_of(&blocks.huge.memory, false);
    areas[count++] = area_of(&blocks.slots.table, true);
    areas[count++] = area_of(&blocks.records.table, true);
    areas[count++] = area_of(&blocks.medium.tags, true);
    areas[count++] = area_of(&blocks.large.tags, true);
    areas[count++] = area_of(&blocks.huge.tags, true);
    mutex_unlock(&blocks.mutex);
    return count;
}

void blocks_before_fork(void)
{
    mutex_lock(&blocks.mutex);
}

void blocks_after_fork_parent(void)
{
    mutex_unlock(&blocks.mutex);
}

void blocks_after_fork_child(void)
{
    mutex_init(&blocks.mutex);
}
