/*
 * Which locations have been written, by address: bounded, so that some are forgotten and written
 * again under another number, which readers take as well.
 */
#ifndef PROFILE_LOCATION_CACHE_H
#define PROFILE_LOCATION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/golden.h"

#define LOCATION_WAYS 4
#define LOCATION_SETS 4096

struct location_entry {
    uint64_t address;
    uint32_t id;
    uint32_t use; /* of the cache; another number: left over from an earlier one */
};
GOLDEN_LAYOUT(struct location_entry, 16, 0, 0, address, id, use);

/* Zeroed, or used before. */
struct location_cache {
    struct location_entry entries[LOCATION_SETS][LOCATION_WAYS];
    uint32_t use;
    uint32_t id_last;
};

/* Begin with an empty cache; numbers up to `id_last` are taken already. */
void location_cache_start(struct location_cache *cache, uint32_t id_last);

/* The number of the location. Returns true if it is a new one, that must be written. */
bool location_cache_add(struct location_cache *cache, uint64_t address, uint32_t *id);

#endif
