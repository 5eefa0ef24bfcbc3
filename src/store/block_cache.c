#include "store/block_cache.h"

#include <errno.h>

#include <sluice/budget.h>

#include "sys/mutex.h"

/* What a decoded block takes at the most, its table of chunks and what unpacks it included. */
#define DECODED_MAX (4 * (uint64_t)SAMPLE_BLOCK_PLAIN_MAX)
#define NO_ENTRY    UINT32_MAX

struct entry {
    struct block_key key;
    struct block memory; /* empty: the entry is free */
    struct sample_block block;
    uint64_t used_at; /* by the count of holds */
    uint32_t hold_count;
};

struct block_cache {
    struct slu_budget *parent;
    struct slu_budget *budget; /* of all memory of blocks */
    struct mutex lock;
    uint64_t bytes_max;
    uint64_t clock;
    uint64_t hit_count;
    uint64_t miss_count;
    struct entry entries[BLOCK_CACHE_ENTRIES];
};

int block_cache_create(struct slu_budget *parent, uint64_t bytes_max, struct block_cache **out)
{
    void *memory = NULL;
    int err = slu_budget_alloc(parent, sizeof(struct block_cache), &memory);
    if (err != 0) {
        return err;
    }
    struct block_cache *cache = memory;
    *cache = (struct block_cache){.parent = parent, .bytes_max = bytes_max};
    err = slu_budget_create(parent, "block cache",
                            bytes_max < BLOCK_CACHE_MIN ? BLOCK_CACHE_MIN : bytes_max,
                            &cache->budget);
    if (err != 0) {
        slu_budget_free(parent, memory, sizeof(*cache));
        return err;
    }
    mutex_init(&cache->lock);
    *out = cache;
    return 0;
}

static void entry_drop(struct block_cache *cache, struct entry *entry)
{
    block_free(cache->budget, &entry->memory);
    *entry = (struct entry){.hold_count = 0};
}

void block_cache_destroy(struct block_cache **out)
{
    struct block_cache *cache = *out;
    *out = NULL;
    if (cache != NULL) {
        for (uint32_t i = 0; i < BLOCK_CACHE_ENTRIES; i++) {
            entry_drop(cache, &cache->entries[i]);
        }
        mutex_deinit(&cache->lock);
        slu_budget_destroy(&cache->budget);
        slu_budget_free(cache->parent, cache, sizeof(*cache));
    }
}

static bool is_free(const struct entry *entry)
{
    return entry->memory.data == NULL;
}

static uint32_t entry_find(const struct block_cache *cache, const struct block_key *key)
{
    for (uint32_t i = 0; i < BLOCK_CACHE_ENTRIES; i++) {
        const struct entry *entry = &cache->entries[i];
        if (!is_free(entry) && entry->key.part == key->part && entry->key.block == key->block) {
            return i;
        }
    }
    return NO_ENTRY;
}

/* A free entry, or else that which was used longest ago and is not held. */
static uint32_t victim_find(const struct block_cache *cache, bool is_free_wanted)
{
    uint32_t found = NO_ENTRY;
    for (uint32_t i = 0; i < BLOCK_CACHE_ENTRIES; i++) {
        const struct entry *entry = &cache->entries[i];
        if (is_free(entry)) {
            if (is_free_wanted) {
                return i;
            }
        } else if (entry->hold_count == 0 &&
                   (found == NO_ENTRY || entry->used_at < cache->entries[found].used_at)) {
            found = i;
        }
    }
    return found;
}

static uint64_t used_bytes(const struct block_cache *cache)
{
    struct slu_budget_stats stats;
    slu_budget_stats(cache->budget, &stats);
    return stats.used_bytes;
}

/* Let old blocks go until one more fits. False: those that are held leave no room */
static bool room_make(struct block_cache *cache)
{
    while (cache->bytes_max - used_bytes(cache) < DECODED_MAX) {
        uint32_t victim = victim_find(cache, false);
        if (victim == NO_ENTRY) {
            return false;
        }
        entry_drop(cache, &cache->entries[victim]);
    }
    return true;
}

static void entry_hold(struct block_cache *cache, uint32_t at, struct block_hold *hold)
{
    struct entry *entry = &cache->entries[at];
    entry->hold_count++;
    entry->used_at = ++cache->clock;
    *hold = (struct block_hold){.block = entry->block, .entry = at, .is_cached = true};
}

/* Look for a block, and make room for it if it is not there. */
static bool hold_try(struct block_cache *cache, const struct block_key *key,
                     struct block_hold *hold, bool *has_room)
{
    mutex_lock(&cache->lock);
    uint32_t found = entry_find(cache, key);
    if (found != NO_ENTRY) {
        cache->hit_count++;
        entry_hold(cache, found, hold);
    } else {
        cache->miss_count++;
        *has_room = room_make(cache);
    }
    mutex_unlock(&cache->lock);
    return found != NO_ENTRY;
}

/* Keep what was decoded; somebody else may have been sooner. */
static bool block_keep(struct block_cache *cache, const struct block_key *key,
                       struct block_hold *hold)
{
    mutex_lock(&cache->lock);
    struct block_hold own = *hold;
    uint32_t at = entry_find(cache, key);
    if (at != NO_ENTRY) {
        entry_hold(cache, at, hold);
        block_free(cache->budget, &own.memory);
    } else {
        at = victim_find(cache, true);
    }
    if (at != NO_ENTRY && !hold->is_cached) {
        struct entry *entry = &cache->entries[at];
        entry_drop(cache, entry);
        *entry = (struct entry){.key = *key, .memory = own.memory, .block = own.block};
        entry_hold(cache, at, hold);
    }
    mutex_unlock(&cache->lock);
    return hold->is_cached;
}

int block_cache_hold(struct block_cache *cache, const struct block_key *key, block_load_fn *load,
                     void *arg, struct slu_budget *budget, struct block_hold *hold)
{
    bool has_room = false;
    struct block_hold found = {.entry = NO_ENTRY};
    if (cache != NULL && cache->bytes_max >= BLOCK_CACHE_MIN &&
        hold_try(cache, key, hold, &has_room)) {
        return 0;
    }
    if (has_room) {
        int err = load(arg, cache->budget, &found.memory, &found.block);
        if (err == 0) {
            found.budget = cache->budget;
            (void)block_keep(cache, key, &found); /* else it is held, and freed when released */
            *hold = found;
        }
        if (err != -EDQUOT && err != -ENOMEM) {
            return err;
        }
        found = (struct block_hold){.entry = NO_ENTRY};
    }
    int err = load(arg, budget, &found.memory, &found.block);
    found.budget = budget;
    if (err == 0) {
        *hold = found;
    }
    return err;
}

void block_cache_release(struct block_cache *cache, struct block_hold *hold)
{
    if (hold->is_cached) {
        mutex_lock(&cache->lock);
        cache->entries[hold->entry].hold_count--;
        mutex_unlock(&cache->lock);
    } else if (hold->memory.data != NULL) {
        block_free(hold->budget, &hold->memory);
    }
    *hold = (struct block_hold){.entry = NO_ENTRY};
}

void block_cache_stats(struct block_cache *cache, struct block_cache_stats *stats)
{
    mutex_lock(&cache->lock);
    *stats = (struct block_cache_stats){.hit_count = cache->hit_count,
                                        .miss_count = cache->miss_count,
                                        .used_bytes = used_bytes(cache),
                                        .limit_bytes = cache->bytes_max};
    mutex_unlock(&cache->lock);
}
