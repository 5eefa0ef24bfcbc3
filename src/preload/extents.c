#include "preload/extents.h"

#include <string.h>

#include "base/golden.h"

GOLDEN_LAYOUT(struct extent, 36, 0, 0, first, count, next, previous, sample, newer, before, after,
              state, granule_shift, moves);

#define TABLE_STEP_BYTES  ((size_t)64 << 10)
#define MEMORY_STEP_BYTES ((size_t)1 << 20)
#define BIN_LOOKS_MAX     8                  /* in the bin that may hold too short runs */
#define CLOSE_BYTES_MIN   ((size_t)64 << 20) /* a clean end of the range that is worth closing */

static size_t whole_pages(size_t bytes)
{
    return (bytes + RANGE_PAGE_BYTES - 1) & -RANGE_PAGE_BYTES;
}

size_t extent_records_bytes(uint32_t record_max)
{
    return whole_pages((size_t)record_max * sizeof(struct extent));
}

void extent_records_init(struct extent_records *records, char *table, uint32_t record_max)
{
    *records = (struct extent_records){.record_max = record_max, .unused = EXTENT_NONE};
    range_init(&records->table, table, extent_records_bytes(record_max), TABLE_STEP_BYTES, false);
}

/* Of the cells that `granules` reach into. */
static size_t tags_bytes(size_t granules, uint32_t cell_shift)
{
    return (((granules - 1) >> cell_shift) + 1) * sizeof(uint32_t);
}

size_t extents_tags_bytes(const struct extents_shape *shape)
{
    return whole_pages(tags_bytes(shape->granule_max, shape->cell_shift));
}

void extents_init(struct extents *extents, char *memory, char *tags,
                  const struct extents_shape *shape, struct extent_records *records)
{
    *extents = (struct extents){.records = records,
                                .granule_shift = shape->granule_shift,
                                .cell_shift = shape->cell_shift,
                                .granule_max = shape->granule_max,
                                .last = EXTENT_NONE,
                                .oldest = EXTENT_NONE,
                                .newest = EXTENT_NONE};
    range_init(&extents->memory, memory, (size_t)shape->granule_max << shape->granule_shift,
               MEMORY_STEP_BYTES, shape->huge_pages);
    range_init(&extents->tags, tags, extents_tags_bytes(shape), TABLE_STEP_BYTES, false);
    for (uint32_t i = 0; i < EXTENT_BIN_COUNT; i++) {
        extents->bins[EXTENT_CLEAN][i] = EXTENT_NONE;
        extents->bins[EXTENT_DIRTY][i] = EXTENT_NONE;
    }
}

static struct extent *record_at(const struct extent_records *records, uint32_t id)
{
    return (struct extent *)(void *)records->table.base + id;
}

struct extent *extents_at(const struct extents *extents, uint32_t id)
{
    return record_at(extents->records, id);
}

static uint32_t record_take(struct extent_records *records)
{
    uint32_t id = records->unused;
    if (id != EXTENT_NONE) {
        records->unused = record_at(records, id)->next;
        return id;
    }
    id = records->record_end;
    if (id == records->record_max ||
        range_open(&records->table, ((size_t)id + 1) * sizeof(struct extent)) != 0) {
        return EXTENT_NONE;
    }
    records->record_end++;
    return id;
}

static void record_give(struct extent_records *records, uint32_t id)
{
    struct extent *record = record_at(records, id);
    record->state = EXTENT_UNUSED;
    record->next = records->unused;
    records->unused = id;
}

static uint32_t *tag_of(const struct extents *extents, uint32_t granule)
{
    return (uint32_t *)(void *)extents->tags.base + (granule >> extents->cell_shift);
}

/* Let runs be neighbours; EXTENT_NONE is the end of the range. */
static void extents_join(struct extents *extents, uint32_t before, uint32_t after)
{
    if (before != EXTENT_NONE) {
        extents_at(extents, before)->after = after;
    }
    if (after != EXTENT_NONE) {
        extents_at(extents, after)->before = before;
    } else {
        extents->last = before;
    }
}

/* A run without granules of its own any more. */
static void extent_drop(struct extents *extents, uint32_t id)
{
    extents_join(extents, extents_at(extents, id)->before, extents_at(extents, id)->after);
    record_give(extents->records, id);
}

static char *extent_memory(const struct extents *extents, const struct extent *extent)
{
    return extents->memory.base + ((size_t)extent->first << extents->granule_shift);
}

/* Runs of 2^bin to 2^(bin + 1) - 1 granules. */
static uint32_t bin_of(uint32_t count)
{
    return 31 - (uint32_t)__builtin_clz(count);
}

