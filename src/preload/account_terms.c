/* The terms of the account: what each mapping, and each part of one, is counted as. */
#include "preload/account_tables.h"

#include <string.h>

#define SEARCH_PAGES_MAX 262144 /* 1 GiB in which a block of libc's is looked for */

/* Resident bytes of a part, no more than the mapping has left: the zero page is nobody's memory. */
static uint64_t part_take(struct account_tables *tables, const struct area *area, uint64_t start,
                          uint64_t limit)
{
    uint64_t bytes = account_resident(tables, area, start, limit);
    bytes = bytes < tables->area_left_bytes ? bytes : tables->area_left_bytes;
    tables->area_left_bytes -= bytes;
    return bytes;
}

static void module_add(struct account_tables *tables, uint32_t mapped, uint64_t bytes)
{
    const struct area *area = account_area(tables, tables->mapped[mapped].caller - 1);
    struct account_owner *owner =
        account_owner(&tables->modules, area == NULL ? ACCOUNT_NO_NAME : area->name);
    owner->anonymous_bytes += bytes;
    owner->mapping_count++;
}

/* The largest are kept. */
static void hole_add(struct account_tables *tables, uint64_t start, uint64_t limit, uint64_t bytes)
{
    struct account_hole hole = {start, limit, bytes};
    if (bytes == 0) {
        return;
    }
    if (tables->hole_count < ACCOUNT_HOLES_MAX) {
        tables->holes[tables->hole_count++] = hole;
        return;
    }
    struct account_hole *smallest = &tables->holes[0];
    for (size_t i = 1; i < ACCOUNT_HOLES_MAX; i++) {
        smallest = tables->holes[i].resident_bytes < smallest->resident_bytes ? &tables->holes[i]
                                                                              : smallest;
    }
    if (smallest->resident_bytes < bytes) {
        *smallest = hole;
    }
}

static void claim_add(struct account_tables *tables, const struct area *area,
                      const struct claim *claim, uint64_t start, uint64_t limit)
{
    uint64_t bytes = part_take(tables, area, start, limit);
    uint64_t *terms = tables->account->terms;
    switch (claim->kind) {
    case CLAIM_HEAP:
        account_heap_add(tables, start, limit, bytes);
        break;
    case CLAIM_PROFILER:
        terms[ACCOUNT_PROFILER] += bytes;
        break;
    case CLAIM_SAMPLED:
        terms[ACCOUNT_SAMPLED_IN_USE] += bytes; /* and free, until sampled_divide */
        break;
    case CLAIM_STACK:
        terms[ACCOUNT_STACKS] += bytes;
        tables->stacks[claim->index].resident_bytes += bytes;
        break;
    default:
        terms[ACCOUNT_MAPPED] += bytes;
        module_add(tables, claim->index, bytes);
        break;
    }
}

/* An unnamed mapping that follows a file's are the file's variables that are zero at first. */
static const struct area *area_before(const struct account_tables *tables, const struct area *area)
{
    const struct area *before = area - 1;
    bool follows = area > tables->areas && before->limit == area->start &&
                   before->kind == AREA_FILE && area->is_writable;
    return follows ? before : NULL;
}

static void file_private_add(struct account_tables *tables, uint32_t name, uint64_t bytes)
{
    if (name == tables->own_file) {
        tables->account->terms[ACCOUNT_PROFILER] += bytes;
        return;
    }
    tables->account->terms[ACCOUNT_FILES] += bytes;
    account_owner(&tables->files, name)->anonymous_bytes += bytes;
}

static bool loader_is_there(const struct account_tables *tables, uint64_t start, uint64_t limit)
{
    for (uint32_t i = 0; i < tables->loader_place_count; i++) {
        if (tables->loader_places[i] - start < limit - start) {
            return true;
        }
    }
    return false;
}

/* A part that nobody has claimed. */
static void rest_add(struct account_tables *tables, const struct area *area, uint64_t start,
                     uint64_t limit)
{
    uint64_t bytes = part_take(tables, area, start, limit);
    const struct area *before = area_before(tables, area);
    if (bytes == 0) {
        return;
    }
    if (start == area->start && before != NULL) {
        file_private_add(tables, before->name, bytes);
    } else if (loader_is_there(tables, start, limit)) {
        struct slu_bytes loader = {"[loader]", sizeof("[loader]") - 1};
        file_private_add(tables, account_name_keep(tables, loader), bytes);
    } else if (account_is_ended_stack(tables, start, limit)) {
        tables->account->terms[ACCOUNT_STACKS] += bytes;
        tables->account->stacks_ended_bytes += bytes;
    } else {
        hole_add(tables, start, limit, bytes);
    }
}

static bool more_blocks_are_mapped(const struct account_tables *tables)
{
    const struct account *account = tables->account;
    return !account->allocator_told ||
           account->walk.mapped_bytes < account->allocator.mapped_in_use_bytes;
}

/* Where the next block of libc's in a mapping of its own begins, and its length; or `limit`, 0. */
static uint64_t block_search(struct account_tables *tables, uint64_t start, uint64_t limit,
                             uint64_t *bytes)
{
    *bytes = 0;
    uint64_t page = start;
    for (; page < limit && more_blocks_are_mapped(tables); page += RESIDENCY_PAGE_BYTES) {
        uint64_t block = 0;
        *bytes = account_mapped_block(tables, page, start, limit, &block);
        if (*bytes > 0) {
            return block;
        }
        if (tables->search_pages == 0) {
            return limit;
        }
        tables->search_pages--;
    }
    return limit;
}

