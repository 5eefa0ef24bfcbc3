#include "symbol/die_map.h"

#include <sluice/budget.h>

#define SLOTS_FIRST ((size_t)1024)

static size_t home_of(const struct die_map *map, const void *die)
{
    uint64_t hash = (uint64_t)(uintptr_t)die * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> 32) & (map->slot_count - 1);
}

static int slots_make(struct die_map *map, size_t slot_count)
{
    void *slots = NULL;
    int err = slu_budget_alloc(map->budget, slot_count * sizeof(struct die_map_slot), &slots);
    if (err == 0) {
        map->slots = slots;
        map->slot_count = slot_count;
        map->count = 0;
    }
    return err;
}

int die_map_init(struct die_map *map, struct slu_budget *budget)
{
    *map = (struct die_map){.budget = budget};
    return slots_make(map, SLOTS_FIRST);
}

void die_map_deinit(struct die_map *map)
{
    if (map->slots != NULL) {
        slu_budget_free(map->budget, map->slots, map->slot_count * sizeof(struct die_map_slot));
    }
    *map = (struct die_map){0};
}

static struct die_map_slot *slot_of(const struct die_map *map, const void *die)
{
    size_t place = home_of(map, die);
    while (map->slots[place].die != NULL && map->slots[place].die != die) {
        place = (place + 1) & (map->slot_count - 1);
    }
    return &map->slots[place];
}

uint32_t die_map_find(const struct die_map *map, const void *die)
{
    const struct die_map_slot *slot = slot_of(map, die);
    return slot->die == NULL ? DIE_MAP_NONE : slot->number;
}

int die_map_add(struct die_map *map, const void *die, uint32_t number)
{
    if (map->count + 1 > map->slot_count / 2) {
        struct die_map smaller = *map;
        int err = slots_make(map, 2 * map->slot_count);
        if (err != 0) {
            return err;
        }
        for (size_t i = 0; i < smaller.slot_count; i++) {
            if (smaller.slots[i].die != NULL) {
                *slot_of(map, smaller.slots[i].die) = smaller.slots[i];
            }
        }
        map->count = smaller.count;
        die_map_deinit(&smaller);
    }
    *slot_of(map, die) = (struct die_map_slot){die, number};
    map->count++;
    return 0;
}