static void age_append(struct extents *extents, uint32_t id)
{
    struct extent *extent = extents_at(extents, id);
    extent->older = extents->newest;
    extent->newer = EXTENT_NONE;
    if (extents->newest == EXTENT_NONE) {
        extents->oldest = id;
    } else {
        extents_at(extents, extents->newest)->newer = id;
    }
    extents->newest = id;
}

static void age_remove(struct extents *extents, const struct extent *extent)
{
    if (extent->older == EXTENT_NONE) {
        extents->oldest = extent->newer;
    } else {
        extents_at(extents, extent->older)->newer = extent->newer;
    }
    if (extent->newer == EXTENT_NONE) {
        extents->newest = extent->older;
    } else {
        extents_at(extents, extent->newer)->older = extent->older;
    }
}

static void bin_insert(struct extents *extents, uint32_t id)
{
    struct extent *extent = extents_at(extents, id);
    uint32_t bin = bin_of(extent->count);
    uint32_t *head = &extents->bins[extent->state][bin];
    extent->previous = EXTENT_NONE;
    extent->next = *head;
    if (*head != EXTENT_NONE) {
        extents_at(extents, *head)->previous = id;
    }
    *head = id;
    extents->bin_bits[extent->state] |= (uint32_t)1 << bin;
    if (extent->state == EXTENT_DIRTY) {
        age_append(extents, id);
        extents->dirty_granules += extent->count;
    }
}

static void bin_remove(struct extents *extents, uint32_t id)
{
    const struct extent *extent = extents_at(extents, id);
    uint32_t bin = bin_of(extent->count);
    uint32_t *head = &extents->bins[extent->state][bin];
    if (extent->previous == EXTENT_NONE) {
        *head = extent->next;
        if (*head == EXTENT_NONE) {
            extents->bin_bits[extent->state] &= ~((uint32_t)1 << bin);
        }
    } else {
        extents_at(extents, extent->previous)->next = extent->next;
    }
    if (extent->next != EXTENT_NONE) {
        extents_at(extents, extent->next)->previous = extent->previous;
    }
    if (extent->state == EXTENT_DIRTY) {
        age_remove(extents, extent);
        extents->dirty_granules -= extent->count;
    }
}

/* The run, if there is one and it is free in this way. */
static uint32_t if_free(const struct extents *extents, uint32_t id, enum extent_state state)
{
    return id != EXTENT_NONE && extents_at(extents, id)->state == state ? id : EXTENT_NONE;
}

static void extent_join_moves(struct extent *extent, const struct extent *other)
{
    if (__builtin_add_overflow(extent->moves, other->moves, &extent->moves)) {
        extent->moves = UINT16_MAX;
    }
}

/* Put a run that is free, and in no list, into its bin, joined with its neighbours. */
static void extent_settle(struct extents *extents, uint32_t id, enum extent_state state)
{
    struct extent *extent = extents_at(extents, id);
    extent->state = (uint8_t)state;
    uint32_t before = if_free(extents, extent->before, state);
    if (before != EXTENT_NONE) {
        bin_remove(extents, before);
        extent->first = extents_at(extents, before)->first;
        extent->count += extents_at(extents, before)->count;
        extent_join_moves(extent, extents_at(extents, before));
        extent_drop(extents, before);
    }
    uint32_t after = if_free(extents, extent->after, state);
    if (after != EXTENT_NONE) {
        bin_remove(extents, after);
        extent->count += extents_at(extents, after)->count;
        extent_join_moves(extent, extents_at(extents, after));
        extent_drop(extents, after);
    }
    bin_insert(extents, id);
}

/* A run of `count` granules at the end of those in use. */
static uint32_t extent_fresh(struct extents *extents, uint32_t count)
{
    if (count > extents->granule_max - extents->granule_end) {
        return EXTENT_NONE;
    }
    size_t end = (size_t)extents->granule_end + count;
    if (range_open(&extents->tags, tags_bytes(end, extents->cell_shift)) != 0 ||
        range_open(&extents->memory, end << extents->granule_shift) != 0) {
        return EXTENT_NONE;
    }
    uint32_t id = record_take(extents->records);
    if (id == EXTENT_NONE) {
        return EXTENT_NONE;
    }
    *extents_at(extents, id) =
        (struct extent){.first = extents->granule_end, .count = count, .state = EXTENT_CLEAN};
    extents->granule_end += count;
    extents_join(extents, extents->last, id);
    extents_join(extents, id, EXTENT_NONE);
    return id;
}

/* A free run of `count` granules or more, out of its bin. */
static uint32_t extent_fit(struct extents *extents, uint32_t count, enum extent_state state)
{
    uint32_t bin = bin_of(count);
    uint32_t id = extents->bins[state][bin];
    for (uint32_t looks = 0; id != EXTENT_NONE && looks < BIN_LOOKS_MAX; looks++) {
        if (extents_at(extents, id)->count >= count) {
            bin_remove(extents, id);
            return id;
        }
        id = extents_at(extents, id)->next;
    }
    uint32_t larger = bin == 31 ? 0 : extents->bin_bits[state] & (UINT32_MAX << (bin + 1));
    if (larger == 0) {
        return EXTENT_NONE;
    }
    id = extents->bins[state][__builtin_ctz(larger)];
    bin_remove(extents, id);
    return id;
}

