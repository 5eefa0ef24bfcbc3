#include "profile/location_cache.h"

#include <string.h>

void location_cache_start(struct location_cache *cache, uint32_t id_last)
{
    cache->id_last = id_last;
    cache->use++;
    if (cache->use == 0) {
        memset(cache->entries, 0, sizeof(cache->entries));
        cache->use = 1;
    }
}

/* Fibonacci hashing: Knuth, "The Art of Computer Programming" 3, 6.4. */
static struct location_entry *set_of(struct location_cache *cache, uint64_t address)
{
    uint64_t mixed = address * UINT64_C(0x9e3779b97f4a7c15);
    return cache->entries[(mixed >> 32) % LOCATION_SETS];
}

bool location_cache_add(struct location_cache *cache, uint64_t address, uint32_t *id)
{
    struct location_entry *set = set_of(cache, address);
    uint32_t way = 0;
    while (way < LOCATION_WAYS && set[way].use == cache->use) {
        if (set[way].address == address) {
            *id = set[way].id;
            return false;
        }
        way++;
    }
    *id = ++cache->id_last;
    way = way < LOCATION_WAYS ? way : *id % LOCATION_WAYS;
    set[way] = (struct location_entry){.address = address, .id = *id, .use = cache->use};
    return true;
}
