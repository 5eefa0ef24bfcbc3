/* From the identities that a profile gives to those of the model: any numbers, mostly dense. */
#ifndef READERS_ID_MAP_H
#define READERS_ID_MAP_H

#include <stdint.h>

#include <sluice/api.h>

#include "profile/column.h"
#include "profile/key_index.h"

struct slu_budget;

#define ID_MAP_NONE UINT32_MAX

struct id_map {
    struct slu_budget *budget;
    uint32_t *dense; /* by identity: the value plus one */
    uint64_t dense_count;
    struct key_index index; /* of `sparse`, for identities from dense_count on */
    struct column sparse;
};

/* Prepare for about `expected_count` identities. Returns 0; -EDQUOT; -ENOMEM. */
SLU_MUST_USE int id_map_init(struct id_map *map, struct slu_budget *budget,
                             uint32_t expected_count);
void id_map_deinit(struct id_map *map);

/* Returns 0; -EEXIST; -EDQUOT; -ENOMEM. `value` is below ID_MAP_NONE. */
SLU_MUST_USE int id_map_add(struct id_map *map, uint64_t id, uint32_t value);

uint32_t id_map_find_sparse(const struct id_map *map, uint64_t id);

/* The value, or ID_MAP_NONE. */
static inline uint32_t id_map_find(const struct id_map *map, uint64_t id)
{
    return id < map->dense_count ? map->dense[id] - 1 : id_map_find_sparse(map, id);
}

#endif
