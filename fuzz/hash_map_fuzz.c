/*
 * Property: whatever the hashes, the map holds what a plain table holds, stays in order, and an
 * insertion is refused only when it is full or a bound would be passed.
 *
 * Input: operations of three bytes: index, and 16 bits of hash, which are spread so that many share
 * a home. An index that is present is removed, an absent one inserted.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/hash_map.h"

#define CAPACITY    200
#define INDEX_COUNT 256

static uint64_t hashes[INDEX_COUNT];

static bool index_matches(const void *context, uint32_t index)
{
    return *(const uint32_t *)context == index;
}

static void operate(struct hash_map *map, bool *present, uint32_t index, uint64_t hash)
{
    if (present[index]) {
        SLU_ASSERT(hash_map_find(map, hashes[index], index_matches, &index) == index);
        hash_map_remove(map, hashes[index], index);
        present[index] = false;
        return;
    }
    SLU_ASSERT(hash_map_find(map, hash, index_matches, &index) == HASH_MAP_NONE);
    uint32_t count = map->count;
    if (hash_map_insert(map, hash, index) == 0) {
        hashes[index] = hash;
        present[index] = true;
    } else {
        SLU_ASSERT(map->count == count && count >= HASH_MAP_PROBE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layout layout = {0};
    size_t slots_at = hash_map_plan(&layout, CAPACITY);
    unsigned char *slots = calloc(1, layout.size_bytes);
    SLU_ASSERT(slots != NULL && slots_at == 0);
    struct hash_map map;
    hash_map_init(&map, slots, CAPACITY);
    bool present[INDEX_COUNT] = {false};
    for (size_t at = 0; at + 3 <= size; at += 3) {
        uint64_t hash = (uint64_t)data[at + 1] << 56 | (uint64_t)data[at + 2] << 32;
        operate(&map, present, data[at], hash);
    }
    hash_map_validate(&map);
    for (uint32_t index = 0; index < INDEX_COUNT; index++) {
        bool found = hash_map_find(&map, hashes[index], index_matches, &index) == index;
        SLU_ASSERT(found == present[index]);
    }
    free(slots);
    return 0;
}