static void hole_divide(struct account_tables *tables, const struct area *area, uint64_t start,
                        uint64_t limit)
{
    while (start < limit) {
        uint64_t block_bytes = 0;
        uint64_t block = block_search(tables, start, limit, &block_bytes);
        if (block > start) {
            rest_add(tables, area, start, block);
        }
        if (block_bytes > 0) {
            tables->account->walk.mapped_bytes += block_bytes;
            tables->account->terms[ACCOUNT_HEAP_IN_USE] +=
                part_take(tables, area, block, block + block_bytes);
        }
        start = block + block_bytes;
    }
}

static void unnamed_add(struct account_tables *tables, const struct area *area)
{
    uint64_t at = area->start;
    tables->area_left_bytes = area->anonymous_bytes;
    for (uint32_t i = account_claim_after(tables, at); at < area->limit; i++) {
        bool is_here = i < tables->claim_count && tables->claims[i].start < area->limit;
        uint64_t start = is_here ? tables->claims[i].start : area->limit;
        if (start > at) {
            hole_divide(tables, area, at, start);
            at = start;
        }
        if (is_here) {
            uint64_t limit = tables->claims[i].limit;
            limit = limit < area->limit ? limit : area->limit;
            claim_add(tables, area, &tables->claims[i], at, limit);
            at = limit;
        }
    }
}

static void file_add(struct account_tables *tables, const struct area *area)
{
    struct account_owner *owner = account_owner(&tables->files, area->name);
    uint64_t bytes = area->rss_bytes - area->anonymous_bytes;
    *(area->is_executable ? &owner->text_bytes : &owner->data_bytes) += bytes;
    owner->mapping_count++;
    if (area->anonymous_bytes > 0) {
        file_private_add(tables, area->name, area->anonymous_bytes);
    }
}

static void owned_add(struct owners *owners, const struct area *area)
{
    struct account_owner *owner = account_owner(owners, area->name);
    owner->anonymous_bytes += area->anonymous_bytes;
    owner->data_bytes += area->rss_bytes - area->anonymous_bytes;
    owner->mapping_count++;
}

static void area_add(struct account_tables *tables, const struct area *area)
{
    uint64_t *terms = tables->account->terms;
    switch (area->kind) {
    case AREA_HEAP:
        account_heap_add(tables, area->start, area->limit, area->anonymous_bytes);
        break;
    case AREA_STACK:
        terms[ACCOUNT_STACKS] += area->anonymous_bytes;
        account_first_stack_add(tables, area);
        break;
    case AREA_NAMED:
        terms[ACCOUNT_NAMED] += area->anonymous_bytes;
        owned_add(&tables->named, area);
        break;
    case AREA_FILE:
        file_add(tables, area);
        break;
    case AREA_SHARED:
        terms[ACCOUNT_FILES] += area->anonymous_bytes; /* private copies of its pages */
        owned_add(&tables->shared, area);
        break;
    default:
        unnamed_add(tables, area);
        break;
    }
}

/* Free blocks of ours are resident, and those in use as far as they have been touched. */
static void sampled_divide(struct account *account)
{
    blocks_stats(&account->sampled);
    uint64_t *terms = account->terms;
    uint64_t free_bytes = account->sampled.cached_bytes;
    uint64_t all = terms[ACCOUNT_SAMPLED_IN_USE];
    terms[ACCOUNT_SAMPLED_FREE] = free_bytes < all ? free_bytes : all;
    terms[ACCOUNT_SAMPLED_IN_USE] = all - terms[ACCOUNT_SAMPLED_FREE];
}

static uint64_t at_most(uint64_t bytes, uint64_t most)
{
    return bytes < most ? bytes : most;
}

/* Heaps that could not be walked, by the allocator's own figures: what is in use is resident. */
static void unwalked_divide(struct account_tables *tables)
{
    struct account *account = tables->account;
    const struct allocator_stats *stats = &account->allocator;
    uint64_t left = tables->heap_unwalked_bytes;
    uint64_t walked = account->walk.in_use_bytes + account->walk.mapped_bytes;
    uint64_t in_use = stats->in_use_bytes > walked ? stats->in_use_bytes - walked : 0;
    in_use = account->allocator_told ? at_most(in_use, left) : left;
    uint64_t metadata = at_most(stats->metadata_bytes, left - in_use);
    account->terms[ACCOUNT_HEAP_IN_USE] += in_use;
    account->terms[ACCOUNT_HEAP_METADATA] += metadata;
    account->terms[ACCOUNT_HEAP_FREE] += left - in_use - metadata;
}

void account_terms_add(struct account_tables *tables)
{
    tables->search_pages = SEARCH_PAGES_MAX;
    for (uint32_t i = 0; i < tables->area_count; i++) {
        if (tables->areas[i].rss_bytes > 0) {
            area_add(tables, &tables->areas[i]);
        }
    }
    sampled_divide(tables->account);
    unwalked_divide(tables);
}