/*
 * Cut a run that is in no list so that it has `count` granules; the rest is free as `state`.
 * Without a record for the rest the run keeps it.
 */
static void extent_cut_tail(struct extents *extents, uint32_t id, uint32_t count,
                            enum extent_state state)
{
    struct extent *extent = extents_at(extents, id);
    if (extent->count == count) {
        return;
    }
    uint32_t rest = record_take(extents->records);
    if (rest == EXTENT_NONE) {
        return;
    }
    *extents_at(extents, rest) = (struct extent){
        .first = extent->first + count, .count = extent->count - count, .moves = extent->moves};
    extent->count = count;
    extents_join(extents, rest, extent->after);
    extents_join(extents, id, rest);
    extent_settle(extents, rest, state);
}

/* Cut off the granules before `first`; false without a record for them. */
static bool extent_cut_head(struct extents *extents, uint32_t id, uint32_t first,
                            enum extent_state state)
{
    struct extent *extent = extents_at(extents, id);
    if (extent->first == first) {
        return true;
    }
    uint32_t head = record_take(extents->records);
    if (head == EXTENT_NONE) {
        return false;
    }
    uint32_t head_count = first - extent->first;
    *extents_at(extents, head) =
        (struct extent){.first = extent->first, .count = head_count, .moves = extent->moves};
    extent->first = first;
    extent->count -= head_count;
    extents_join(extents, extent->before, head);
    extents_join(extents, head, id);
    extent_settle(extents, head, state);
    return true;
}

/* The granules of a run in use of `size` bytes, or 0 if there are not so many. */
static uint32_t granules_of(const struct extents *extents, size_t size)
{
    size_t granule_bytes = (size_t)1 << extents->granule_shift;
    size_t count = (size >> extents->granule_shift) + ((size & (granule_bytes - 1)) != 0);
    return count <= extents->granule_max ? (uint32_t)count : 0;
}

static uint32_t extent_any(struct extents *extents, uint32_t count, enum extent_state *state)
{
    *state = EXTENT_DIRTY;
    uint32_t id = extent_fit(extents, count, EXTENT_DIRTY);
    if (id == EXTENT_NONE) {
        *state = EXTENT_CLEAN;
        id = extent_fit(extents, count, EXTENT_CLEAN);
    }
    return id != EXTENT_NONE ? id : extent_fresh(extents, count);
}

void *extents_take(struct extents *extents, size_t size, size_t align_bytes, bool *zero)
{
    uint32_t count = granules_of(extents, size);
    uint32_t align = granules_of(extents, align_bytes);
    uint32_t cell = (uint32_t)1 << extents->cell_shift;
    count = count != 0 && count < cell ? cell : count;
    if (count == 0 || align == 0 || count > extents->granule_max - align) {
        return NULL;
    }
    enum extent_state state = EXTENT_CLEAN;
    uint32_t id = extent_any(extents, count + align - 1, &state);
    if (id == EXTENT_NONE) {
        return NULL;
    }
    struct extent *extent = extents_at(extents, id);
    extent->state = EXTENT_LIVE; /* so that what is cut off does not join it */
    uintptr_t start = (uintptr_t)extent_memory(extents, extent);
    uintptr_t skipped = (-start & (align_bytes - 1)) >> extents->granule_shift;
    if (!extent_cut_head(extents, id, extent->first + (uint32_t)skipped, state)) {
        extent_settle(extents, id, state);
        return NULL;
    }
    extent_cut_tail(extents, id, count, state);
    extent->sample = EXTENT_NONE;
    extent->granule_shift = (uint8_t)extents->granule_shift;
    *tag_of(extents, extent->first) = id;
    extents->live_granules += extent->count;
    *zero = state == EXTENT_CLEAN;
    return extent_memory(extents, extent);
}

uint32_t extents_find(const struct extents *extents, const void *address)
{
    size_t offset = (uintptr_t)address - (uintptr_t)extents->memory.base;
    size_t granule = offset >> extents->granule_shift;
    if (granule >= extents->granule_end ||
        (offset & (((size_t)1 << extents->granule_shift) - 1)) != 0) {
        return EXTENT_NONE;
    }
    /* The tag may be an old one, of a record that serves another area by now. */
    uint32_t id = *tag_of(extents, (uint32_t)granule);
    if (id >= extents->records->record_end) {
        return EXTENT_NONE;
    }
    const struct extent *extent = extents_at(extents, id);
    bool starts = extent->state == EXTENT_LIVE && extent->first == granule &&
                  extent->granule_shift == extents->granule_shift;
    return starts ? id : EXTENT_NONE;
}

