#include "base/hash_map.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

/* Homes for three quarters of use, and room for what is displaced from the last ones. */
static uint32_t map_home_count(uint32_t capacity)
{
    return capacity + capacity / 3 + 1;
}

static uint32_t map_slot_count(uint32_t capacity)
{
    uint32_t displaced = capacity < HASH_MAP_PROBE_MAX ? capacity : HASH_MAP_PROBE_MAX;
    return map_home_count(capacity) + displaced;
}

size_t hash_map_plan(struct layout *layout, uint32_t capacity)
{
    SLU_ASSERT(capacity != 0 && capacity <= HASH_MAP_CAPACITY_MAX);
    return layout_add(layout, map_slot_count(capacity), sizeof(struct hash_map_slot),
                      GOLDEN_LINE_BYTES);
}

void hash_map_init(struct hash_map *map, void *slots, uint32_t capacity)
{
    *map = (struct hash_map){
        .slots = slots,
        .home_count = map_home_count(capacity),
        .slot_count = map_slot_count(capacity),
        .capacity = capacity,
    };
}

/* The first slot from the tag's home on that is empty or holds a greater tag. */
static uint32_t place_after(const struct hash_map *map, uint32_t tag)
{
    uint32_t at = hash_map_home(map, tag);
    while (map->slots[at].index_next != 0 && map->slots[at].tag <= tag) {
        at++;
    }
    return at;
}

/*
 * The empty slot that ends the run from `from` on, if moving the run one slot towards it keeps all
 * bounds; otherwise the slot that must stay empty.
 */
static uint32_t run_end(const struct hash_map *map, uint32_t from)
{
    uint32_t last = map->slot_count - 1;
    for (uint32_t at = from; at < last; at++) {
        const struct hash_map_slot *slot = &map->slots[at];
        if (slot->index_next == 0) {
            return at;
        }
        if (at - hash_map_home(map, slot->tag) + 1 >= HASH_MAP_PROBE_MAX ||
            at - from >= HASH_MAP_SHIFT_MAX) {
            return last;
        }
    }
    return last;
}

int hash_map_insert(struct hash_map *map, uint64_t hash, uint32_t index)
{
    SLU_ASSERT(index < HASH_MAP_NONE);
    uint32_t tag = hash_map_tag(hash);
    uint32_t at = place_after(map, tag);
    uint32_t end = run_end(map, at);
    if (map->count == map->capacity || end == map->slot_count - 1 ||
        at - hash_map_home(map, tag) >= HASH_MAP_PROBE_MAX) {
        return -EDQUOT;
    }
    struct hash_map_slot *slot = &map->slots[at];
    memmove(slot + 1, slot, (end - at) * sizeof(*slot));
    *slot = (struct hash_map_slot){.tag = tag, .index_next = index + 1};
    map->count++;
    return 0;
}

void hash_map_remove(struct hash_map *map, uint64_t hash, uint32_t index)
{
    uint32_t tag = hash_map_tag(hash);
    uint32_t at = hash_map_home(map, tag);
    while (map->slots[at].tag != tag || map->slots[at].index_next != index + 1) {
        SLU_ASSERT(map->slots[at].index_next != 0 && map->slots[at].tag <= tag);
        at++;
    }
    uint32_t end = at + 1;
    while (map->slots[end].index_next != 0 && hash_map_home(map, map->slots[end].tag) != end) {
        end++;
    }
    struct hash_map_slot *slot = &map->slots[at];
    memmove(slot, slot + 1, (end - at - 1) * sizeof(*slot));
    map->slots[end - 1] = (struct hash_map_slot){0};
    map->count--;
}

void hash_map_validate(const struct hash_map *map)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < map->slot_count; at++) {
        const struct hash_map_slot *slot = &map->slots[at];
        if (slot->index_next == 0) {
            continue;
        }
        uint32_t home = hash_map_home(map, slot->tag);
        SLU_ASSERT(home <= at && at - home < HASH_MAP_PROBE_MAX);
        if (home < at) {
            /* Reachable: no gap since its home, and the order holds. */
            SLU_ASSERT(slot[-1].index_next != 0 && slot[-1].tag <= slot->tag);
        }
        count++;
    }
    SLU_ASSERT(count == map->count && count <= map->capacity);
    SLU_ASSERT(map->slots[map->slot_count - 1].index_next == 0);
}
