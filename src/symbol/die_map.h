/* From the places of debug information entries to numbers; grows with its entries. */
#ifndef SYMBOL_DIE_MAP_H
#define SYMBOL_DIE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <sluice/api.h>

struct slu_budget;

#define DIE_MAP_NONE UINT32_MAX

struct die_map_slot {
    const void *die; /* NULL: empty */
    uint32_t number;
};

struct die_map {
    struct slu_budget *budget;
    struct die_map_slot *slots;
    size_t slot_count; /* a power of two */
    size_t count;
};

/* Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int die_map_init(struct die_map *map, struct slu_budget *budget);
void die_map_deinit(struct die_map *map);

/* The number of `die`, or DIE_MAP_NONE. */
uint32_t die_map_find(const struct die_map *map, const void *die);

/* Add an entry that is not there. Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int die_map_add(struct die_map *map, const void *die, uint32_t number);

#endif