/* Take what is missing from the free run behind, of either kind. */
static bool extent_absorb(struct extents *extents, uint32_t id, uint32_t missing)
{
    struct extent *extent = extents_at(extents, id);
    enum extent_state state = EXTENT_DIRTY;
    uint32_t after = if_free(extents, extent->after, state);
    if (after == EXTENT_NONE) {
        state = EXTENT_CLEAN;
        after = if_free(extents, extent->after, state);
    }
    if (after == EXTENT_NONE || extents_at(extents, after)->count < missing) {
        return false;
    }
    bin_remove(extents, after);
    extents_at(extents, after)->state = EXTENT_LIVE;
    extent_cut_tail(extents, after, missing, state);
    extent->count += extents_at(extents, after)->count;
    extent_join_moves(extent, extents_at(extents, after));
    extent_drop(extents, after);
    return true;
}

static bool extent_extend(struct extents *extents, uint32_t id, uint32_t missing)
{
    struct extent *extent = extents_at(extents, id);
    if (extent->first + extent->count != extents->granule_end) {
        return false;
    }
    uint32_t fresh = extent_fresh(extents, missing);
    if (fresh == EXTENT_NONE) {
        return false;
    }
    extent->count += missing;
    extent_drop(extents, fresh);
    return true;
}

bool extents_resize(struct extents *extents, uint32_t id, size_t size)
{
    struct extent *extent = extents_at(extents, id);
    uint32_t count = granules_of(extents, size);
    if (count == 0) {
        return false;
    }
    uint32_t old_count = extent->count;
    if (count < old_count) {
        extent_cut_tail(extents, id, count, EXTENT_DIRTY);
    } else if (count > old_count && !extent_absorb(extents, id, count - old_count) &&
               !extent_extend(extents, id, count - old_count)) {
        return false;
    }
    extents->live_granules += (uint64_t)extent->count - old_count;
    return true;
}

void extents_give(struct extents *extents, uint32_t id, bool clean)
{
    extents->live_granules -= extents_at(extents, id)->count;
    extent_settle(extents, id, clean ? EXTENT_CLEAN : EXTENT_DIRTY);
}

void extents_moved(struct extents *extents, uint32_t id)
{
    extents_at(extents, id)->moves = 1;
    extents->moves++;
}

uint32_t extents_to_clean(struct extents *extents, uint64_t bytes_max)
{
    uint32_t id = extents->oldest;
    if (id == EXTENT_NONE || extents->dirty_granules << extents->granule_shift <= bytes_max) {
        return EXTENT_NONE;
    }
    bin_remove(extents, id);
    extents_at(extents, id)->state = EXTENT_CLEANING;
    return id;
}

/* Whole pages go back to the system; what shares a page with other runs is filled with zeros. */
static bool bytes_clean(char *start, size_t bytes)
{
    char *end = start + bytes;
    char *pages = start + (-(uintptr_t)start & (RANGE_PAGE_BYTES - 1));
    char *pages_end = end - ((uintptr_t)end & (RANGE_PAGE_BYTES - 1));
    if (pages >= pages_end) {
        memset(start, 0, bytes);
        return true;
    }
    if (range_clean(pages, (size_t)(pages_end - pages)) != 0) {
        return false;
    }
    memset(start, 0, (size_t)(pages - start));
    memset(pages_end, 0, (size_t)(end - pages_end));
    return true;
}

bool extents_clean(const struct extents *extents, uint32_t id)
{
    const struct extent *extent = extents_at(extents, id);
    char *start = extent_memory(extents, extent);
    size_t bytes = extent_bytes(extents, extent);
    if (extent->moves == 0) {
        return bytes_clean(start, bytes);
    }
    return range_renew(&extents->memory, start, bytes) == 0;
}

/* Without charge for a large clean run at the end of the range. */
static void extents_close_end(struct extents *extents)
{
    uint32_t last = if_free(extents, extents->last, EXTENT_CLEAN);
    if (last == EXTENT_NONE || extent_bytes(extents, extents_at(extents, last)) < CLOSE_BYTES_MIN) {
        return;
    }
    bin_remove(extents, last);
    extents->granule_end = extents_at(extents, last)->first;
    extent_drop(extents, last);
    range_close(&extents->memory,
                whole_pages((size_t)extents->granule_end << extents->granule_shift));
}

void extents_cleaned(struct extents *extents, uint32_t id, bool clean)
{
    struct extent *extent = extents_at(extents, id);
    if (clean) {
        extents->moves -= extents->moves < extent->moves ? extents->moves : extent->moves;
        extent->moves = 0;
    }
    extent_settle(extents, id, clean ? EXTENT_CLEAN : EXTENT_DIRTY);
    extents_close_end(extents);
}
