/*
 * libc's heaps, chunk by chunk (glibc's malloc/malloc.c and malloc/arena.c; the layout is the same
 * since 2.26, and what does not add up is left to libc's own figures).
 *
 *   chunk    | size of the one before, if that is free | size, flags | memory ... |
 *            flags: 1 the chunk before is in use, 2 a mapping of its own, 4 not of the first arena
 *   arena    at each 64 MiB: | arena | heap before | bytes | readable bytes |, in the first heap
 *            the arena itself, then chunks; a heap that is full ends with chunks of 16 and 0 bytes
 *   mapping  | 0, or bytes skipped for alignment | size of all pages, flag 2 | memory ... |
 *
 * The program goes on meanwhile: memory is read in pieces that are each of one moment, and where
 * the chain of sizes breaks, the walk goes back to where it was right.
 */
#include "preload/account_tables.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sluice/clock.h>

#define HEAP_ALIGN         (UINT64_C(64) << 20)
#define SEARCHED_AREA_MAX  (UINT64_C(64) << 30)
#define FLAG_BEFORE_IN_USE 1u
#define FLAG_MAPPED        2u
#define FLAGS              7u
#define HEADER_BYTES       16u
#define CHUNK_ALIGN        16u
#define CHUNK_BYTES_MIN    32u
#define ARENA_BYTES_MIN    2048 /* 2,200 in 2.36 */
#define ARENA_BYTES_MAX    2560
#define CHECK_CHUNKS       1024 /* between places to go back to */
#define RETRIES_MAX        16
#define BREAK_BYTES_MAX    (UINT64_C(1) << 46)
#define SAME_PLACE_MAX     4
#define CACHE_BYTES        656 /* of a thread's cache, as a chunk */
#define CACHE_BINS         64
#define CACHE_COUNT_MAX    1024

struct heap_header {
    uint64_t arena;
    uint64_t before;
    uint64_t bytes;
    uint64_t readable_bytes;
};

/* What has been counted up to `at`. */
struct walk {
    uint64_t at;
    uint64_t chunk_bytes; /* of the chunk that ends at `at`, whose state is not known yet; or 0 */
    struct account_walk sums;
    uint64_t in_use_resident_bytes;
};

struct chunk_header {
    uint64_t before_bytes;
    uint64_t size;
};

static bool heap_header_read(struct account_tables *tables, uint64_t start, uint64_t limit,
                             struct heap_header *header)
{
    if (start % HEAP_ALIGN != 0 ||
        !residency_read(&tables->residency, start, header, sizeof(*header))) {
        return false;
    }
    bool is_first = header->arena - header->arena % HEAP_ALIGN == start;
    uint64_t arena_at = header->arena % HEAP_ALIGN;
    return arena_at >= sizeof(*header) && arena_at <= 2 * sizeof(*header) &&
           arena_at % CHUNK_ALIGN == 0 && header->before % HEAP_ALIGN == 0 &&
           is_first == (header->before == 0) && header->bytes > arena_at &&
           header->bytes % RESIDENCY_PAGE_BYTES == 0 && header->readable_bytes >= header->bytes &&
           header->readable_bytes <= HEAP_ALIGN && header->bytes <= limit - start;
}

static void area_arenas_claim(struct account_tables *tables, const struct area *area)
{
    uint64_t at = (area->start + HEAP_ALIGN - 1) & ~(HEAP_ALIGN - 1);
    for (; at < area->limit; at += HEAP_ALIGN) {
        struct heap_header header;
        if (heap_header_read(tables, at, area->limit, &header)) {
            uint64_t left = area->limit - at;
            uint64_t bytes = header.readable_bytes < left ? header.readable_bytes : left;
            account_claim(tables, at, at + bytes, CLAIM_HEAP, 0);
        }
    }
}

void account_arenas_claim(struct account_tables *tables)
{
    if (allocator_kind() != ALLOCATOR_GLIBC) {
        return;
    }
    for (uint32_t i = 0; i < tables->area_count; i++) {
        const struct area *area = &tables->areas[i];
        if (area->kind == AREA_UNNAMED && area->is_writable && area->rss_bytes > 0 &&
            area->limit - area->start <= SEARCHED_AREA_MAX) {
            area_arenas_claim(tables, area);
        }
    }
}

/* What a thread keeps for its next allocations; 0 if the chunk is something else of that size. */
static uint64_t thread_cache_bytes(struct account_tables *tables, uint64_t chunk)
{
    struct {
        uint16_t counts[CACHE_BINS];
        uint64_t blocks[CACHE_BINS];
    } cache;
    uint64_t bytes = 0;
    if (!residency_read(&tables->residency, chunk + HEADER_BYTES, &cache, sizeof(cache))) {
        return 0;
    }
    for (unsigned i = 0; i < CACHE_BINS; i++) {
        bool is_block = cache.blocks[i] % CHUNK_ALIGN == 0;
        bool is_empty = cache.blocks[i] == 0;
        if (!is_block || is_empty != (cache.counts[i] == 0) || cache.counts[i] > CACHE_COUNT_MAX) {
            return 0;
        }
        bytes += (uint64_t)cache.counts[i] * (CHUNK_BYTES_MIN + CHUNK_ALIGN * i);
    }
    return bytes;
}

static uint64_t chunk_resident(struct account_tables *tables, uint64_t start, uint64_t bytes)
{
    bool is_on_page = (start ^ (start + bytes - 1)) < RESIDENCY_PAGE_BYTES;
    return is_on_page ? bytes : residency_count(&tables->residency, start, start + bytes);
}

/* The chunk that ends where the walk is: the next one's flag tells whether it is in use. */
static void chunk_add(struct account_tables *tables, struct walk *walk, bool in_use)
{
    if (walk->chunk_bytes == 0) {
        return;
    }
    uint64_t start = walk->at - walk->chunk_bytes;
    uint64_t resident = chunk_resident(tables, start, walk->chunk_bytes);
    walk->sums.chunk_count++;
    if (!in_use) {
        walk->sums.free_bytes += walk->chunk_bytes;
        walk->sums.free_resident_bytes += resident;
        return;
    }
    walk->sums.in_use_bytes += walk->chunk_bytes;
    walk->in_use_resident_bytes += resident;
    if (walk->chunk_bytes == CACHE_BYTES) {
        walk->sums.thread_caches_bytes += thread_cache_bytes(tables, start);
    }
}

static void top_add(struct account_tables *tables, struct walk *walk, uint64_t limit)
{
    uint64_t bytes = limit - walk->at;
    uint64_t resident = chunk_resident(tables, walk->at, bytes);
    walk->sums.top_bytes += bytes;
    walk->sums.top_resident_bytes += resident;
    walk->sums.free_bytes += bytes;
    walk->sums.free_resident_bytes += resident;
}

/* One chunk on. Returns 1; 0 at the end of the heap; -EAGAIN if there is no chunk. */
static int walk_step(struct account_tables *tables, struct walk *walk, uint64_t limit)
{
    struct chunk_header header;
    if (limit - walk->at < HEADER_BYTES ||
        !residency_read(&tables->residency, walk->at, &header, sizeof(header))) {
        return -EAGAIN;
    }
    uint64_t bytes = header.size & ~(uint64_t)FLAGS;
    bool before_in_use = (header.size & FLAG_BEFORE_IN_USE) != 0;
    bool fits = before_in_use || walk->chunk_bytes == header.before_bytes;
    if (!fits || bytes % CHUNK_ALIGN != 0 || bytes > limit - walk->at ||
        (header.size & FLAG_MAPPED) != 0) {
        return -EAGAIN;
    }
    bool is_end = bytes == HEADER_BYTES && limit - walk->at == 2 * HEADER_BYTES;
    if (bytes < CHUNK_BYTES_MIN && !is_end) {
        return -EAGAIN;
    }
    chunk_add(tables, walk, before_in_use);
    if (is_end) {
        walk->sums.metadata_bytes += 2 * HEADER_BYTES;
        return 0;
    }
    if (walk->at + bytes == limit) {
        top_add(tables, walk, limit);
        return 0;
    }
    walk->at += bytes;
    walk->chunk_bytes = bytes;
    return 1;
}

/* Where the heap that begins at `start` ends now: it may have grown, or been trimmed. */
static uint64_t heap_limit(struct account_tables *tables, uint64_t start, uint64_t limit)
{
    struct heap_header header;
    if (start % HEAP_ALIGN == 0 && heap_header_read(tables, start, UINT64_MAX, &header)) {
        return start + header.bytes;
    }
    uint64_t end_of_break = (uint64_t)syscall(SYS_brk, 0);
    bool is_break = end_of_break >= start && end_of_break - start < BREAK_BYTES_MAX;
    return is_break ? end_of_break : limit;
}

/* From `first` to the end. Returns 0; -EAGAIN if it changes too fast, or is no heap; -ETIME. */
static int heap_walk(struct account_tables *tables, uint64_t start, uint64_t first, uint64_t limit,
                     struct walk *walk)
{
    struct walk begin = {.at = first};
    struct walk checked = begin;
    unsigned retries = 0;
    unsigned same_place = 0;
    uint64_t steps = 0;
    *walk = begin;
    for (;;) {
        int step = walk_step(tables, walk, limit);
        if (step == 0) {
            return 0;
        }
        if (step > 0 && ++steps % CHECK_CHUNKS == 0) {
            checked = *walk;
            same_place = 0;
            if (slu_clock_monotonic_ns() > tables->walk_end_ns) {
                return -ETIME;
            }
        }
        if (step < 0) {
            if (++retries == RETRIES_MAX || slu_clock_monotonic_ns() > tables->walk_end_ns) {
                return step;
            }
            checked = ++same_place < SAME_PLACE_MAX ? checked : begin;
            residency_forget(&tables->residency);
            limit = heap_limit(tables, start, limit);
            *walk = checked;
        }
    }
}

static void walk_keep(struct account_tables *tables, const struct walk *walk)
{
    struct account_walk *all = &tables->account->walk;
    uint64_t *terms = tables->account->terms;
    all->in_use_bytes += walk->sums.in_use_bytes;
    all->free_bytes += walk->sums.free_bytes;
    all->top_bytes += walk->sums.top_bytes;
    all->thread_caches_bytes += walk->sums.thread_caches_bytes;
    all->metadata_bytes += walk->sums.metadata_bytes;
    all->free_resident_bytes += walk->sums.free_resident_bytes;
    all->top_resident_bytes += walk->sums.top_resident_bytes;
    all->chunk_count += walk->sums.chunk_count;
    all->heap_count++;
    terms[ACCOUNT_HEAP_IN_USE] += walk->in_use_resident_bytes;
    terms[ACCOUNT_HEAP_FREE] += walk->sums.free_resident_bytes;
    terms[ACCOUNT_HEAP_METADATA] += walk->sums.metadata_bytes;
}

/* A heap of an arena: in its first one chunks follow the arena, whose size is libc's affair. */
static int arena_walk(struct account_tables *tables, uint64_t start, uint64_t limit,
                      const struct heap_header *header, struct walk *walk)
{
    uint64_t arena_at = header->arena % HEAP_ALIGN;
    if (header->before != 0) {
        return heap_walk(tables, start, start + arena_at, limit, walk);
    }
    int err = -EAGAIN;
    for (uint64_t at = ARENA_BYTES_MIN; at <= ARENA_BYTES_MAX && err != 0; at += CHUNK_ALIGN) {
        struct chunk_header chunk = {0};
        uint64_t first = start + arena_at + at;
        bool is_read = residency_read(&tables->residency, first, &chunk, sizeof(chunk));
        uint64_t bytes = chunk.size & ~(uint64_t)FLAGS;
        if (is_read && (chunk.size & FLAG_BEFORE_IN_USE) != 0 && bytes >= CHUNK_BYTES_MIN &&
            bytes <= limit - first) {
            err = heap_walk(tables, start, first, limit, walk);
            walk->sums.metadata_bytes += err == 0 ? first - start : 0;
        }
    }
    return err;
}

void account_heap_add(struct account_tables *tables, uint64_t start, uint64_t limit,
                      uint64_t resident_bytes)
{
    struct walk walk;
    struct heap_header header;
    int err = -EAGAIN;
    bool can_walk = allocator_kind() == ALLOCATOR_GLIBC && residency_is_known(&tables->residency);
    if (can_walk && heap_header_read(tables, start, limit, &header)) {
        err = arena_walk(tables, start, start + header.bytes, &header, &walk);
    } else if (can_walk) {
        err = heap_walk(tables, start, start, limit, &walk);
    }
    if (err == 0) {
        walk_keep(tables, &walk);
        return;
    }
    tables->heap_unwalked_bytes += resident_bytes;
    tables->account->walk.lost_count += can_walk ? 1 : 0;
}

/* Bytes skipped for alignment lie before the header, which ends at a multiple of the alignment. */
static uint64_t block_of(struct account_tables *tables, uint64_t header_at, uint64_t start,
                         uint64_t limit, uint64_t *block)
{
    struct chunk_header header;
    if (!residency_read(&tables->residency, header_at, &header, sizeof(header)) ||
        (header.size & FLAGS) != FLAG_MAPPED || header.before_bytes > header_at - start) {
        return 0;
    }
    uint64_t bytes = header.size - FLAG_MAPPED;
    *block = header_at - header.before_bytes;
    bool fits = bytes > 0 && bytes <= limit - header_at && *block % RESIDENCY_PAGE_BYTES == 0 &&
                (header_at + bytes) % RESIDENCY_PAGE_BYTES == 0;
    return fits ? bytes + header.before_bytes : 0;
}

uint64_t account_mapped_block(struct account_tables *tables, uint64_t page, uint64_t start,
                              uint64_t limit, uint64_t *block)
{
    uint64_t bytes = block_of(tables, page, start, limit, block);
    if (bytes == 0) {
        bytes = block_of(tables, page + RESIDENCY_PAGE_BYTES - HEADER_BYTES, start, limit, block);
    }
    return bytes;
}
